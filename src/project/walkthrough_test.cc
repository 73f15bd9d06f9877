// SPDX-License-Identifier: GPL-2.0-or-later
#include "project/walkthrough.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WalkthroughTest : public ::testing::Test {
 protected:
  Result<Walkthrough> load(std::string_view text) {
    EXPECT_TRUE(write_file(directory_.path() / "walkthrough.toml", text));
    return load_walkthrough(directory_.path());
  }
  std::string error_of(std::string_view text) {
    const auto loaded = load(text);
    return loaded ? "no error" : loaded.error().to_string();
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "walkthrough").value();
};

TEST_F(WalkthroughTest, TheExercisesOwnIsRead) {
  const auto exercise =
      load_walkthrough(fs::path(KOBOX_SOURCE_DIR) / "modules/qemu_exercise").value();
  ASSERT_EQ(exercise.tests.size(), 4U);
  EXPECT_EQ(exercise.tests[0].test.name, "reading gives the greeting");
  EXPECT_EQ(exercise.tests[0].test.standard_output->text, "Hello from QEMU!");
  EXPECT_THAT(exercise.tests[1].show,
              ElementsAre("QEMU Exercise: Received 12 characters from the user"));
  EXPECT_EQ(exercise.tests[3].test.breakpoints.size(), 2U);
  ASSERT_EQ(exercise.traces.size(), 1U);
  EXPECT_THAT(exercise.traces[0].returns, ElementsAre("dev_open", "dev_write", "dev_release"));
}

TEST_F(WalkthroughTest, WithoutAFileItSaysWhatElseThereIs) {
  const auto loaded = load_walkthrough(directory_.path());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind(), ErrorKind::usage);
  EXPECT_THAT(loaded.error().message(), HasSubstr("`kobox test "));
}

TEST_F(WalkthroughTest, ErrorsNameTheirPlace) {
  EXPECT_THAT(error_of("[[step]]\nname = 'a'\nrun = 'b'\nshwo = []\n"),
              HasSubstr("walkthrough.toml:4:1: unknown key 'shwo' in [[step]]"));
  EXPECT_THAT(error_of("[[step]]\nrun = 'b'\n"), HasSubstr(":1:1: [[step]] needs a name"));
  EXPECT_THAT(error_of("[[step]]\nname = 'a'\nrun = 'b'\n[[step.breakpoint]]\nhits = 1\n"),
              HasSubstr(":4:1: [[step.breakpoint]] needs 'at'"));
  EXPECT_THAT(
      error_of("[[step]]\nname='a'\nrun='b'\n[[trace]]\nname='c'\nrun='d'\naccesses=['(']\n"),
      HasSubstr("walkthrough.toml:7:11: "));
  EXPECT_THAT(error_of("[[trace]]\nname = 'c'\nrun = 'd'\n"), HasSubstr("there is no [[step]]"));
}

}  // namespace
}  // namespace kobox
