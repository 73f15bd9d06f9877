// SPDX-License-Identifier: GPL-2.0-or-later
// The page of a report in a real browser: what it shows is what was found, and it neither does nor
// loads anything, whatever a guest said.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "browser.h"
#include "report/render.h"
#include "tool.h"

namespace kobox::e2e {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// What gets through becomes an attribute of the document, or a line of the browser's.
constexpr const char* k_attack =
    "</pre></td></table><img src=x onerror=\"document.documentElement.id='broken'\">"
    "<script>document.documentElement.id='broken'</script><link rel=stylesheet href=http://x/>";

Report attacked() {
  Report report{.module = k_attack};
  for (const char* kernel : {"6.12.1-cloud-amd64", "6.1.0-56-cloud-amd64"}) {
    RunResult run{.kernel = kernel, .arch = "x86_64", .accel = "tcg", .accel_reason = k_attack};
    run.tests = {{.name = "greets", .seconds = 0.25, .note = k_attack}};
    auto failed = judged_test(k_attack, Failure{.kind = FailureKind::oops,
                                                .message = k_attack,
                                                .function = k_attack,
                                                .file = k_attack,
                                                .line = 7,
                                                .source = k_attack,
                                                .log = {k_attack},
                                                .reproduce = k_attack,
                                                .console = k_attack});
    failed.seconds = 1.5;
    run.tests.push_back(failed);
    settle(run);
    report.runs.push_back(run);
  }
  report.runs.push_back(
      {.kernel = "7.2.1-amd64",
       .failure = Failure{.kind = FailureKind::build, .message = "'class_create' <undeclared>"}});
  settle(report.runs.back());
  settle(report);
  return report;
}

TEST(ReportPage, ShowsTheMatrixAndDoesNothingElse) {
  const auto temp = TempDir::make(fs::temp_directory_path(), "kobox-page").value();
  const auto page = render_html(attacked(), [](const auto&) { return k_attack; });
  const auto seen = browse(page, temp.path());
  EXPECT_THAT(seen.console, Not(HasSubstr("CONSOLE"))) << seen.console;
  EXPECT_THAT(seen.document, Not(HasSubstr("id=\"broken\"")));
  for (const char* tag : {"<img", "<script", "<link"})
    EXPECT_THAT(seen.document, Not(HasSubstr(tag)));
  const auto attack = std::string(k_attack);
  EXPECT_THAT(rows_of(seen.document, "matrix", Cells::all),
              ElementsAre("build | ok | ok | fail | ", "greets | ok 0.25 s | ok 0.25 s |  | ",
                          attack + " | fail 1.50 s | fail 1.50 s |  | "));
  EXPECT_THAT(rows_of(seen.document, "runs").at(2), HasSubstr("7.2.1-amd64 | 1 failed | "));
  // Both kernels' failure is one; each mark leads to its own.
  EXPECT_THAT(seen.document, HasSubstr("<a href=\"#f2\">fail</a>"));
  EXPECT_THAT(seen.document, HasSubstr("id=\"f2\""));
  EXPECT_THAT(seen.document, Not(HasSubstr("id=\"f3\"")));
}

}  // namespace
}  // namespace kobox::e2e
