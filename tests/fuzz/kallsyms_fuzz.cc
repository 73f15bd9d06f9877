// SPDX-License-Identifier: GPL-2.0-or-later
// The .rodata of a file that says it is a kernel, linked to where kernels are linked to.
#include "fuzz_target.h"
#include "kernel/kallsyms.h"

using namespace kobox;

FUZZ_TARGET(input) {
  const auto symbols = read_kallsyms(input, 0xffffffff82200000, 0xffffffff81000000);
  if (!symbols) {
    REQUIRE(symbols.error().kind() == ErrorKind::environment);
    return;
  }
  REQUIRE(!symbols->empty() && symbols->size() <= input.size() / 4);
  for (const auto& symbol : *symbols) REQUIRE(!symbol.name.empty() && symbol.name.size() <= 512);
}
