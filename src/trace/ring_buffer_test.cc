// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/ring_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "trace/host_records.h"
#include "trace/ring_pages.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

using Records = std::vector<std::pair<std::uint64_t, std::string>>;

template <typename Page>
Records records_of(Page&& page) {
  Records records;
  while (const auto record = page.next()) records.emplace_back(record->time, record->data);
  return records;
}

// What a kernel writes is the same to both readers.
template <typename Page>
class EitherPage : public testing::Test {
 protected:
  static Records read(const std::string& bytes) { return records_of(Page(bytes)); }
};
using Pages = testing::Types<RingPage, HostPage>;
TYPED_TEST_SUITE(EitherPage, Pages);

TYPED_TEST(EitherPage, EachRecordsTimeIsTheOneBeforePlusItsDelta) {
  EXPECT_THAT(this->read(RingPageMaker(1000).record(0, "abcd").record(7, "efghijkl").page()),
              ElementsAre(Pair(1000, "abcd"), Pair(1007, "efghijkl")));
}

TYPED_TEST(EitherPage, LongRecordsSayTheirLength) {
  const std::string data(200, 'x');
  RingPageMaker page(5);
  page.head(0, 3).word(static_cast<std::uint32_t>(data.size() + 4));
  for (std::size_t i = 0; i < data.size(); i += 4) page.word(0x78787878);
  page.record(1, "tail");
  EXPECT_THAT(this->read(page.page()), ElementsAre(Pair(8, data), Pair(9, "tail")));
}

TYPED_TEST(EitherPage, TimesThatDoNotFitAreExtendedOrWhole) {
  EXPECT_THAT(this->read(RingPageMaker(10).head(30, 5).word(2).record(1, "abcd").page()),
              ElementsAre(Pair(10 + (2ULL << 27) + 5 + 1, "abcd")));
  const auto upper = std::uint64_t{3} << 59;
  EXPECT_THAT(this->read(RingPageMaker(upper + 10).head(31, 7).word(9).record(1, "abcd").page()),
              ElementsAre(Pair(upper + (9ULL << 27) + 7 + 1, "abcd")));
}

TYPED_TEST(EitherPage, DiscardedRecordsArePassedOver) {
  EXPECT_THAT(
      this->read(RingPageMaker(10).head(29, 2).word(8).word(0xdeadbeef).record(1, "abcd").page()),
      ElementsAre(Pair(13, "abcd")));
  EXPECT_THAT(this->read(RingPageMaker(10).record(1, "abcd").head(29, 0).record(1, "no").page()),
              ElementsAre(Pair(11, "abcd")));
}

TYPED_TEST(EitherPage, SaysWhatTheKernelDropped) {
  const auto made = RingPageMaker(1).record(0, "abcd");
  EXPECT_EQ(TypeParam(made.page()).lost(), 0U);
  EXPECT_EQ(TypeParam(made.page(1U << 31)).lost(), 1U);
  const auto counted = made.page(3ULL << 30, bytes_of(std::uint64_t{77}));
  EXPECT_EQ(TypeParam(counted).lost(), 77U);
  const auto extended = RingPageMaker(1).head(30, 0).word(1).record(0, "abcd");
  EXPECT_EQ(TypeParam(extended.page(1U << 31)).lost(), 1U) << "before a time that was extended";
  EXPECT_THAT(this->read(counted), ElementsAre(Pair(1, "abcd")));
}

TYPED_TEST(EitherPage, WhatIsNoPageHoldsNothing) {
  for (const auto& bytes : {std::string(), std::string("short"), std::string(4095, '\0')}) {
    TypeParam page(bytes);
    EXPECT_FALSE(page.next());
    EXPECT_TRUE(page.malformed());
  }
  const std::string zeros(k_ring_page, '\0');
  TypeParam empty(zeros);
  EXPECT_FALSE(empty.next());
  EXPECT_FALSE(empty.malformed());
}

TEST(RingPage, NothingOutsideOfItIsRead) {
  const auto long_page =
      bytes_of(std::uint64_t{0}, std::uint64_t{4081}) + std::string(4080, '\xff');
  RingPage too_long(long_page);
  EXPECT_THAT(records_of(too_long), IsEmpty());
  EXPECT_TRUE(too_long.malformed());

  for (const auto& page : {RingPageMaker(1).head(28, 0).page(), RingPageMaker(1).head(0, 0).page(),
                           RingPageMaker(1).head(0, 0).word(0xffffffff).page(),
                           RingPageMaker(1).head(0, 0).word(3).page()}) {
    RingPage broken(page);
    EXPECT_THAT(records_of(broken), IsEmpty());
    EXPECT_TRUE(broken.malformed());
  }
}

}  // namespace
}  // namespace kobox
