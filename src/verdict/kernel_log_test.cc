// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/kernel_log.h"

#include <gtest/gtest.h>

#include <random>

namespace kobox {
namespace {

TEST(KernelLog, ReadsARecord) {
  const auto line = parse_kmsg_record("6,339,5140900,-;NET: Registered\n SUBSYSTEM=net\n");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->sequence, 339U);
  EXPECT_EQ(line->microseconds, 5140900U);
  EXPECT_EQ(line->level, 6);
  EXPECT_EQ(line->facility, 0);
  EXPECT_EQ(line->text, "NET: Registered");
}

TEST(KernelLog, ToldApartFromUserSpace) {
  const auto line = parse_kmsg_record("12,1,2,-;BUG: from echo > /dev/kmsg\n");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->facility, 1);
  EXPECT_EQ(line->level, 4);
}

TEST(KernelLog, FieldsOfLaterKernelsAreAllowed) {
  EXPECT_EQ(parse_kmsg_record("4,1,2,c,caller=T88;x;y")->text, "x;y");
}

TEST(KernelLog, EscapesAreTurnedBack) {
  EXPECT_EQ(parse_kmsg_record(R"(4,1,2,-;a\x0ab\x5cx41\xzz\x4)")->text, "a\nb\\x41\\xzz\\x4");
}

TEST(KernelLog, AnythingElseIsNothing) {
  for (const auto* record : {"", ";", "6;x", "6,1;x", "6,1,2;x", "6,1,2,;x", "6,1,2,-",
                             " 6,1,2,-;x", "-6,1,2,-;x", "6, 1,2,-;x", "6,1,x,-;x", "2048,1,2,-;x",
                             "99999999999999999999,1,2,-;x", "6,99999999999999999999,2,-;x"})
    EXPECT_FALSE(parse_kmsg_record(record)) << record;
  EXPECT_FALSE(parse_kmsg_record("6,1,2," + std::string(5000, 'x') + ";x"));
}

TEST(KernelLog, SurvivesAnyBytes) {
  std::mt19937 random(1);  // NOLINT: the same bytes each time
  const std::string good = "6,339,5140900,-;text \\x0a \\x5c\n K=v\n";
  for (int i = 0; i < 20000; ++i) {
    auto record = good.substr(0, random() % (good.size() + 1));
    for (int changes = 0; changes < 3 && !record.empty(); ++changes)
      record[random() % record.size()] = static_cast<char>(random());
    if (const auto line = parse_kmsg_record(record)) {
      EXPECT_LE(line->level, 7);
      EXPECT_LE(line->text.size(), record.size());
    }
  }
}

}  // namespace
}  // namespace kobox
