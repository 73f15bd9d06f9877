// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/build_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BuildRecordTest : public ::testing::Test {
 protected:
  BuildRecordTest() { put(victim() / "x.ko", "the user's"); }

  static void put(const fs::path& path, std::string_view text) {
    EXPECT_TRUE(write_file(path, text));
  }
  fs::path victim() const { return directory_.path() / "victim"; }
  // What a build could do at the end.
  void replace_by_link(const fs::path& path) const {
    fs::remove_all(path);
    fs::create_directory_symlink(victim(), path);
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-record-test").value();
  // As where the cache is behind a link.
  BuildPlace place_{.directory = [this] {
    fs::create_directories(directory_.path() / "real/place");
    fs::create_directory_symlink("real", directory_.path() / "cache");
    return directory_.path() / "cache/place";
  }()};
};

TEST_F(BuildRecordTest, FindsWhatABuildHasMade) {
  for (const auto* name : {"a.ko", "bin/a.ko.xz", "b-c.ko", "Module.symvers", "sub/Module.symvers"})
    put(place_.copy() / name, "");
  put(place_.copy() / "modules.order", "sub/../b-c.o\n/built/a.ko\n../../x.ko\nnone.ko\n");
  const auto copy = place_.copy();
  EXPECT_THAT(all_module_files(place_, copy),
              ElementsAre(copy / "a.ko", copy / "b-c.ko", copy / "bin/a.ko.xz"));
  EXPECT_THAT(modules_below(place_, copy), ElementsAre(copy / "a.ko", copy / "b-c.ko"));
  EXPECT_THAT(files_named(place_, copy, "Module.symvers"),
              ElementsAre(copy / "Module.symvers", copy / "sub/Module.symvers"));
  const auto real = fs::canonical(copy);
  EXPECT_THAT(modules_in_order(place_, copy, "/built"),
              ElementsAre(real / "b-c.ko", real / "a.ko"));
}

TEST_F(BuildRecordTest, ADirectoryThatBecameALinkHoldsNothing) {
  put(victim() / "modules.order", "x.ko\n");
  put(victim() / "Module.symvers", "");
  const auto module = place_.dkms() / "name/1.0/6.1/x86_64/module";
  for (const auto& replaced :
       {place_.copy() / "drv", place_.copy(), module, place_.dkms() / "name", place_.dkms()}) {
    SCOPED_TRACE(replaced.string());
    put(place_.copy() / "drv/x.ko", "");
    put(module / "x.ko", "");
    ASSERT_TRUE(place_.holds(replaced));
    replace_by_link(replaced);
    fs::create_directories(victim() / "1.0/6.1/x86_64/module");
    const auto below = is_below(module, replaced) ? module : replaced;
    for (const auto& start : {replaced, below}) {
      EXPECT_FALSE(place_.holds(start));
      EXPECT_THAT(all_module_files(place_, start), IsEmpty());
      EXPECT_THAT(modules_below(place_, start), IsEmpty());
      EXPECT_THAT(files_named(place_, start, "Module.symvers"), IsEmpty());
      EXPECT_THAT(modules_in_order(place_, start, start), IsEmpty());
    }
    fs::remove(replaced);
  }
}

TEST_F(BuildRecordTest, OnlyTheCopyAndDkmsTreeAreLookedThrough) {
  put(place_.directory / "out/1/x.ko", "");
  EXPECT_FALSE(place_.holds(place_.out()));
  EXPECT_FALSE(place_.holds(place_.directory));
  EXPECT_FALSE(place_.holds(victim()));
  EXPECT_FALSE(place_.holds(place_.copy() / "../../../victim"));
}

}  // namespace
}  // namespace kobox
