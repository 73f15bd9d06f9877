// SPDX-License-Identifier: GPL-2.0-or-later
// What holds of HTML and Markdown whatever the report; report_test.cc has their golden files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "report/render.h"

namespace kobox {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* k_hostile =
    "</pre></details><script>alert(1)</script> | `x` ``` @all #1 [a](http://b) \x1b[2J \xff";

// Every second kernel has no version in its name: what has one is shown by that alone.
Report hostile_report(int tests, int kernels, std::size_t log_lines = 40) {
  Report report{.module = k_hostile};
  for (int k = 0; k < kernels; ++k) {
    RunResult run{.kernel = k % 2 == 0 ? fmt::format("6.{}.0-{}", k, k_hostile)
                                       : fmt::format("{} {}", k_hostile, k),
                  .arch = "x86_64",
                  .accel = "tcg",
                  .accel_reason = k_hostile};
    for (int t = 0; t < tests; ++t) {
      auto test = judged_test(fmt::format("{} {}", t, k_hostile),
                              Failure{.kind = FailureKind::oops,
                                      .message = fmt::format("{} of {}", k_hostile, t),
                                      .function = k_hostile,
                                      .file = k_hostile,
                                      .line = t,
                                      .source = k_hostile,
                                      .log = std::vector<std::string>(log_lines, k_hostile),
                                      .reproduce = k_hostile,
                                      .console = k_hostile});
      run.tests.push_back(test);
    }
    run.tests.push_back(skipped_test(k_hostile, k_hostile));
    settle(run);
    report.runs.push_back(run);
  }
  settle(report);
  return report;
}

std::size_t times_in(const std::string& text, std::string_view what) {
  std::size_t times = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++times;
  return times;
}

TEST(HtmlPage, NothingInItIsMarkupOfTheGuests) {
  const auto page = render_html(hostile_report(3, 2), [](const auto&) { return k_hostile; });
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("\x1b")));
  EXPECT_EQ(times_in(page, "<pre"), times_in(page, "</pre>"));
  EXPECT_EQ(times_in(page, "<details"), times_in(page, "</details>"));
  EXPECT_THAT(page, HasSubstr("end of the console"));
}

TEST(HtmlPage, WithoutAConsoleItSaysOnlyWhereThatIs) {
  const auto page = render_html(hostile_report(1, 1), {});
  EXPECT_THAT(page, Not(HasSubstr("end of the console")));
}

TEST(HtmlPage, OfNothingItSaysSo) {
  EXPECT_THAT(render_html({.module = "m"}, {}), HasSubstr("nothing was run"));
}

TEST(Markdown, NothingInItIsMarkupOfTheGuests) {
  const auto text = render_markdown(hostile_report(3, 2));
  EXPECT_THAT(text, Not(HasSubstr("<script")));
  EXPECT_EQ(times_in(text, "<details"), times_in(text, "</details>"));
  EXPECT_EQ(times_in(text, "<pre>"), times_in(text, "</pre>"));
  bool raw = false;  // in <pre>, where nothing is markup but tags
  for (const auto line : lines_of(text)) {
    if (line == "<pre>" || line == "</pre>") raw = line == "<pre>";
    if (raw) continue;
    EXPECT_THAT(line, Not(AnyOf(HasSubstr("`"), HasSubstr("@all"), HasSubstr(" #1"))));
    if (line.starts_with("|")) {
      EXPECT_EQ(times_in(std::string(line), "|"), 4U) << line;
    }
  }
}

TEST(Markdown, IsNeverLongerThanACommentMayBe) {
  for (const auto& [tests, kernels] : {std::pair(400, 3), {2, 3000}, {1, 1}}) {
    const auto text = render_markdown(hostile_report(tests, kernels));
    EXPECT_LE(text.size(), 65'000U);
    EXPECT_EQ(times_in(text, "<details"), times_in(text, "</details>"));
  }
  // Of small failures as many are shown as there is room for.
  const auto full = render_markdown(hostile_report(400, 1, 0));
  EXPECT_LE(full.size(), 65'000U);
  EXPECT_GE(full.size(), 63'000U);
  const auto many = render_markdown(hostile_report(400, 3));
  EXPECT_THAT(many, HasSubstr("more tests are not shown"));
  EXPECT_THAT(many, HasSubstr("more failures are not shown"));
  EXPECT_THAT(render_markdown(hostile_report(1, 3000)),
              HasSubstr("The table of 3000 kernels is too large"));
}

TEST(Markdown, NotesThatFindNoRoomAreCounted) {
  auto report = hostile_report(0, 2);
  for (int i = 0; i < 300; ++i)
    report.runs[0].tests.push_back(
        skipped_test(fmt::format("t{}", i), fmt::format("reason {}", i)));
  const auto text = render_markdown(report);
  EXPECT_THAT(text, HasSubstr("- t99, on 6.0: reason 99\n"));
  EXPECT_THAT(text, HasSubstr(" more are not shown"));
  EXPECT_EQ(times_in(text, "<details"), times_in(text, "</details>"));
}

TEST(Markdown, ManyTestsThatPassAreOneLine) {
  Report report{.module = "m"};
  RunResult run{.kernel = "6.1"};
  for (int i = 0; i < 100; ++i) run.tests.push_back({.name = fmt::format("test {}", i)});
  settle(run);
  report.runs = {run};
  settle(report);
  const auto text = render_markdown(report);
  EXPECT_THAT(text, HasSubstr("100 more tests pass on every kernel."));
  EXPECT_THAT(text, HasSubstr("builds and passes on 6.1"));
}

TEST(Markdown, OfNothingItSaysSo) {
  EXPECT_THAT(render_markdown({.module = "m"}), HasSubstr("Nothing was run."));
}

}  // namespace
}  // namespace kobox
