// SPDX-License-Identifier: GPL-2.0-or-later
// On this host: its own files, and tables as a kernel writes them.
#include "users.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>

#include "fd.h"

namespace kobox::agent {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string self() { return "/proc/" + std::to_string(::getpid()); }

TEST(Belongings, AreReadFromTheInventory) {
  const auto of = belongings(
      "x", {"character device region 240 x", "block device region 7 loop", "misc device 61 x_misc",
            "file system nodev\txfs_like", "file system \text_like", "/proc/x/state", "module x"});
  EXPECT_THAT(of.character_majors, ElementsAre(240));
  EXPECT_THAT(of.block_majors, ElementsAre(7));
  EXPECT_THAT(of.character_devices, ElementsAre(::makedev(10, 61)));
  EXPECT_THAT(of.file_systems, ElementsAre("ext_like", "xfs_like"));
  EXPECT_THAT(of.files, ElementsAre("/proc/x/state"));
  EXPECT_TRUE(of.has_device(S_IFCHR, ::makedev(240, 3)));
  EXPECT_FALSE(of.has_device(S_IFBLK, ::makedev(240, 3)));
  EXPECT_TRUE(of.has_device(S_IFBLK, ::makedev(7, 0)));
  EXPECT_FALSE(of.has_device(S_IFREG, ::makedev(240, 3)));
  EXPECT_FALSE(of.has_device(S_IFCHR, ::makedev(10, 62)));
}

TEST(Users, AProcessHasADeviceOpenWhateverItIsCalled) {
  const auto of = belongings("x", {"/dev/null"});
  Users nobody;
  add_process(belongings("x", {"/dev/full"}), self(), nobody);
  EXPECT_THAT(nobody.sentences(), IsEmpty());
  const Fd held(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Fd again(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Users users;
  add_process(of, self(), users);
  EXPECT_THAT(users.sentences(),
              ElementsAre(AllOf(StartsWith("process " + std::to_string(::getpid()) + " ("),
                                HasSubstr("agent_test"), HasSubstr(") has opened /dev/null"))));
}

TEST(Users, AFileOfTheModulesIsKnownByItsPath) {
  const Fd held(::open("/proc/uptime", O_RDONLY | O_CLOEXEC));
  Users users;
  add_process(belongings("x", {"/proc/uptime"}), self(), users);
  EXPECT_THAT(users.sentences(), ElementsAre(HasSubstr(" has opened /proc/uptime")));
}

TEST(Users, AFileThatIsMappedNeedNotBeOpen) {
  std::string path = "/var/tmp/kobox_users_XXXXXX";
  const int file = ::mkstemp(path.data());
  ASSERT_GE(file, 0);
  ASSERT_EQ(::ftruncate(file, 1), 0);
  void* mapped = ::mmap(nullptr, 1, PROT_READ, MAP_SHARED, file, 0);
  ::close(file);
  Belongings of{.module = "x"};
  of.files.insert(path);
  Users users;
  add_process(of, self(), users);
  ::munmap(mapped, 1);
  ::unlink(path.c_str());
  EXPECT_THAT(users.sentences(), ElementsAre(HasSubstr(" has mapped " + path)));
}

TEST(Users, SocketsOfAProtocol) {
  constexpr const char* k_protocols =
      "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh\n"
      "PINGv6    1208      0      -1   NI       0   yes  kernel      y  y  y  n  n  y  n  n\n"
      "SCO        800      2      -1   NI       0   no   bluetooth   n  n  n  n  n  n  n  n\n"
      "L2CAP      900      0      -1   NI       0   no   bluetooth   n  n  n  n  n  n  n  n\n"
      "broken line\n";
  Belongings of{.module = "bluetooth"};
  Users users;
  add_protocols(of, k_protocols, users);
  EXPECT_THAT(of.protocols, ElementsAre("L2CAP", "SCO"));
  EXPECT_THAT(users.sentences(), ElementsAre("sockets of the protocol SCO are open: 2"));
}

TEST(Users, MountsOfAType) {
  constexpr const char* k_mounts =
      "devtmpfs /dev devtmpfs rw,nosuid 0 0\n"
      "none /mnt/a\\040b xfs_like rw 0 0\n"
      "short\n";
  Users users;
  add_mounts(belongings("x", {"file system nodev\txfs_like"}), k_mounts, users);
  EXPECT_THAT(users.sentences(),
              ElementsAre("a file system of the type xfs_like is mounted at /mnt/a b"));
}

TEST(Users, AreBounded) {
  Users users;
  for (int i = 0; i < 1000; ++i) users.add(std::to_string(i));
  EXPECT_TRUE(users.full());
  EXPECT_THAT(users.sentences(), SizeIs(32));
}

TEST(Users, OfAModuleThatIsNotThereHaveNoCount) {
  EXPECT_EQ(users_of("there_is_no_such_module", {}), "\n");
}

}  // namespace
}  // namespace kobox::agent
