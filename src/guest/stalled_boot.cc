// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/stalled_boot.h"

#include <algorithm>

#include "base/regex.h"
#include "base/text.h"
#include "kernel/kallsyms.h"
#include "vm/cpu_state.h"

namespace kobox {
namespace {

constexpr Duration k_answer = std::chrono::seconds(2);
// Below it is the real mode's memory, with the firmware, which runs before any kernel.
constexpr std::uint64_t k_real_mode_end = 1 << 20;

Result<std::vector<KernelSymbol>> kernel_symbols(const Kernel& kernel) {
  KOBOX_TRY(const auto image, ElfImage::open(kernel.vmlinux));
  return read_kallsyms(image);
}

std::string place_of(std::uint64_t address, const std::vector<KernelSymbol>& symbols) {
  if (address < k_real_mode_end) return fmt::format("the firmware at {:#x}", address);
  const auto after = std::ranges::upper_bound(symbols, address, {}, &KernelSymbol::address);
  if (after == symbols.begin() || after == symbols.end()) return fmt::format("{:#x}", address);
  const auto& symbol = *std::prev(after);
  return fmt::format("{}+{:#x}", symbol.name, address - symbol.address);
}

}  // namespace

std::string cpu_positions(Guest& guest) {
  const auto states = cpu_states(guest.machine().monitor(), Deadline::after(k_answer));
  if (!states) return "";
  const auto symbols = kernel_symbols(guest.spec().kernel).value_or(std::vector<KernelSymbol>{});
  std::vector<std::string> said;
  for (std::size_t i = 0; i < states->size(); ++i)
    said.push_back(fmt::format("CPU {} is {}in {}", i, (*states)[i].halted ? "halted " : "",
                               place_of((*states)[i].rip, symbols)));
  return join(said, ", ");
}

bool kernel_has_printed(std::string_view console) {
  // Its lines have the time before them (CONFIG_PRINTK_TIME), or begin with one of these words.
  static const Regex said =
      Regex::compile(R"(\[ *[0-9]+\.[0-9]{6}\]|(?:^|[\r\n])(?:Linux version |Kernel panic|BUG: |)"
                     R"(Oops: |PANIC: |early console|Decompressing Linux))")
          .value();
  return said.search(console);
}

}  // namespace kobox
