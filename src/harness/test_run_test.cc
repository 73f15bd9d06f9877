// SPDX-License-Identifier: GPL-2.0-or-later
// Which tests are run. How they are run: run_tests_test.cc.
#include "harness/test_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Project some_project() {
  Project project;
  project.directory = "/home/me/driver";
  project.has_file = true;
  for (const char* name : {"greets its reader", "takes 12 bytes", "refuses (too much)"})
    project.tests.push_back({.name = name});
  return project;
}
std::vector<std::string> chosen(const std::string& filter) {
  std::vector<std::string> names;
  const auto tests = select_tests(some_project(), filter);
  EXPECT_TRUE(tests) << tests.error().to_string();
  if (tests)
    for (const auto& test : *tests) names.push_back(test.name);
  return names;
}
std::string refused(const Project& project, const std::string& filter) {
  const auto tests = select_tests(project, filter);
  EXPECT_FALSE(tests);
  if (tests) return "";
  EXPECT_EQ(tests.error().kind(), ErrorKind::usage);
  return tests.error().to_string();
}

TEST(SelectTests, AllWithoutAFilter) {
  EXPECT_THAT(chosen(""), ElementsAre("greets its reader", "takes 12 bytes", "refuses (too much)"));
}

TEST(SelectTests, ByARegexSearchedForInTheName) {
  EXPECT_THAT(chosen("reader"), ElementsAre("greets its reader"));
  EXPECT_THAT(chosen("^t"), ElementsAre("takes 12 bytes"));
  EXPECT_THAT(chosen("\\d+|greets"), ElementsAre("greets its reader", "takes 12 bytes"));
  EXPECT_THAT(chosen("^refuses \\(too much\\)$"), ElementsAre("refuses (too much)"));
}

TEST(SelectTests, ABadRegexIsQuoted) {
  const auto message = refused(some_project(), "[a");
  EXPECT_THAT(message, HasSubstr("--filter"));
  EXPECT_THAT(message, HasSubstr("'[a' is not a regular expression"));
}

TEST(SelectTests, AFilterThatMatchesNothingListsTheNames) {
  EXPECT_EQ(refused(some_project(), "xyz"),
            "no test's name matches --filter 'xyz'; there are:\n  greets its reader\n"
            "  takes 12 bytes\n  refuses (too much)");
}

TEST(SelectTests, WithoutKoboxTomlNamesFollowFromTheModules) {
  Project project;
  project.tests = {{.name = "loads and unloads"}};
  EXPECT_EQ(select_tests(project, "left")->size(), 1U);
  EXPECT_THAT(refused(project, "[a"), HasSubstr("is not a regular expression"));
  const auto names = [&](const std::vector<std::string>& modules, const std::string& filter) {
    const auto tests = select_module_tests(project.tests, modules, filter);
    if (!tests) return std::vector{tests.error().message()};
    std::vector<std::string> all;
    for (const auto& test : *tests) all.push_back(test.name);
    return all;
  };
  EXPECT_THAT(names({"core", "left"}, ""), ElementsAre("core", "left"));
  EXPECT_THAT(names({"core", "left"}, "^left$"), ElementsAre("left"));
  EXPECT_THAT(names({"core", "left"}, "unloads"), ElementsAre("core", "left"));
  EXPECT_THAT(names({"core"}, "core"), ElementsAre("loads and unloads"));
  EXPECT_THAT(names({"core"}, "unloads"), ElementsAre("loads and unloads"));
  EXPECT_THAT(names({"core", "left"}, "x"),
              ElementsAre("no test's name matches --filter 'x'; there are:\n  loads and unloads\n"
                          "  core\n  left"));
}

TEST(SelectTests, NoTestsIsNoPass) {
  auto project = some_project();
  project.tests.clear();
  EXPECT_THAT(refused(project, ""), HasSubstr("/home/me/driver/kobox.toml has no [[test]]"));
}

}  // namespace
}  // namespace kobox
