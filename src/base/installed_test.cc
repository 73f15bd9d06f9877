// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/installed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* k_variable = "KOBOX_INSTALLED_TEST";

class InstalledFileTest : public ::testing::Test {
 protected:
  ~InstalledFileTest() override { ::unsetenv(k_variable); }
  static Result<fs::path> file_named(const fs::path& path) {
    ::setenv(k_variable, path.c_str(), 1);
    return installed_file("no-such-file", k_variable, "the thing");
  }
  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-installed-test").value();
};

TEST_F(InstalledFileTest, IsTheOneThatTheVariableNames) {
  ASSERT_TRUE(write_file(directory_.path() / "mine", "x"));
  EXPECT_EQ(file_named(directory_.path() / "mine").value(), directory_.path() / "mine");
}

TEST_F(InstalledFileTest, AVariableThatNamesNoFileIsSaid) {
  for (const auto& wrong : {directory_.path() / "absent", directory_.path()}) {
    const auto file = file_named(wrong);
    ASSERT_FALSE(file) << wrong;
    EXPECT_EQ(file.error().kind(), ErrorKind::environment);
    EXPECT_THAT(file.error().message(),
                AllOf(HasSubstr("the thing"), HasSubstr(wrong.string()), HasSubstr(k_variable)));
  }
}

TEST_F(InstalledFileTest, AnEmptyVariableNamesNone) {
  const auto file = file_named("");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message(), HasSubstr("libexec/kobox/no-such-file"));
}

}  // namespace
}  // namespace kobox
