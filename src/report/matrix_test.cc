// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "report/guest_text.h"
#include "report/render.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Failure build_failure(const std::string& message = "too many arguments to 'class_create'") {
  return {.kind = FailureKind::build, .message = message, .file = "a.c", .line = 12};
}

RunResult passing_run(std::string kernel) {
  RunResult run{.kernel = std::move(kernel), .arch = "x86_64", .accel = "tcg"};
  run.tests = {{.name = "greets", .seconds = 0.5}, {.name = "takes a message", .seconds = 1.25}};
  settle(run);
  return run;
}

RunResult unbuilt_run(std::string kernel) {
  RunResult run{.kernel = std::move(kernel), .arch = "x86_64", .failure = build_failure()};
  settle(run);
  return run;
}

RunResult failing_run(std::string kernel, const std::string& message) {
  auto run = passing_run(std::move(kernel));
  run.tests[1] = judged_test("takes a message", Failure{.kind = FailureKind::oops,
                                                        .message = message,
                                                        .function = "dev_write",
                                                        .file = "a.c",
                                                        .line = 84});
  settle(run);
  return run;
}

Report report_of(std::vector<RunResult> runs) {
  Report report{.module = "m", .runs = std::move(runs)};
  settle(report);
  return report;
}

std::vector<std::string> labels(const std::vector<std::string>& kernels) {
  Report report;
  for (const auto& kernel : kernels) report.runs.push_back({.kernel = kernel});
  std::vector<std::string> labels;
  for (const auto& column : matrix_of(report).columns) labels.push_back(column.label);
  return labels;
}

TEST(Matrix, WhatChangedInTheHeadersIsOneReasonOfManyMessages) {
  const auto changed = [](std::string kernel, const char* message) {
    auto run = unbuilt_run(std::move(kernel));
    run.failure = build_failure(message);
    run.failure->api_change =
        ApiChange{.name = "class_create", .summary = "class_create() takes one argument"};
    return run;
  };
  const auto view = matrix_of(report_of({passing_run("6.1.0-56-amd64"),
                                         changed("6.12.1-amd64", "incompatible type (init.h:174)"),
                                         changed("7.3.4-amd64", "too many arguments")}));
  EXPECT_EQ(view.failures.size(), 1U);
  EXPECT_EQ(view.answer,
            "builds and passes on 6.1; fails to build from 6.12 on: class_create() takes one "
            "argument");
}

TEST(Matrix, ColumnsStandInTheOrderOfTheirVersions) {
  EXPECT_THAT(labels({"6.12.117+deb12-cloud-amd64", "7.3~rc1-amd64", "5.10.0-33-cloud-amd64",
                      "6.1.0-56-cloud-amd64"}),
              ElementsAre("5.10", "6.1", "6.12", "7.3"));
  EXPECT_TRUE(older_kernel("7.3~rc1-amd64", "7.3.1-amd64"));
  EXPECT_FALSE(older_kernel("6.12.1", "6.2.1"));
}

TEST(Matrix, LabelsAreAsShortAsTheyCanBe) {
  EXPECT_THAT(labels({"6.1.0-56-cloud-amd64", "6.1.0-56-amd64", "6.12.1-rt-amd64"}),
              ElementsAre("6.1", "6.1-cloud", "6.12-rt"));
  EXPECT_THAT(labels({"6.1.0-56-amd64", "6.1.0-57-amd64"}),
              ElementsAre("6.1.0-56-amd64", "6.1.0-57-amd64"));
  EXPECT_THAT(labels({"6.1.0-56-amd64", "6.1.0-56-amd64"}),
              ElementsAre("6.1.0-56-amd64", "6.1.0-56-amd64 (2)"));
  EXPECT_THAT(labels({"/boot/vmlinuz", "6.9-cloud"}), ElementsAre("/boot/vmlinuz", "6.9"));
}

