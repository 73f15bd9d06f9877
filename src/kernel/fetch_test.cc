// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/fetch.h"

#include <gmock/gmock.h>

#include "archive/made_files.h"
#include "base/child.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view k_name = "6.1.0-56-amd64";

TEST(PlaceEntry, TakesWhatIsNeeded) {
  EXPECT_EQ(place_entry("boot/vmlinuz-6.1.0-56-amd64", k_name), "vmlinuz");
  EXPECT_EQ(place_entry("usr/lib/modules/6.1.0-56-amd64/vmlinuz", k_name), "vmlinuz");
  EXPECT_EQ(place_entry("lib/modules/6.1.0-56-amd64", k_name), "modules");
  EXPECT_EQ(place_entry("lib/modules/6.1.0-56-amd64/kernel/a.ko", k_name), "modules/kernel/a.ko");
  EXPECT_EQ(place_entry("usr/lib/modules/6.1.0-56-amd64/kernel/a.ko", k_name),
            "modules/kernel/a.ko");
  EXPECT_EQ(place_entry("usr/src/linux-headers-6.1.0-56-amd64/Makefile", k_name),
            "headers/usr/src/linux-headers-6.1.0-56-amd64/Makefile");
  EXPECT_EQ(place_entry("usr/lib/linux-kbuild-6.1/scripts/mod/modpost", k_name),
            "headers/usr/lib/linux-kbuild-6.1/scripts/mod/modpost");
}

TEST(PlaceEntry, LeavesTheRest) {
  for (const auto* entry :
       {"boot/System.map-6.1.0-56-amd64", "boot/vmlinuz-6.1.0-56-cloud-amd64", "usr/share/doc/x",
        "lib/modules/6.1.0-56-amd64/build", "lib/modules/6.1.0-56-amd64/source",
        "lib/modules/6.1.0-56-amd64-dbg/x", "lib/modules", "usr/src", "etc/passwd", ""})
    EXPECT_FALSE(place_entry(entry, k_name)) << entry;
}

class RelocateTest : public DirectoryTest {};

TEST_F(RelocateTest, MakesIncludesRelative) {
  write("usr/src/linux-headers-a/Makefile",
        "# /usr/src/ stays in a comment\ninclude /usr/src/linux-headers-common/Makefile\n"
        "include /usr/lib/linux-kbuild/x.mk\n");
  write("usr/src/linux-headers-common/Makefile", "all:\n\t@echo common\n");
  write("usr/lib/linux-kbuild/x.mk", "other:\n\t@echo kbuild\n");
  fs::create_symlink("../lib/linux-kbuild", path() / "usr/src/linux-kbuild");
  ASSERT_TRUE(relocate_headers(path() / "usr"));
  fs::rename(path() / "usr", path() / "moved");
  const CommandLine make{
      .argv = {"make", "-C", path() / "moved/src/linux-headers-a", "all", "other"}};
  const auto done = run_command(make);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_TRUE(done->status.success()) << done->error;
  EXPECT_THAT(done->output, HasSubstr("common\nkbuild\n"));
  EXPECT_THAT(read_file(path() / "moved/src/linux-headers-a/Makefile").value(),
              HasSubstr("# /usr/src/ stays"));
}

TEST(DownloadStatus, ReadsWhatAptSays) {
  EXPECT_NEAR(parse_download_status("dlstatus:2:79.6331:Retrieving file 2 of 2").value(), 0.796331,
              1e-9);
  EXPECT_EQ(parse_download_status("dlstatus:1:0.0000:x"), 0);
  for (const auto* line : {"", "Get:1 x", "dlstatus:", "dlstatus:1:x:y", "dlstatus:1:101:y",
                           "dlstatus:1:-1:y", "dlstatus:1:nan:y", "dlstatus:1:5%:y"})
    EXPECT_FALSE(parse_download_status(line)) << line;
}

}  // namespace
}  // namespace kobox
