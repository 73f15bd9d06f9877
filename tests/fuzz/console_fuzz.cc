// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's console. The first byte says in which pieces it arrives; the header promises that
// this makes no difference.
#include "fuzz_target.h"
#include "verdict/kernel_report.h"

using namespace kobox;

FUZZ_TARGET(input) {
  if (input.empty()) return;
  const auto piece = static_cast<std::size_t>(static_cast<unsigned char>(input[0])) + 1;
  input.remove_prefix(1);
  ReportReader whole, pieces;
  whole.feed(input);
  whole.finish();
  for (std::size_t at = 0; at < input.size(); at += piece) pieces.feed(input.substr(at, piece));
  pieces.finish();
  REQUIRE(whole.reports().size() == pieces.reports().size());
  REQUIRE(whole.reports().size() <= 100);
  for (std::size_t i = 0; i < whole.reports().size(); ++i) {
    const auto& report = whole.reports()[i];
    REQUIRE(report.title == pieces.reports()[i].title);
    REQUIRE(report.kind == pieces.reports()[i].kind);
    REQUIRE(report.lines == pieces.reports()[i].lines);
    REQUIRE(report.lines.size() <= 200);
    (void)report.innermost_frame(std::vector<std::string>{"qemu_exercise"});
  }
  REQUIRE((whole.most_telling() == nullptr) == whole.reports().empty());
}