TEST(Matrix, AFailureOnSeveralKernelsIsOne) {
  const auto view = matrix_of(report_of(
      {failing_run("6.12.1", "BUG: unable to handle page fault for address: ffff888003fe0001"),
       failing_run("6.1.0-56", "BUG: unable to handle page fault for address: ffff888003fe1234"),
       failing_run("7.3.1", "general protection fault")}));
  ASSERT_EQ(view.failures.size(), 2U);
  EXPECT_THAT(view.failures[0].columns, ElementsAre(0, 1));
  EXPECT_THAT(view.failures[0].tests, ElementsAre("takes a message"));
  EXPECT_THAT(view.failures[0].failure.message, HasSubstr("ffff888003fe1234"));  // 6.1's
  EXPECT_THAT(view.failures[1].columns, ElementsAre(2));
}

TEST(Matrix, OnlyWhatIsTheMachinesIsLeftOutOfAMessage) {
  EXPECT_EQ(normalized_message("soft lockup - CPU#0 stuck for 22s! [insmod:123]"),
            normalized_message("soft lockup - CPU#1 stuck for 26s! [insmod:98]"));
  EXPECT_EQ(normalized_message("not ended after 2 min 5 s"),
            normalized_message("not ended after 3 min 7.5 s"));
  EXPECT_EQ(normalized_message("Oops: divide error: 0000 [#1] PREEMPT SMP NOPTI"),
            normalized_message("divide error: 0000 [#2] SMP"));
  EXPECT_NE(normalized_message("status 1 instead of 0"),
            normalized_message("status 2 instead of 0"));
}

TEST(Matrix, RowsKeepTheOrderOfTheTests) {
  auto middle = passing_run("6.12.1");
  middle.tests.insert(middle.tests.begin() + 1, TestResult{.name = "between"});
  const auto view = matrix_of(report_of({passing_run("6.1.0"), middle, unbuilt_run("7.2.1")}));
  std::vector<std::string> names;
  for (const auto& row : view.rows) names.push_back(row.name);
  EXPECT_THAT(names, ElementsAre("build", "greets", "between", "takes a message"));
  EXPECT_EQ(view.rows[0].cells[0].verdict, Verdict::pass);
  EXPECT_EQ(view.rows[0].cells[2].verdict, Verdict::fail);
  EXPECT_EQ(view.rows[2].cells[0].verdict, std::nullopt);
  EXPECT_EQ(view.rows[1].cells[2].verdict, std::nullopt);
  EXPECT_EQ(view.rows[3].cells[1].seconds, 1.25);
}

TEST(Matrix, OfTwoTestsOfOneNameTheWorseIsShown) {
  auto run = failing_run("6.1.0", "an oops");
  run.tests.push_back({.name = "takes a message"});
  const auto view = matrix_of(report_of({run, passing_run("6.12.1")}));
  EXPECT_EQ(view.rows[1].cells[0].verdict, Verdict::fail);
}

TEST(Matrix, TheAnswerNamesRangesAndReasons) {
  EXPECT_EQ(matrix_of(report_of({passing_run("5.10.1"), passing_run("6.1.0"), passing_run("6.12.1"),
                                 unbuilt_run("7.2.1"), unbuilt_run("7.3.1")}))
                .answer,
            "builds and passes on 5.10 to 6.12; fails to build from 7.2 on: too many arguments to "
            "'class_create'");
  EXPECT_EQ(matrix_of(report_of({passing_run("6.1.0"), passing_run("6.12.1")})).answer,
            "builds and passes on both kernels, 6.1 and 6.12");
}

TEST(Matrix, TheAnswerIsRightWhereThePatternIsNotMonotonic) {
  EXPECT_EQ(matrix_of(report_of({passing_run("5.10.1"), unbuilt_run("6.1.0"), passing_run("6.12.1"),
                                 failing_run("7.2.1", "an oops")}))
                .answer,
            "builds and passes on 5.10 and 6.12; fails to build on 6.1: too many arguments to "
            "'class_create'; fails 1 of 2 tests on 7.2: an oops");
  // All later flavours of one line are no "from 6.1-cloud on".
  EXPECT_EQ(matrix_of(report_of({passing_run("6.1.0-56-amd64"), unbuilt_run("6.1.0-56-cloud-amd64"),
                                 unbuilt_run("6.12.1-cloud-amd64")}))
                .answer,
            "builds and passes on 6.1; fails to build on 6.1-cloud and 6.12-cloud: too many "
            "arguments to 'class_create'");
}

