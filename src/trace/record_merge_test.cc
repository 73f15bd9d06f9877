// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/record_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "trace/ring_pages.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;

class RecordMergeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::make(fs::temp_directory_path(), "merge-");
    ASSERT_TRUE(made);
    directory_ = std::make_unique<TempDir>(std::move(*made));
  }
  void add(RecordFile::Of of, unsigned cpu, const std::string& pages, ClockRelation clock = {}) {
    const auto path = directory_->path() / std::to_string(files_.size());
    ASSERT_TRUE(write_file(path, pages));
    files_.push_back({.path = path, .of = of, .cpu = cpu, .clock = clock});
  }
  std::vector<std::string> merged() {
    std::vector<std::string> rows;
    auto merge = RecordMerge::open(files_);
    if (!merge) return {merge.error().message()};
    while (const auto record = merge->next())
      rows.push_back(fmt::format("{}{} {} {}", record->of == RecordFile::Of::host ? "h" : "g",
                                 record->cpu, record->time, record->data));
    lost_ = merge->lost(RecordFile::Of::host);
    malformed_ = merge->malformed();
    return rows;
  }
  std::unique_ptr<TempDir> directory_;
  std::vector<RecordFile> files_;
  std::uint64_t lost_ = 0, malformed_ = 0;
};

constexpr auto k_host = RecordFile::Of::host;
constexpr auto k_guest = RecordFile::Of::guest;

TEST_F(RecordMergeTest, AllFilesAreOneRowInTheOrderOfTime) {
  add(k_host, 0,
      RingPageMaker(10).record(0, "aaaa").record(20, "bbbb").page() +
          RingPageMaker(50).record(0, "cccc").page());
  add(k_host, 1, RingPageMaker(20).record(0, "dddd").record(25, "eeee").page());
  add(k_host, 2, "");
  EXPECT_THAT(merged(),
              ElementsAre("h0 10 aaaa", "h1 20 dddd", "h0 30 bbbb", "h1 45 eeee", "h0 50 cccc"));
  EXPECT_EQ(malformed_, 0U);
}

TEST_F(RecordMergeTest, AGuestsTimeBecomesTheHosts) {
  add(k_host, 0, RingPageMaker(1000).record(0, "host").record(100, "last").page());
  // The guest's counter is the host's less 900.
  add(k_guest, 3, RingPageMaker(100).record(0, "same").record(50, "next").page(), {.offset = -900});
  EXPECT_THAT(merged(),
              ElementsAre("g3 1000 same", "h0 1000 host", "g3 1050 next", "h0 1100 last"));
}

TEST_F(RecordMergeTest, ACounterMayRunAtASpeedOfItsOwn) {
  const ClockRelation half{.offset = 10, .ratio = 1U << 15, .fraction_bits = 16};
  EXPECT_EQ(half.host_time(10 + 500), 1000U);
  const ClockRelation same{.offset = -5, .ratio = std::uint64_t{1} << 48, .fraction_bits = 48};
  EXPECT_EQ(same.host_time(100), 105U);
}

TEST_F(RecordMergeTest, LostAndBrokenPagesAreCounted) {
  add(k_host, 0, RingPageMaker(10).record(0, "aaaa").page(1U << 31) + std::string(100, 'x'));
  EXPECT_THAT(merged(), ElementsAre("h0 10 aaaa"));
  EXPECT_EQ(lost_, 1U);
  EXPECT_EQ(malformed_, 1U);
}

TEST_F(RecordMergeTest, AFileThatIsNotThereIsNamed) {
  files_.push_back({.path = "/nonexistent/records"});
  EXPECT_THAT(merged().front(), ::testing::HasSubstr("/nonexistent/records"));
}

}  // namespace
}  // namespace kobox
