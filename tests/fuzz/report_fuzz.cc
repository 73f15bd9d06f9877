// SPDX-License-Identifier: GPL-2.0-or-later
// A report of kobox.report/1: what is read is written and read again as it was, and every format
// can show it.
#include "base/text.h"
#include "fuzz_target.h"
#include "report/formats.h"
#include "report/merge.h"
#include "report/read_report.h"

using namespace kobox;

FUZZ_TARGET(input) {
  const auto report = read_report(input);
  if (!report) {
    REQUIRE(report.error().kind() == ErrorKind::usage);
    REQUIRE(report.error().message().size() < 500);
    REQUIRE(printable(report.error().message()) == report.error().message());
    return;
  }
  const auto text = render_json(*report);
  REQUIRE(render_json(read_report(text).value()) == text);
  for (const auto& format : report_formats()) {
    const auto shown = format.render(*report, {});
    REQUIRE(format.name != "markdown" || shown.size() <= 65'000);
  }
  if (const auto merged = merge_reports({{"a", *report}}))
    REQUIRE(merged->module == report->module);
}