TEST(Matrix, WhatCouldNotBeJudgedIsNotCalledAPass) {
  RunResult lost{.kernel = "6.9",
                 .failure = Failure{.kind = FailureKind::environment, .message = "no space"}};
  settle(lost);
  RunResult skipped{.kernel = "7.3.1"};
  skipped.tests = {skipped_test("greets", "is for kernels <7")};
  settle(skipped);
  EXPECT_EQ(matrix_of(report_of({passing_run("6.1.0"), lost, skipped})).answer,
            "builds and passes on 6.1; could not be judged on 6.9: no space; was not tested on "
            "7.3");
}

TEST(Matrix, WhereNobodyLookedItIsNotSaidToBuild) {
  RunResult lost{.kernel = "6.9"};
  lost.tests = {judged_test(
      "greets", Failure{.kind = FailureKind::environment, .message = "shard 2/2: its node died"})};
  settle(lost);
  RunResult skipped{.kernel = "6.10"};
  skipped.tests = {skipped_test("greets", "is for kernels <6")};
  settle(skipped);
  const auto view = matrix_of(report_of(
      {passing_run("6.1"), lost, skipped, failing_run("6.12", "an oops"), unbuilt_run("7.2")}));
  ASSERT_EQ(view.rows[0].name, "build");
  std::vector<std::optional<Verdict>> verdicts;
  for (const auto& cell : view.rows[0].cells) verdicts.push_back(cell.verdict);
  EXPECT_THAT(verdicts,
              ElementsAre(Verdict::pass, std::nullopt, std::nullopt, Verdict::pass, Verdict::fail));
}

TEST(Matrix, ANoteIsOneOfAllThatItConcerns) {
  auto old = passing_run("6.1.0-56-amd64");
  auto middle = passing_run("6.12.1-amd64");
  auto late = passing_run("7.2.1-amd64");
  for (auto* run : {&old, &middle}) run->tests[1].note = "its fork did not resume";
  for (auto& test : late.tests) test = skipped_test(test.name, "cannot be\nfetched");
  const auto view = matrix_of(report_of({late, middle, old}));
  std::vector<std::string> notes;
  for (const auto& [said, tests, columns] : view.notes)
    notes.push_back(place_in_words(view, tests, columns, 5) + ": " + said);
  EXPECT_THAT(notes, ElementsAre("takes a message, on 6.1 and 6.12: its fork did not resume",
                                 "greets, takes a message, on 7.2: cannot be fetched"));
  EXPECT_EQ(place_in_words(view, {"a", "b", "c"}, {0, 1, 2}, 2), "a, b and 1 more, on 6.1 to 7.2");
}

// What a check could not see is said in every format for people.
TEST(Matrix, NotesAreShownOnSeveralKernelsToo) {
  const std::string lost = "3 records of the kernel log were lost";
  auto gap = passing_run("6.1.0-56-amd64");
  gap.tests[0].note = lost;
  const auto report = report_of({gap, passing_run("6.12.1-amd64")});
  EXPECT_THAT(render_terminal(report, Color::off),
              HasSubstr("\nnotes\n  greets, on 6.1: " + lost + "\n\n2 passed on"));
  EXPECT_THAT(render_markdown(report), HasSubstr("\n- greets, on 6.1: " + lost + "\n"));
  EXPECT_THAT(render_html(report, {}), HasSubstr("<li>greets, on 6.1: " + lost + "</li>"));
}

