// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/regex.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

TEST(Regex, SearchesAnywhere) {
  const auto regex = Regex::compile("Sent \\d+ characters");
  ASSERT_TRUE(regex);
  EXPECT_TRUE(regex->search("QEMU Exercise: Sent 16 characters to the user"));
  EXPECT_FALSE(regex->search("Sent no characters"));
  EXPECT_TRUE(Regex::compile("^b$")->search("b"));
  EXPECT_FALSE(Regex::compile("^b$")->search("a\nb"));
  EXPECT_TRUE(Regex::compile("(?m)^b$")->search("a\nb"));
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
