// SPDX-License-Identifier: GPL-2.0-or-later
// What a .ko file says of itself: modinfo, functions, and source lines from its DWARF.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "module/seen_paths.h"

namespace kobox {

struct ModInfo {
  std::string name;
  std::string vermagic;
  std::string license;  // MODULE_LICENSE
  std::vector<std::string> depends;
  std::vector<std::string> parameters;  // those with a type or a description
  std::vector<std::string> aliases;
  std::vector<std::string> soft_before, soft_after;  // MODULE_SOFTDEP's "pre:" and "post:"
};
Result<ModInfo> read_modinfo(const std::filesystem::path& ko);

struct SourceLocation {
  std::string function;  // innermost, inlined ones included
  std::string file;  // as DWARF has it, made relative to the module's directory where it is in it
  int line = 0;

  // Of the module's own directory, not of the kernel's headers.
  bool is_in_module() const { return std::filesystem::path(file).is_relative() && !file.empty(); }
};

// The lines of one module. Reads the file once; answers from memory.
class KoLines {
 public:
  // `sources`: where the module was built; names of files there become relative to its directory.
  static Result<KoLines> open(const std::filesystem::path& ko, const SeenPaths& sources);
  KoLines(KoLines&&) noexcept;
  KoLines& operator=(KoLines&&) noexcept;
  ~KoLines();

  // Whether DWARF covers any of its functions.
  bool has_lines() const;

  // What the kernel's "dev_write+0x12/0x90 [mod]" means: the frames at that place, innermost
  // (inlined) first. `size` tells functions of the same name apart (0: any). is_return_address:
  // a frame of a backtrace below the first holds the address after the call, so the line is
  // looked up one byte before. Empty if the symbol is not there or the module has no DWARF.
  enum class Address { exact, after_call };
  std::vector<SourceLocation> locate(std::string_view function, std::uint64_t offset,
                                     std::uint64_t size, Address address) const;

 private:
  struct Impl;
  explicit KoLines(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kobox
