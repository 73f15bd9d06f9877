// SPDX-License-Identifier: GPL-2.0-or-later
// The machine code of a .ko, without its exit functions: its functions, what they call, and where
// they set a number, as far as symbols, relocations and single instructions tell.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kernel/elf_image.h"

namespace kobox {

struct KoFunction {
  std::string name;         // as its symbol: "probe", "probe.constprop.0", "probe.cold"
  std::size_t section = 0;  // in ElfImage::sections
  std::uint64_t start = 0;  // in the section
  std::uint64_t size = 0;
  // It begins with the call that the kernel's function tracing needs (-pg -mfentry), and no other
  // function of the module has its name: a probe may be set at it.
  bool is_traceable = false;
  std::set<std::string> calls;    // functions that are not the module's own
  bool calls_by_pointer = false;  // known only where KoCode::knows_pointers
  // Of the module's own, in KoCode::functions; more than there are, where other bytes look like a
  // call.
  std::set<std::size_t> own_calls;
};

// Writes a copy of a .ko in which a symbol stands at the end of each section with code. Without it
// a kernel that sets a probe in the last function of a section takes what follows for code of it,
// up to the end of the memory and beyond, and faults (can_optimize in arch/x86/kernel/kprobes/opt.c
// of Linux 6.12). Runs objcopy. Errors: as run_command's; tool.
Result<> write_with_section_ends(const std::filesystem::path& ko, const std::filesystem::path& to);

class KoCode {
 public:
  // ErrorKind::environment for what cannot be read or is no module of a known architecture.
  static Result<KoCode> open(const std::filesystem::path& ko);

  const std::vector<KoFunction>& functions() const { return functions_; }
  // What init may call, and what that calls and so on, but not by pointers; the nearest first, init
  // itself included.
  std::vector<const KoFunction*> reached_by_init() const;
  // The function that the kernel calls when it loads the module; nullptr: the module has no such.
  const KoFunction* init() const { return init_ ? &functions_[*init_] : nullptr; }
  // Built with retpolines: what calls by a pointer refers to a thunk.
  bool knows_pointers() const { return knows_pointers_; }

  // A symbol in each section with code, by which the section is found again in a kernel.
  struct Anchor {
    std::size_t section = 0;
    std::size_t symbol = 0;  // in the symbol table
    std::uint64_t value = 0;
  };
  const std::vector<Anchor>& anchors() const { return anchors_; }

  struct Place {
    const KoFunction* function = nullptr;
    std::uint64_t offset = 0;  // from its start, at most its size
  };
  // Of an address behind an instruction. `anchors`: where anchors() lie. Nothing if it is not the
  // module's.
  std::optional<Place> before(std::uint64_t address,
                              const std::vector<std::uint64_t>& anchors) const;
  // Instructions that move this number into a register. Bytes that only look like one may be among
  // them.
  std::vector<Place> moves_of(std::int32_t number) const;
  // Within the jumps by which a function leaves for another one that is not the module's own.
  std::vector<Place> jumps(const KoFunction& from, const std::string& to) const;

 private:
  void read_functions(const ElfImage& image);
  void read_relocations(const ElfImage& image);
  void read_own_calls();
  // Which of functions_.
  std::optional<std::size_t> holding(std::size_t section, std::uint64_t offset) const;

  std::vector<KoFunction> functions_;  // by section and start
  std::optional<std::size_t> init_;
  std::vector<Anchor> anchors_;
  std::map<std::size_t, std::string> code_;  // bytes by section
  struct Jump {
    std::size_t from = 0;  // in functions_
    std::string to;
    std::uint64_t offset = 0;
  };
  struct Symbol {
    std::string name;         // "" for the module's own
    std::size_t section = 0;  // of those
    std::uint64_t value = 0;
  };
  std::vector<Symbol> symbols_;                                // by index
  std::set<std::pair<std::size_t, std::uint64_t>> relocated_;  // fields, by section and offset
  std::vector<Jump> jumps_;
  bool knows_pointers_ = false;
};

}  // namespace kobox
