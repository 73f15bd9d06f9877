// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/cache.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "kernel/store_fixture.h"

namespace kobox {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class CacheTest : public StoreTest {};

TEST_F(CacheTest, CacheEntriesAreCountedHeldAndRemoved) {
  const auto kernel = ensure("6.1-cloud");
  ASSERT_TRUE(kernel);
  const auto entry = [&] {
    const auto entries = kernel_cache_entries(path() / "cache").value();
    const auto found = std::ranges::find(entries, CacheEntry::Kind::kernel, &CacheEntry::kind);
    return found != entries.end() ? *found : CacheEntry{};
  };
  EXPECT_THAT(kernel_cache_entries(path() / "cache").value(), SizeIs(2));
  EXPECT_EQ(entry().name, "6.1.0-47-cloud-amd64");
  EXPECT_GT(entry().bytes, 100000U);
  EXPECT_FALSE(entry().in_use);
  {
    const auto held = use_lock(*kernel);
    ASSERT_TRUE(held);
    EXPECT_TRUE(entry().in_use);
    EXPECT_FALSE(remove_cache_entry(entry()));
  }
  ASSERT_TRUE(remove_cache_entry(entry()));
  EXPECT_THAT(kernel_directories(), IsEmpty());
  EXPECT_FALSE(use_lock(*kernel));
}

}  // namespace
}  // namespace kobox
