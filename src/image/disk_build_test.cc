// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/disk_build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/files.h"
#include "image/disk_store.h"
#include "image/kept_disk.h"

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

DiskRecipe recipe() {
  return {.packages = {"vim", "tcc"},
          .kernel = {.release = "6.1.0-9-cloud-amd64",
                     .version = "6.1.99-1",
                     .vmlinuz = {},
                     .vmlinux = {},
                     .headers = {},
                     .modules = {},
                     .compiler = {},
                     .identity = "k1"}};
}

TEST(DiskRecipeTest, HasTheKernelsPackagesInItsVersion) {
  const auto packages = disk_packages(recipe());
  EXPECT_THAT(packages, Contains("linux-image-6.1.0-9-cloud-amd64=6.1.99-1"));
  EXPECT_THAT(packages, Contains("linux-headers-6.1.0-9-cloud-amd64=6.1.99-1"));
  EXPECT_THAT(packages, AllOf(Contains("build-essential"), Contains("gdb"), Contains("kmod"),
                              Contains("strace"), Contains("vim"), Contains("tcc")));
  EXPECT_TRUE(std::ranges::is_sorted(packages));
}

std::string explained(std::string_view output) {
  const auto error = explain_debootstrap(output, recipe(), "/cache/images");
  EXPECT_EQ(error.kind(), ErrorKind::environment);
  return error.to_string();
}

TEST(DiskBuildTest, AFailureIsOneSentence) {
  EXPECT_EQ(
      explained("I: installing\ndpkg: error: No space left on device\nE: setup failed\n"),
      "no space left on the disk of /cache/images; an image needs 2.5 GB while it is made: free "
      "some, or set XDG_CACHE_HOME to a directory that has it");
  EXPECT_EQ(explained("E: Unable to locate package nosuch\nE: apt-get failed\n"),
            "bookworm has no such package: Unable to locate package nosuch");
  EXPECT_EQ(explained("E: Package 'x' has no installation candidate\n"),
            "bookworm has no such package: Package 'x' has no installation candidate");
  EXPECT_THAT(explained("E: Version '6.1.99-1' for 'linux-image-6.1.0-9-cloud-amd64' was not "
                        "found\n"),
              HasSubstr("fetch the newest with `kobox kernel fetch`"));
  EXPECT_EQ(explained("Err:1 http://m.example bookworm InRelease\n"
                      "  Temporary failure resolving 'm.example'\n"
                      "E: Failed to fetch http://m.example/InRelease\n"),
            "Debian's mirror cannot be reached, or lacks bookworm: Temporary failure resolving "
            "'m.example'");
  EXPECT_EQ(explained("I: starting\nE: something new\nE: mmdebstrap failed to run\n"),
            "mmdebstrap failed: something new");
  EXPECT_EQ(explained("killed\x1b[1m"), "mmdebstrap failed: killed\\x1b[1m");
}

class DiskStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Without a mirror nothing can be built by mistake.
    store_ = DiskStore(temp_->path(), {.apt = temp_->path() / "apt"});
    ::setenv("KOBOX_AGENT", "/bin/true", 1);
  }
  void TearDown() override { ::unsetenv("KOBOX_AGENT"); }
  // An image as build() leaves it.
  void put_image(const std::string& name, const std::string& identity = "i1") {
    const auto directory = temp_->path() / "images" / name;
    ASSERT_TRUE(write_file(directory / "disk.qcow2", "disk"));
    ASSERT_TRUE(write_file(directory / "overlay.qcow2", "empty"));
    ASSERT_TRUE(write_file(
        directory / "image.json",
        fmt::format(R"({{"schema":"kobox.image/1","name":"{}","suite":"bookworm","release":"6.1",)"
                    R"("kernel_version":"1","kernel_identity":"k1","bytes":1,"included":[],)"
                    R"("packages":["a 1"],"recipe":"r","identity":"{}"}})",
                    name, identity)));
  }

  Result<TempDir> temp_ = TempDir::make(fs::temp_directory_path(), "kobox-test-");
  DiskStore store_{temp_->path()};
};

TEST_F(DiskStoreTest, ListsWhatIsWholeAndNothingElse) {
  EXPECT_THAT(store_.list(), IsEmpty());
  put_image("b");
  put_image("a");
  ASSERT_TRUE(write_file(temp_->path() / "images/broken/image.json", "{"));
  ASSERT_TRUE(write_file(temp_->path() / "images/.making-x/image.json", "{}"));
  const auto images = store_.list();
  ASSERT_EQ(images.size(), 2U);
  EXPECT_EQ(images[0].name, "a");
  EXPECT_THAT(images[0].packages, ElementsAre("a 1"));
}

TEST_F(DiskStoreTest, AnUnknownNameIsTold) {
  put_image("bookworm-6.1");
  const auto found = store_.find("bookwurm-6.1");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind(), ErrorKind::usage);
  EXPECT_THAT(found.error().to_string(), HasSubstr("did you mean 'bookworm-6.1'?"));
  for (const auto* name : {"", "../x", ".making-1", "a/b", "a b"})
    EXPECT_FALSE(store_.find(name)) << name;
}

TEST_F(DiskStoreTest, AnImageInUseIsNotRemoved) {
  put_image("a");
  {
    const auto held = store_.use("a");
    ASSERT_TRUE(held);
    const auto removed = store_.remove("a");
    ASSERT_FALSE(removed);
    EXPECT_THAT(removed.error().to_string(), HasSubstr("in use"));
  }
  EXPECT_TRUE(store_.remove("a"));
  EXPECT_FALSE(store_.find("a"));
  EXPECT_THAT(store_.list(), IsEmpty());
}

TEST_F(DiskStoreTest, WithoutAMirrorNothingIsBuiltAndNothingIsLeft) {
  NoProgress progress;
  const auto built = store_.build("a", recipe(), DiskStore::Again::no, progress);
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().kind(), ErrorKind::environment);
  EXPECT_THAT(store_.list(), IsEmpty());
}

TEST_F(DiskStoreTest, ChangesAreKeptForOneImageAsItWas) {
  put_image("a");
  const auto image = *store_.find("a");
  {
    const auto kept = open_kept_disk(temp_->path(), "mine", image);
    ASSERT_TRUE(kept) << kept.error().to_string();
    EXPECT_TRUE(kept->fresh);
    ASSERT_TRUE(write_file(kept->layer, "changed"));
    const auto second = open_kept_disk(temp_->path(), "mine", image);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().to_string(), HasSubstr("in use by another"));
    EXPECT_FALSE(remove_kept_disk(temp_->path(), "mine"));
  }
  {
    const auto kept = open_kept_disk(temp_->path(), "mine", image);
    ASSERT_TRUE(kept);
    EXPECT_FALSE(kept->fresh);
    EXPECT_EQ(*read_file(kept->layer), "changed");
  }
  ASSERT_EQ(list_kept_disks(temp_->path()).size(), 1U);
  EXPECT_EQ(list_kept_disks(temp_->path())[0].image, "a");

  put_image("a", "i2");
  const auto other = open_kept_disk(temp_->path(), "mine", *store_.find("a"));
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().to_string(), HasSubstr("kobox image remove --persist mine"));
  EXPECT_TRUE(remove_kept_disk(temp_->path(), "mine"));
  EXPECT_THAT(list_kept_disks(temp_->path()), IsEmpty());
  EXPECT_FALSE(remove_kept_disk(temp_->path(), "mine"));
}

}  // namespace
}  // namespace kobox
