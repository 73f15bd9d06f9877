// SPDX-License-Identifier: GPL-2.0-or-later
#include "workbench/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "harness/cache_use.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // The longest unused first.
    add(cache() / "builds/build-a", 100h);
    add(state() / "runs/run-b", 80h);
    add(cache() / "programs/program-c", 60h);
    ASSERT_TRUE(write_file(cache() / "guests/guest-d.cpio", std::string(20'000, 'x')));
    age(cache() / "guests/guest-d.cpio", 40h);
    add(cache() / "builds/build-e", 20h);
  }
  void add(const fs::path& directory, std::chrono::hours unused) {
    ASSERT_TRUE(write_file(directory / "deep/file", std::string(20'000, 'x')));
    age(directory, unused);
  }
  static void age(const fs::path& path, std::chrono::hours unused) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - unused);
  }
  static std::vector<std::string> names(const std::vector<CacheItem>& items) {
    std::vector<std::string> all;
    for (const auto& item : items) all.push_back(item.name);
    return all;
  }
  std::vector<std::string> left() const { return names(list_cache(cache(), state()).value()); }
  std::vector<std::string> prune(const PrunePolicy& policy) const {
    return names(prune_cache(cache(), state(), policy).value());
  }
  // Held until the test ends.
  void use(const fs::path& directory) {
    const auto when = fs::last_write_time(directory);
    lock_ = FileLock::try_acquire(directory / "lock", LockMode::exclusive).value();
    ASSERT_TRUE(lock_);
    fs::last_write_time(directory, when);
  }
  fs::path cache() const { return directory_.path() / "cache"; }
  fs::path state() const { return directory_.path() / "state"; }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-cache-test").value();
  std::optional<FileLock> lock_;
};

TEST_F(CacheTest, ListsTheLongestUnusedFirst) {
  const auto items = list_cache(cache(), state()).value();
  EXPECT_THAT(names(items),
              ElementsAre("build-a", "run-b", "program-c", "guest-d.cpio", "build-e"));
  EXPECT_EQ(items[0].kind, "build");
  EXPECT_EQ(items[1].kind, "run");
  EXPECT_EQ(items[2].kind, "program");
  EXPECT_EQ(items[3].kind, "guest");
  for (const auto& item : items) {
    EXPECT_GE(item.bytes, 20'000U) << item.name;
    EXPECT_FALSE(item.in_use) << item.name;
    EXPECT_TRUE(fs::exists(item.path));
  }
}

TEST_F(CacheTest, WhatALostShardLeftIsPrunedUnlessItsRunGoesOn) {
  add(state() / "slurm/run-f", 10h);
  EXPECT_EQ(list_cache(cache(), state())->back().kind, "slurm run");
  use(state() / "slurm/run-f");
  prune({.everything = true});
  EXPECT_THAT(left(), ElementsAre("run-f"));
  lock_.reset();
  prune({.everything = true});
  EXPECT_THAT(left(), IsEmpty());
}

TEST_F(CacheTest, NothingThereIsAnEmptyList) {
  EXPECT_THAT(list_cache(directory_.path() / "no", directory_.path() / "nor").value(), IsEmpty());
  EXPECT_THAT(prune_cache(directory_.path() / "no", directory_.path() / "nor", {.everything = true})
                  .value(),
              IsEmpty());
}

TEST_F(CacheTest, PrunesByAge) {
  EXPECT_THAT(prune({.older_than = 70h}), ElementsAre("build-a", "run-b"));
  EXPECT_THAT(left(), ElementsAre("program-c", "guest-d.cpio", "build-e"));
  EXPECT_FALSE(fs::exists(cache() / "builds/build-a"));
  EXPECT_THAT(prune({.older_than = 70h}), IsEmpty());
}

TEST_F(CacheTest, PrunesBySizeTheLongestUnusedFirst) {
  std::uint64_t total = 0;
  const auto items = list_cache(cache(), state()).value();
  for (const auto& item : items) total += item.bytes;
  EXPECT_THAT(prune({.max_bytes = total}), IsEmpty());
  EXPECT_THAT(prune({.max_bytes = total - 1}), ElementsAre("build-a"));
  EXPECT_THAT(prune({.max_bytes = 50'000}), ElementsAre("run-b", "program-c"));
  EXPECT_THAT(left(), ElementsAre("guest-d.cpio", "build-e"));
}

TEST_F(CacheTest, PrunesEverythingOrNothing) {
  EXPECT_THAT(prune({}), IsEmpty());
  EXPECT_EQ(prune({.everything = true}).size(), 5U);
  EXPECT_THAT(left(), IsEmpty());
}

TEST_F(CacheTest, WhatIsInUseStays) {
  use(cache() / "builds/build-a");
  EXPECT_TRUE(list_cache(cache(), state()).value()[0].in_use);
  EXPECT_THAT(prune({.older_than = 70h}), ElementsAre("run-b"));
  prune({.everything = true});
  EXPECT_THAT(left(), ElementsAre("build-a"));
  EXPECT_TRUE(fs::exists(cache() / "builds/build-a/deep/file"));
  lock_.reset();
  prune({.everything = true});
  EXPECT_THAT(left(), IsEmpty());
}

TEST_F(CacheTest, WhatARunMayNeedStaysWhileThereIsOne) {
  {
    const auto one = use_cache(cache()).value();
    const auto other = use_cache(cache()).value();
    const auto items = list_cache(cache(), state()).value();
    for (const auto& item : items) EXPECT_EQ(item.in_use, item.kind != "run") << item.name;
    EXPECT_THAT(prune({.everything = true}), ElementsAre("run-b"));
    EXPECT_THAT(left(), ElementsAre("build-a", "program-c", "guest-d.cpio", "build-e"));
  }
  EXPECT_EQ(prune({.everything = true}).size(), 4U);
}

TEST_F(CacheTest, ALinkIsRemovedWithoutWhatItLeadsTo) {
  const auto outside = directory_.path() / "outside";
  ASSERT_TRUE(write_file(outside / "precious", "x"));
  fs::create_directory_symlink(outside, cache() / "builds/link");
  prune({.everything = true});
  EXPECT_TRUE(fs::exists(outside / "precious"));
  EXPECT_FALSE(fs::exists(fs::symlink_status(cache() / "builds/link")));
}

TEST_F(CacheTest, SavedMachinesAreListedAndPrunedUnlessInUse) {
  add(cache() / "templates/6.1.0-x.tcg.256M.1cpu.abc", 200h);
  add(cache() / "templates/6.1.0-y.tcg.256M.1cpu.def", 300h);
  ASSERT_TRUE(write_file(cache() / "templates/.locks/abc", ""));
  const auto items = list_cache(cache(), state()).value();
  ASSERT_EQ(items.size(), 7U);
  EXPECT_EQ(items[0].kind, "machine");
  use(cache() / "templates/6.1.0-y.tcg.256M.1cpu.def");
  EXPECT_THAT(prune({.older_than = 150h}), ElementsAre("6.1.0-x.tcg.256M.1cpu.abc"));
  EXPECT_FALSE(fs::exists(cache() / "templates/6.1.0-x.tcg.256M.1cpu.abc"));
  EXPECT_TRUE(fs::exists(cache() / "templates/6.1.0-y.tcg.256M.1cpu.def/deep/file"));
}

TEST_F(CacheTest, ImagesAreListedAndPrunedUnlessInUseOrKeptOn) {
  for (const char* name : {"used", "kept", "idle"}) {
    add(cache() / "images" / name, 200h);
    ASSERT_TRUE(write_file(
        cache() / "images" / name / "image.json",
        fmt::format(R"({{"schema":"kobox.image/1","name":"{}","suite":"s","release":"r",)"
                    R"("kernel_version":"1","kernel_identity":"k","bytes":1,"included":[],)"
                    R"("packages":[],"recipe":"r","identity":"i"}})",
                    name)));
    age(cache() / "images" / name, 200h);
  }
  ASSERT_TRUE(write_file(cache() / "images/.locks/idle", ""));
  ASSERT_TRUE(write_file(state() / "disks/mine/disk.json",
                         R"({"schema":"kobox.kept_disk/1","image":"kept","identity":"i"})"));
  use(cache() / "images/used");
  EXPECT_THAT(prune({.older_than = 150h}), ElementsAre("idle"));
  EXPECT_FALSE(fs::exists(cache() / "images/idle"));
  EXPECT_TRUE(fs::exists(cache() / "images/kept/image.json"));
  EXPECT_TRUE(fs::exists(cache() / "images/used/image.json"));
}

TEST_F(CacheTest, SymbolFilesAreListedAndPrunedUnlessInUse) {
  const auto symbols = cache() / "symbols";
  for (const char* name : {"6.1.0-x-1.elf", "6.1.0-y-2.elf"}) {
    ASSERT_TRUE(write_file(symbols / name, std::string(20'000, 'x')));
    age(symbols / name, 200h);
  }
  const auto held = FileLock::try_acquire(symbols / "6.1.0-y-2.elf.lock", LockMode::shared).value();
  ASSERT_TRUE(held);
  EXPECT_EQ(list_cache(cache(), state()).value()[0].kind, "kernel symbols");
  EXPECT_THAT(prune({.older_than = 150h}), ElementsAre("6.1.0-x-1.elf"));
  EXPECT_FALSE(fs::exists(symbols / "6.1.0-x-1.elf"));
  EXPECT_TRUE(fs::exists(symbols / "6.1.0-y-2.elf"));
}

}  // namespace
}  // namespace kobox
