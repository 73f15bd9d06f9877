// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/test_printers.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

// What a printer writes of a kernel with a test that passes, one with a note, and one that fails.
template <class Printer>
std::string printed(Loudness loudness) {
  testing::internal::CaptureStdout();
  {
    auto output = Output::open_standard();
    StatusLine status(output, loudness);
    Printer printer(status, Color::off, loudness);
    RunResult run{.kernel = "6.1.0-56-amd64", .accel = "tcg"};
    printer.run_started(0, run);
    run.tests = {{.name = "greets", .seconds = 0.5},
                 {.name = "reads", .seconds = 0.5, .note = "3 records were lost"},
                 judged_test("writes", Failure{.kind = FailureKind::oops, .message = "BUG"})};
    settle(run);
    for (const auto& test : run.tests) printer.test_done(0, test);
    printer.run_done(0, run);
  }
  return testing::internal::GetCapturedStdout();
}

TEST(KernelPrinter, TellsWhatFailedAndWhatElseShouldBeKnown) {
  EXPECT_EQ(printed<KernelPrinter>(Loudness::normal),
            "  pass       0.50 s  reads (6.1.0-56-amd64)\n"
            "                    3 records were lost\n"
            "  FAIL       0.00 s  writes (6.1.0-56-amd64)\n"
            "2 passed, 1 failed on 6.1.0-56-amd64\n");
}

TEST(KernelPrinter, QuietItTellsOnlyWhatFailed) {
  EXPECT_EQ(printed<KernelPrinter>(Loudness::quiet),
            "  FAIL       0.00 s  writes (6.1.0-56-amd64)\n");
}

TEST(LinePrinter, QuietItTellsOnlyWhatFailed) {
  EXPECT_EQ(printed<LinePrinter>(Loudness::quiet),
            "  FAIL       0.00 s  writes\n"
            "FAIL  writes\n"
            "  oops         BUG\n");
}

}  // namespace
}  // namespace kobox
