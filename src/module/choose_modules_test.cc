// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/choose_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "module/parameters.h"

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

BuiltModule module(const std::string& name, std::vector<std::string> depends = {},
                   std::vector<std::string> parameters = {}) {
  return {.name = name, .depends = std::move(depends), .parameters = std::move(parameters)};
}

std::vector<std::string> names(const std::vector<BuiltModule>& modules) {
  std::vector<std::string> found;
  for (const auto& one : modules) found.push_back(one.name);
  return found;
}

// top needs left and right, which both need base; usbcore is the kernel's.
const std::vector<BuiltModule> k_family = {module("top", {"left", "right", "usbcore"}),
                                           module("right", {"base"}), module("left", {"base"}),
                                           module("base"), module("alone")};

std::vector<std::string> chosen(const std::vector<std::string>& wanted) {
  return names(choose_modules(k_family, "/src", wanted).value());
}

TEST(ChooseModules, AllAreInTheOrderOfTheirDependencies) {
  EXPECT_THAT(chosen({}), ElementsAre("base", "left", "right", "top", "alone"));
}

TEST(ChooseModules, ThoseThatAreNamedComeInThatOrderAfterWhatTheyNeed) {
  EXPECT_THAT(chosen({"alone", "right"}), ElementsAre("alone", "base", "right"));
  EXPECT_THAT(chosen({"base"}), ElementsAre("base"));
}

TEST(ChooseModules, ACircleEnds) {
  const std::vector<BuiltModule> circle = {module("a", {"b"}), module("b", {"a"})};
  EXPECT_THAT(names(with_dependencies(circle, "a")), ElementsAre("b", "a"));
}

TEST(ChooseModules, ADashIsAnUnderscore) {
  EXPECT_THAT(names(with_dependencies({module("an_other")}, "an-other")), ElementsAre("an_other"));
  EXPECT_THAT(with_dependencies(k_family, "missing"), IsEmpty());
}

TEST(ChooseModules, AnotherNameIsRefusedWithWhatThereIs) {
  const auto refused = choose_modules(k_family, "/src", {"bse"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::usage);
  EXPECT_THAT(refused.error().message(),
              AllOf(HasSubstr("builds no module 'bse', but top, right"), HasSubstr("base")));
  const auto nothing = choose_modules({}, "/src", {});
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().message(), HasSubstr("makes no module"));
}

TEST(ParametersFor, ASingleModuleGetsAllOfThem) {
  const auto one = module("one");
  EXPECT_EQ(parameters_for(one, {one}, "one.a=1\t b=\"x  y\" other.c=2"),
            "a=1 b=\"x  y\" other.c=2");
}

TEST(ParametersFor, EachModuleGetsItsOwn) {
  const std::vector<BuiltModule> two = {module("a_b", {}, {"debug", "only_a"}),
                                        module("last", {}, {"debug"})};
  const auto* line = "debug=1 only-a=2 last.debug=3 a-b.text=\"x y\" unknown=4 other.z=5";
  EXPECT_EQ(parameters_for(two[0], two, line), "debug=1 only-a=2 text=\"x y\"");
  EXPECT_EQ(parameters_for(two[1], two, line), "debug=1 debug=3 unknown=4 other.z=5");
}

}  // namespace
}  // namespace kobox
