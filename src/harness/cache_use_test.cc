// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/cache_use.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CacheUse, ManyUseItAndOneOwnsIt) {
  const auto directory = TempDir::make(fs::temp_directory_path(), "kobox-cache-use").value();
  EXPECT_FALSE(own_cache(directory.path() / "none").value());
  EXPECT_FALSE(is_cache_used(directory.path()));
  {
    const auto one = use_cache(directory.path());
    const auto other = use_cache(directory.path());
    EXPECT_TRUE(one && other);
    EXPECT_TRUE(is_cache_used(directory.path()));
    EXPECT_FALSE(own_cache(directory.path()).value());
  }
  EXPECT_TRUE(own_cache(directory.path()).value());
}

TEST(CacheUse, TrimsTheLongestUnusedSavedMachines) {
  const auto directory = TempDir::make(fs::temp_directory_path(), "kobox-cache-use").value();
  const auto& cache = directory.path();
  for (const int hours : {300, 200, 100}) {
    const auto machine = template_directory(cache) / fmt::format("{}-hours", hours);
    ASSERT_TRUE(write_file(machine / "memory", std::string(20'000, 'x')));
    fs::last_write_time(machine, fs::file_time_type::clock::now() - std::chrono::hours(hours));
  }
  ASSERT_TRUE(write_file(template_directory(cache) / ".locks/abc", ""));
  ASSERT_TRUE(write_file(cache / "builds/a/b", std::string(200'000, 'x')));
  const auto trimmed = [&] {
    std::vector<std::string> names;
    const auto removed = trim_saved_machines(cache).value();
    for (const auto& one : removed) names.push_back(one.directory.filename().string());
    return names;
  };
  ::setenv("KOBOX_CACHE_LIMIT", "60K", 1);
  const auto in_use =
      FileLock::try_acquire(template_directory(cache) / "300-hours/lock", LockMode::shared).value();
  fs::last_write_time(template_directory(cache) / "300-hours",
                      fs::file_time_type::clock::now() - std::chrono::hours(300));
  EXPECT_THAT(trimmed(), ElementsAre("200-hours")) << "the older one is in use";
  EXPECT_TRUE(fs::exists(cache / "builds/a/b"));
  ::setenv("KOBOX_CACHE_LIMIT", "a lot", 1);
  const auto refused = trim_saved_machines(cache);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::usage);
  ::unsetenv("KOBOX_CACHE_LIMIT");
  EXPECT_THAT(trimmed(), IsEmpty()) << "10 GB are enough";
}

}  // namespace
}  // namespace kobox
