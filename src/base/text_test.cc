// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

using namespace std::chrono_literals;

TEST(Text, Durations) {
  EXPECT_EQ(parse_duration("10s").value(), 10s);
  EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("2m").value(), 2min);
  EXPECT_EQ(parse_duration("7").value(), 7s);
  for (const auto* bad : {"", "s", "-1s", "0", "10 s", "1d", "nan", "1e3s", "1e30h"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Text, Sizes) {
  EXPECT_EQ(parse_size("256M").value(), 256U << 20);
  EXPECT_EQ(parse_size("1G").value(), 1U << 30);
  for (const auto* bad : {"", "M", "0M", "256MB", "-1G"}) EXPECT_FALSE(parse_size(bad)) << bad;
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(26713492), "27 MB");
  EXPECT_EQ(format_bytes(1592924), "1.6 MB");
  EXPECT_EQ(format_bytes(999999), "1.0 MB");
}

TEST(Text, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(shell_quote("a-b_c/d.e=1"), "a-b_c/d.e=1");
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
}

TEST(Text, NothingPrintableDrivesATerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\tc\n"), "a\\x1b[31mb\tc\n");
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(printable("\xc0\x80\xff\xc2\x9b"), "\\xc0\\x80\\xff\\xc2\\x9b");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

TEST(Text, LinesAndParts) {
  EXPECT_EQ(lines_of("a\n\nb").size(), 3U);
  EXPECT_EQ(lines_of("a\n").size(), 1U);
  EXPECT_TRUE(lines_of("").empty());
  EXPECT_EQ(split("a::b", ':').size(), 3U);
  EXPECT_EQ(trim(" \ta b\r\n"), "a b");
}

TEST(Text, SuggestsTheNearest) {
  const std::vector<std::string> words = {"timeout", "kernels", "status"};
  EXPECT_EQ(did_you_mean("timout", words), " (did you mean 'timeout'?)");
  EXPECT_EQ(did_you_mean("kernel", words), " (did you mean 'kernels'?)");
  EXPECT_EQ(did_you_mean("stauts", words), " (did you mean 'status'?)");
  EXPECT_EQ(did_you_mean("breakfast", words), "");
  EXPECT_EQ(did_you_mean("timout", {}), "");
}

TEST(Text, SwappedLettersAreOneSlip) {
  const std::vector<std::string> words = {"kvm_eoi", "kvm_entry", "kvm_exit"};
  EXPECT_EQ(did_you_mean("kvm_exti", words), " (did you mean 'kvm_exit'?)");
  EXPECT_EQ(did_you_mean("vkm_exit", words), " (did you mean 'kvm_exit'?)");
}

TEST(Text, SuggestsAllThatAreAboutEquallyNear) {
  const std::vector<std::string> words = {"6.12", "6.1-cloud", "6.1", "6.1-rt", "6.1"};
  EXPECT_EQ(did_you_mean("6.1x", words), " (did you mean '6.12' or '6.1'?)");
  const std::vector<std::string> many = {"serial_reed", "serial_send", "serial_raed", "serial_rea"};
  EXPECT_EQ(did_you_mean("serial_re", many), " (did you mean 'serial_rea'?)");
  EXPECT_EQ(did_you_mean("serial_rXXd", many),
            " (did you mean 'serial_reed', 'serial_raed' or 'serial_send'?)");
}

}  // namespace
}  // namespace kobox
