// SPDX-License-Identifier: GPL-2.0-or-later
// Needs busybox-static. The kernel is a made-up one without modules.
#include "image/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

struct Entry {
  unsigned type = 0, mode = 0;
  std::string content;  // of a file; the target of a link
  std::int64_t time = 0;
};

std::map<std::string, Entry> list(const fs::path& file) {
  std::map<std::string, Entry> entries;
  auto* reader = archive_read_new();
  archive_read_support_format_cpio(reader);
  EXPECT_EQ(archive_read_open_filename(reader, file.c_str(), 65536), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    Entry one{.type = archive_entry_filetype(entry),
              .mode = archive_entry_mode(entry) & 07777U,
              .content = "",
              .time = archive_entry_mtime(entry)};
    if (one.type == AE_IFREG) {
      one.content.resize(static_cast<std::size_t>(archive_entry_size(entry)));
      EXPECT_EQ(archive_read_data(reader, one.content.data(), one.content.size()),
                static_cast<la_ssize_t>(one.content.size()));
    } else if (one.type == AE_IFLNK) {
      one.content = archive_entry_symlink(entry);
    }
    EXPECT_TRUE(entries.emplace(archive_entry_pathname(entry), one).second) << "twice";
  }
  archive_read_free(reader);
  return entries;
}

class InitramfsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_file(agent(), "the agent's bytes"));
    ::setenv("KOBOX_AGENT", agent().c_str(), 1);
    if (!find_busybox()) GTEST_SKIP() << find_busybox().error().to_string();
  }
  void TearDown() override {
    ::unsetenv("KOBOX_AGENT");
    ::setenv("PATH", path_.c_str(), 1);
  }
  fs::path agent() const { return directory_.path() / "agent"; }
  fs::path cache() const { return directory_.path() / "cache"; }
  static Kernel kernel(const std::string& identity = "an identity") {
    return {.release = "6.1.0-fake", .identity = identity};
  }
  // A PATH in which only this program is, named busybox.
  void only_busybox(std::string_view bytes) {
    const auto bin = directory_.path() / "bin";
    ASSERT_TRUE(write_file(bin / "busybox", bytes));
    fs::permissions(bin / "busybox", fs::perms::owner_all);
    ::setenv("PATH", bin.c_str(), 1);
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-initramfs-test").value();
  std::string path_ = std::getenv("PATH");
};

TEST_F(InitramfsTest, HoldsWhatTheGuestNeeds) {
  const auto path = ensure_initramfs(kernel(), cache());
  ASSERT_TRUE(path) << path.error().to_string();
  const auto entries = list(*path);
  const auto at = [&](const std::string& name) {
    const auto it = entries.find(name);
    EXPECT_NE(it, entries.end()) << name;
    return it == entries.end() ? Entry{} : it->second;
  };
  EXPECT_EQ(at("init").content, "the agent's bytes");
  EXPECT_EQ(at("init").mode, 0755U);
  EXPECT_EQ(at("bin/busybox").content.size(), fs::file_size(find_busybox().value()));
  EXPECT_EQ(at("bin/busybox").mode, 0755U);
  for (const char* applet : {"bin/sh", "bin/cat", "bin/dd"}) {
    EXPECT_EQ(at(applet).type, static_cast<unsigned>(AE_IFLNK));
    EXPECT_EQ(at(applet).content, "busybox");
  }
  EXPECT_EQ(at("sbin/modprobe").content, "/init");
  EXPECT_FALSE(entries.contains("bin/modprobe")) << "busybox has no modules to load";
  EXPECT_EQ(at("dev/console").type, static_cast<unsigned>(AE_IFCHR));
  for (const char* directory : {"proc", "sys", "dev", "kobox/bin", "kobox/module", "home/user"})
    EXPECT_EQ(at(directory).type, static_cast<unsigned>(AE_IFDIR)) << directory;
  EXPECT_EQ(at("tmp").mode, 01777U);
  EXPECT_EQ(at("kobox/drivers").content, "") << "what the kernel has built in needs no file";
  EXPECT_THAT(at("etc/passwd").content, HasSubstr("user:x:1000:1000:"));
  for (const auto& [name, entry] : entries) EXPECT_EQ(entry.time, 0) << name;
}

