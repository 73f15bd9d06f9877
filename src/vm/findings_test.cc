// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/findings.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/files.h"

namespace kobox {
namespace {

class FindingsTest : public ::testing::Test {
 protected:
  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-findings-").value();
  fs::path file_ = directory_.path() / "found.json";
};

TEST_F(FindingsTest, WhatIsRememberedIsThereInTheNextRun) {
  EXPECT_TRUE(Findings(file_).recall("a").is_null());
  Findings(file_).remember("a", 1);
  Findings(file_).remember("b", "two");
  Findings(file_).remember("a", 3);
  EXPECT_EQ(Findings(file_).recall("a"), 3);
  EXPECT_EQ(Findings(file_).recall("b"), "two");
}

TEST_F(FindingsTest, ADamagedFileIsEmptyAndIsWrittenAnew) {
  for (const auto* text : {"{\"a\": 1", "[1, 2]", "", "\xff"}) {
    ASSERT_TRUE(write_file(file_, text));
    EXPECT_TRUE(Findings(file_).recall("a").is_null()) << text;
    Findings(file_).remember("b", 2);
    EXPECT_EQ(Findings(file_).recall("b"), 2) << text;
  }
}

TEST_F(FindingsTest, TheFileStaysSmall) {
  const Findings findings(file_);
  for (int i = 0; i <= 200; ++i) findings.remember(std::to_string(i), i);
  EXPECT_TRUE(findings.recall("0").is_null());
  EXPECT_EQ(findings.recall("200"), 200);
}

TEST_F(FindingsTest, TwoThatRememberAtOnceBothDo) {
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 2; ++writer)
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 20; ++i) Findings(file_).remember(std::to_string(100 * writer + i), i);
    });
  for (auto& one : writers) one.join();
  for (int writer = 0; writer < 2; ++writer)
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(Findings(file_).recall(std::to_string(100 * writer + i)), i);
}

TEST_F(FindingsTest, WhereNothingCanBeWrittenNothingIsRemembered) {
  ASSERT_TRUE(write_file(file_, "{}"));
  const Findings findings(file_ / "below.json");
  findings.remember("a", 1);
  EXPECT_TRUE(findings.recall("a").is_null());
}

}  // namespace
}  // namespace kobox
