// SPDX-License-Identifier: GPL-2.0-or-later
// Disks that are full or may not be written. Each test runs in a mount namespace of its own, so
// that its small tmpfs is gone when it ends, however it ends.
#include <fmt/format.h>

#include "base/text.h"
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

class BadDiskTest : public KoboxTest {
 protected:
  void SetUp() override {
    if (!can_mount()) namespace_ = {"unshare", "-rm"};
    if (!can_mount())
      GTEST_SKIP() << "no mount namespace can be made here: neither root nor user namespaces";
    fs::create_directories(disk_);
  }
  bool can_mount() const {
    auto mount = namespace_;
    mount.insert(mount.end(), {"mount", "-t", "tmpfs", "none", "/mnt"});
    const auto tried = run_command({.argv = mount});
    return tried && tried->status.success();
  }
  // A shell script in which $kobox is the binary and $disk a mount point; with its own cache in
  // $disk/cache. It says on standard output what is checked.
  Finished script(const std::string& text) {
    auto one = invocation({});
    one.prefix = namespace_;
    one.prefix.insert(one.prefix.end(), {"bash", "-euc", k_functions + text});
    one.environment.emplace_back("disk", disk_.string());
    one.environment.emplace_back("quiet", quiet_module().string());
    one.environment.emplace_back("shared", shared_cache().string());
    one.environment.emplace_back("XDG_CACHE_HOME", (disk_ / "cache").string());
    return run(one);
  }

  // disk_with_kernels SIZE: a disk, with kobox's cache on it, which has the kernels.
  // images_left: what is there of disk images.
  static constexpr const char* k_functions = R"(kobox=$0
disk_with_kernels() {
  mount -t tmpfs -o "size=$1" none "$disk"
  mkdir -p "$disk/cache/kobox"
  ln -s "$shared/kobox/kernels" "$disk/cache/kobox/kernels"
}
images_left() { find "$disk/cache/kobox/images" -mindepth 1 -not -path '*/.locks*'; }
)";
  std::vector<std::string> namespace_ = {"unshare", "-m"};
  fs::path disk_ = directory_ / "disk";
};

// The kernel's packages from the archive: only where a network may be used.
constexpr const char* k_fetch = "\"$kobox\" kernel fetch 6.1-cloud";

// The first is too small for the archive's lists, the second for the kernel.
TEST_F(BadDiskTest, NoSpaceToFetchIsSaidBeforehand) {
  for (const auto* size : {"30m", "200m"}) {
    const auto done = script(
        fmt::format("mount -t tmpfs -o size={} none $disk; code=0; {} || code=$?; echo code $code\n"
                    "find $disk -name '*.deb' -o -name 'vmlinu*' -o -name '.6.1*'",
                    size, k_fetch));
    EXPECT_EQ(done.code(), 0) << done;
    EXPECT_EQ(done.output, "code 4\n") << "something is left" << done;
    EXPECT_THAT(done.error, ContainsRegex("no space left on [^ ]*/disk/cache/kobox/"));
    EXPECT_THAT(done.error, HasSubstr("needs about"));
    EXPECT_THAT(done.error, HasSubstr("free some space, or set XDG_CACHE_HOME"));
  }
}

// Files run out here, not bytes, which no look before shows. What is left then must not be
// taken for a kernel, and with room the next one succeeds.
TEST_F(BadDiskTest, ADiskThatFillsUpWhileUnpackingLeavesNothingHalf) {
  const auto done = script(
      fmt::format("mount -t tmpfs -o size=900m,nr_inodes=3000 none $disk\n"
                  "code=0; {0} || code=$?; echo code $code\n"
                  "find $disk/cache/kobox/kernels -mindepth 1 -not -name '*.lock'\n"
                  "mount -o remount,nr_inodes=200000 $disk; {0}; ls $disk/cache/kobox/kernels",
                  k_fetch));
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, ContainsRegex("^code 4\n6\\.1\\.0-[^\n]*-cloud-amd64\n")) << done;
  EXPECT_THAT(done.error, HasSubstr("o space left")) << done;
  EXPECT_THAT(done.error, ContainsRegex("/disk/cache/kobox/kernels")) << done;
}

// Somebody else takes the space once the download has begun.
TEST_F(BadDiskTest, ADiskThatFillsUpWhileDownloadingLeavesNothingHalf) {
  const auto done = script(
      fmt::format("mount -t tmpfs -o size=700m none $disk\n"
                  "{0} & fetching=$!\n"
                  "until compgen -G \"$disk/cache/kobox/kernels/.6.1*/debs/*\" > /dev/null; do\n"
                  "  kill -0 $fetching; sleep 0.01; done\n"
                  "dd if=/dev/zero of=$disk/fill bs=1M 2> /dev/null || true\n"
                  "code=0; wait $fetching || code=$?; echo code $code\n"
                  "find $disk/cache/kobox/kernels -mindepth 1 -not -name '*.lock'\n"
                  "rm $disk/fill; {0}; ls $disk/cache/kobox/kernels",
                  k_fetch));
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, ContainsRegex("^code 4\n6\\.1\\.0-[^\n]*-cloud-amd64\n")) << done;
  EXPECT_THAT(done.error, ContainsRegex("fetching 6\\.1\\.0-[^ ]* \\(needs about")) << done;
}