// busybox' shell has applets of its own, which no PATH takes away.
TEST_F(InitramfsTest, TheShellHasNoModprobeOfItsOwn) {
  const auto entries = list(ensure_initramfs(kernel(), cache()).value());
  const auto bin = directory_.path() / "programs";
  const auto put = [&](const char* name, std::string_view bytes) {
    ASSERT_TRUE(write_file(bin / name, bytes));
    fs::permissions(bin / name, fs::perms::owner_all);
  };
  put("busybox", entries.at("bin/busybox").content);
  put("modprobe", "#!/bin/sh\necho asked for $1\n");
  const auto script = fmt::format(
      "PATH={}; modprobe fs-one; modinfo --help 2>&1 | grep -c Usage:; more --help 2>&1 | grep -c "
      "Usage:",
      bin.string());
  const auto done = run_command({.argv = {(bin / "busybox").string(), "sh", "-c", script}},
                                {.deadline = Deadline::after(std::chrono::seconds(10))});
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->output, "asked for fs-one\n1\n1\n");
}

TEST_F(InitramfsTest, EqualInputsAreEqualBytesAtTheSamePath) {
  const auto first = ensure_initramfs(kernel(), cache()).value();
  const auto bytes = read_file(first).value();
  EXPECT_EQ(initramfs_path(kernel(), cache()).value(), first);
  EXPECT_EQ(first.parent_path(), cache() / "guests");
  EXPECT_EQ(first.extension(), ".cpio");
  ASSERT_TRUE(remove_tree(cache()));
  EXPECT_EQ(ensure_initramfs(kernel(), cache()).value(), first);
  EXPECT_EQ(read_file(first).value(), bytes);
}

TEST_F(InitramfsTest, IsNotMadeTwice) {
  const auto path = ensure_initramfs(kernel(), cache()).value();
  ASSERT_TRUE(write_file(path, "marked"));
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(48);
  fs::last_write_time(path, old);
  EXPECT_EQ(ensure_initramfs(kernel(), cache()).value(), path);
  EXPECT_EQ(read_file(path).value(), "marked");
  EXPECT_GT(fs::last_write_time(path), old + std::chrono::hours(1)) << "its use is noted";
}

TEST_F(InitramfsTest, AnotherKernelOrAgentIsAnotherFile) {
  const auto path = initramfs_path(kernel(), cache()).value();
  EXPECT_NE(initramfs_path(kernel("another"), cache()).value(), path);
  ASSERT_TRUE(write_file(agent(), "another agent"));
  EXPECT_NE(initramfs_path(kernel(), cache()).value(), path);
}

TEST_F(InitramfsTest, ADynamicBusyboxIsRefused) {
  only_busybox(read_file("/proc/self/exe").value());
  const auto path = ensure_initramfs(kernel(), cache());
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().kind(), ErrorKind::environment);
  EXPECT_THAT(path.error().to_string(), HasSubstr("busybox is not statically linked"));
  EXPECT_THAT(path.error().to_string(), HasSubstr("apt-get install busybox-static"));
}

TEST_F(InitramfsTest, ABusyboxThatIsNoProgramIsRefused) {
  const auto elf = read_file("/proc/self/exe").value();
  for (const auto& bytes : {std::string("#!/bin/sh\n"), elf.substr(0, 10), elf.substr(0, 64)}) {
    only_busybox(bytes);
    EXPECT_FALSE(find_busybox());
  }
}

TEST_F(InitramfsTest, WithoutBusyboxThePackageIsNamed) {
  ::setenv("PATH", directory_.path().c_str(), 1);
  const auto found = find_busybox();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().to_string(),
            "busybox is not installed; on Debian: apt-get install busybox-static");
}

TEST_F(InitramfsTest, AnAgentThatIsNotThere) {
  ::setenv("KOBOX_AGENT", (directory_.path() / "none").c_str(), 1);
  const auto path = ensure_initramfs(kernel(), cache());
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().kind(), ErrorKind::environment);
  EXPECT_THAT(path.error().to_string(), HasSubstr((directory_.path() / "none").string()));
  ::unsetenv("KOBOX_AGENT");
  EXPECT_THAT(find_agent().error().to_string(), HasSubstr("KOBOX_AGENT"));
}

TEST_F(InitramfsTest, ACacheThatCannotBeWritten) {
  ASSERT_TRUE(write_file(cache(), "a file where the directory should be"));
  const auto path = ensure_initramfs(kernel(), cache());
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().kind(), ErrorKind::environment);
}

}  // namespace
}  // namespace kobox
