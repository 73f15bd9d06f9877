// SPDX-License-Identifier: GPL-2.0-or-later
// The first error of a build and the line of the source, from what make and the compiler print. The
// input's first line is the message, the second the source line, the rest the log.
#include "base/text.h"
#include "fuzz_target.h"
#include "module/diagnostic.h"

using namespace kobox;

FUZZ_TARGET(input) {
  Failure failure{.kind = FailureKind::build};
  for (const auto line : lines_of(input)) failure.log.emplace_back(line);
  if (!failure.log.empty()) failure.message = failure.log[0];
  if (failure.log.size() > 1) failure.source = failure.log[1];
  for (const auto& one : diagnostics_of(failure)) {
    REQUIRE(!one.name.empty());
    REQUIRE(one.name.size() <= 128);
    REQUIRE(one.name.find('/') == std::string::npos || one.about == Diagnostic::About::header);
    REQUIRE(!one.name.starts_with('/'));
    REQUIRE(one.name.find("..") == std::string::npos);
  }
  for (const auto& name : variables_set_in(input)) REQUIRE(input.find(name) != input.npos);
}