// The kernels are there, the disk is full when module and initramfs are made.
TEST_F(BadDiskTest, NoSpaceToBuild) {
  const auto done = script(
      "disk_with_kernels 1m\n"
      "code=0; \"$kobox\" test $quiet --kernel 6.1-cloud --accel tcg --offline >&2 || code=$?\n"
      "echo code $code\n"
      "mount -o remount,size=100m $disk\n"
      "\"$kobox\" test $quiet --kernel 6.1-cloud --accel tcg --offline > /dev/null; echo code $?");
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.output, "code 4\ncode 0\n") << done;
  EXPECT_THAT(done.error, HasSubstr("o space left on device")) << done;
  EXPECT_THAT(done.error, HasSubstr("/disk/cache/kobox/")) << done;
}

TEST_F(BadDiskTest, ACacheThatMayNotBeWritten) {
  const auto done = script(
      "disk_with_kernels 1m; mount -o remount,ro $disk\n"
      "code=0; \"$kobox\" test $quiet --kernel 6.1-cloud --accel tcg --offline >&2 || code=$?\n"
      "echo code $code");
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.output, "code 4\n") << done;
  EXPECT_THAT(done.error, HasSubstr("Read-only file system")) << done;
  EXPECT_THAT(done.error, HasSubstr("/disk/cache/kobox/")) << done;
}

TEST_F(BadDiskTest, NoSpaceToSaveAMachine) {
  const auto done = script(
      "mount -t tmpfs -o size=20m none $disk; mkdir -p $disk/cache/kobox\n"
      "for one in kernels builds guests programs; do mkdir -p $shared/kobox/$one\n"
      "  ln -s $shared/kobox/$one $disk/cache/kobox/$one; done\n"
      "run() { \"$kobox\" test $quiet --kernel 6.1-cloud --accel tcg --offline \"$@\" >&2; }\n"
      "code=0; run || code=$?; echo code $code\n"
      "find $disk/cache/kobox/templates -mindepth 1 -not -path '*/.locks*'\n"
      "code=0; run --fresh-boot || code=$?; echo code $code");
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.output, "code 4\ncode 0\n")
      << "something is left, or a boot needs the space" << done;
  EXPECT_THAT(done.error, HasSubstr("No space left on device"));
  EXPECT_THAT(done.error, HasSubstr("/disk/cache/kobox/templates/"));
  EXPECT_THAT(done.error, HasSubstr("--fresh-boot does without"));
}

TEST_F(BadDiskTest, NoSpaceForTheReport) {
  const auto done = script(
      "mount -t tmpfs -o size=4k none $disk; export XDG_CACHE_HOME=$shared\n"
      "mkdir $disk/directory; head -c 4096 /dev/zero > $disk/fill\n"
      "code=0; \"$kobox\" test $quiet --kernel 6.1-cloud --accel tcg --offline --format json "
      "--output $disk/directory/report.json || code=$?\n"
      "echo code $code; find $disk/directory -type f");
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.output, "code 4\n") << done;
  EXPECT_THAT(done.error, HasSubstr("report.json")) << done;
  EXPECT_THAT(done.error, HasSubstr("No space left on device")) << done;
}

// A disk image needs some gigabytes, which is said before anything is fetched.
TEST_F(BadDiskTest, NoSpaceForAnImageIsSaidBeforehand) {
  const auto done = script(
      "disk_with_kernels 1g\n"
      "code=0; \"$kobox\" image build || code=$?; echo code $code; images_left");
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.output, "code 4\n") << "something is left" << done;
  EXPECT_THAT(done.error, ContainsRegex("no space left on [^ ]*/disk/cache/kobox/images"));
  EXPECT_THAT(done.error, HasSubstr("a disk image needs about 2.5 GB"));
}

// Others fill the disk while apt reads its lists: apt then waits for ever.
TEST_F(BadDiskTest, ADiskThatFillsUpWhileAnImageIsMade) {
  const auto done = script(
      "disk_with_kernels 3g\n"
      "\"$kobox\" image build & begun=0\n"
      "for ((i = 0; i < 600; ++i)); do\n"
      "  [[ -z $(find $disk/cache/kobox/images -path '*lists/partial/*' -print -quit) ]] || "
      "{ begun=1; break; }\n"
      "  sleep 0.1\n"
      "done\n"
      "until mount -o remount,size=$(($(df --output=used -k $disk | tail -n 1) + 1024))k $disk\n"
      "do :; done\n"
      "code=0; wait %1 || code=$?; echo begun $begun code $code; images_left");
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.output, "begun 1 code 4\n") << "something is left" << done;
  EXPECT_THAT(done.error,
              ContainsRegex("no space left on the disk of [^ ]*/disk/cache/kobox/images"));
  EXPECT_LT(done.seconds, 120.0);
}

// What the guest writes to its disk is the host's space.
TEST_F(BadDiskTest, NoSpaceForWhatADiskGuestWritesIsNotTheModulesFault) {
  const auto place = project(
      "[[test]]\nname = \"writes much\"\n"
      "run = \"head -c 200M /dev/urandom > /root/much; sync\"\n");
  const auto done = script(fmt::format(
      "mount -t tmpfs -o size=50m none $disk; export XDG_CACHE_HOME=$shared XDG_STATE_HOME=$disk\n"
      "code=0; \"$kobox\" test {} --guest disk --accel tcg --kernel 6.1-cloud || code=$?; echo "
      "code $code",
      place.string()));
  EXPECT_THAT(done.output, HasSubstr("code 4")) << done;
  EXPECT_THAT(done.output, HasSubstr("no space left on this host for what the guest writes"))
      << done;
}

}  // namespace
}  // namespace kobox::e2e