TEST(Matrix, QuietItIsOnlyWhatFailed) {
  auto report = report_of({passing_run("6.1.0-56-amd64"), failing_run("6.12.1-amd64", "an oops")});
  report.runs[0].tests[0].note = "3 records of the kernel log were lost";
  const auto text = render_matrix_failures(report, Color::off);
  EXPECT_TRUE(text.starts_with("\nFAIL  takes a message, on 6.12\n")) << text;
  EXPECT_THAT(text, HasSubstr("\n\n2 passed on 6.1.0-56-amd64"));
  EXPECT_TRUE(text.ends_with("\nbuilds and passes on 6.1; fails 1 of 2 tests on 6.12: an oops\n"))
      << text;
  EXPECT_THAT(text, testing::Not(HasSubstr("records")));
}

// --- the table

std::size_t widest(const std::string& text) {
  std::size_t width = 0;
  for (const auto line : lines_of(text)) width = std::max(width, characters_in(line));
  return width;
}

TEST(MatrixTable, ManyKernelsAreSeveralBlocksOf80Columns) {
  std::vector<RunResult> runs;
  for (int i = 1; i <= 20; ++i) {
    runs.push_back(passing_run(fmt::format("6.{}.0-cloud-amd64", i)));
    runs.push_back(passing_run(fmt::format("6.{}.0-amd64", i)));
  }
  runs[3].tests[0].name =
      "a name that is much too long for a table: with every word of it, "
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "a";
  const auto text = render_table(matrix_of(report_of(runs)), Color::off);
  EXPECT_LE(widest(text), 80U) << text;
  EXPECT_THAT(text, HasSubstr("kernels 1 to 7 of 40\n")) << text;
  EXPECT_THAT(text, HasSubstr(" of 40\n"));
  for (int i = 1; i <= 20; ++i) EXPECT_THAT(text, HasSubstr(fmt::format("6.{}-cloud", i)));
  EXPECT_THAT(text, HasSubstr("a name that is much"));
}

TEST(MatrixTable, IsNeverWiderThan80Columns) {
  for (std::size_t name = 1; name <= 90; ++name) {
    std::vector<RunResult> runs;
    for (int i = 10; i < 30; ++i) runs.push_back(passing_run(fmt::format("6.{}.0-amd64", i)));
    runs[0].tests[0].name = std::string(name, 'n');
    EXPECT_LE(widest(render_table(matrix_of(report_of(runs)), Color::off)), 80U) << name;
  }
}

TEST(MatrixTable, ANameIsCutBetweenCharacters) {
  for (std::size_t plain = 0; plain <= 25; ++plain) {
    for (std::size_t wide = 1; wide <= 50; ++wide) {
      std::string name(plain, 'n');
      for (std::size_t i = 0; i < wide; ++i) name += "é";
      std::vector<RunResult> runs;
      for (int i = 10; i < 30; ++i) runs.push_back(passing_run(fmt::format("6.{}.0-amd64", i)));
      runs[0].tests[0].name = name;
      const auto text = render_table(matrix_of(report_of(runs)), Color::off);
      EXPECT_EQ(printable(text), text) << name;
      EXPECT_LE(widest(text), 80U) << text;
    }
  }
}

TEST(MatrixTable, OneBlockSaysNothingOfBlocks) {
  const auto text = render_table(
      matrix_of(report_of({passing_run("6.1.0"), failing_run("6.12.1", "x"), unbuilt_run("7.2")})),
      Color::off);
  EXPECT_EQ(text,
            "                 6.1  6.12  7.2\n"
            "build            ok   ok    FAIL\n"
            "greets           ok   ok    .\n"
            "takes a message  ok   FAIL  .\n"
            "(. was not run)\n");
}

TEST(MatrixTable, AHugeLabelIsCut) {
  const auto text = render_table(
      matrix_of(report_of({passing_run(std::string(300, 'x')), passing_run("6.1")})), Color::off);
  EXPECT_LE(widest(text), 80U) << text;
  EXPECT_THAT(text, HasSubstr("xxx…"));
}

}  // namespace
}  // namespace kobox
