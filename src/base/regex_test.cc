// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;

TEST(Regex, SearchesAnywhere) {
  const auto regex = Regex::compile("Sent \\d+ characters");
  ASSERT_TRUE(regex);
  EXPECT_TRUE(regex->search("QEMU Exercise: Sent 16 characters to the user"));
  EXPECT_FALSE(regex->search("Sent no characters"));
  EXPECT_TRUE(Regex::compile("^b$")->search("b"));
  EXPECT_FALSE(Regex::compile("^b$")->search("a\nb"));
  EXPECT_TRUE(Regex::compile("(?m)^b$")->search("a\nb"));
}

TEST(Regex, PartsOfAMatch) {
  const auto regex = Regex::compile("([a-z]+)(?:-([0-9]+))?").value();
  EXPECT_THAT(regex.match("gcc-12").value(), ElementsAre("gcc-12", "gcc", "12"));
  EXPECT_THAT(regex.match("gcc").value(), ElementsAre("gcc", "gcc", ""));
  EXPECT_FALSE(regex.match("gcc-12 "));
  EXPECT_THAT(regex.find("(gcc-12) cc").value(), ElementsAre("gcc-12", "gcc", "12"));
  EXPECT_FALSE(regex.find("123"));
}

TEST(Regex, AllMatches) {
  const auto all = Regex::compile("said ([a-z]+)").value().find_all("said a, said bc; said");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0][1], "a");
  EXPECT_EQ(all[1][1], "bc");
  EXPECT_EQ(Regex::compile("x*").value().find_all("axx").size(), 3U) << "before a, xx, the end";
  EXPECT_EQ(Regex::compile("^a").value().find_all("aa").size(), 1U) << "only the text's beginning";
}

TEST(Regex, ReplacesAllMatches) {
  const auto regex = Regex::compile("\\[([a-z]+)\\] \\([^)]*\\)").value();
  EXPECT_EQ(regex.replace_all("a [b] (c) [d] (e)", "\\1"), "a b d");
  EXPECT_EQ(regex.replace_all("a", "x"), "a");
}

TEST(Regex, SaysWhatIsWrong) {
  const auto regex = Regex::compile("a(b");
  ASSERT_FALSE(regex);
  EXPECT_EQ(regex.error().kind(), ErrorKind::usage);
  EXPECT_EQ(regex.error().message(), "'a(b' is not a regular expression: missing ): a(b");
}

TEST(Regex, HostileTextCostsNoStackAndLittleTime) {
  const std::string long_text(10'000'000, 'a');
  EXPECT_FALSE(Regex::compile("a.*b|x")->search(long_text));
  EXPECT_FALSE(Regex::compile("(a+)+b")->search(long_text));
  EXPECT_TRUE(Regex::compile("\xff.\\x00")->search(std::string_view("\xff\xfe\0", 3)));
}

}  // namespace
}  // namespace kobox
