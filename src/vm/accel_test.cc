// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/accel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

class AccelTest : public ::testing::Test {
 protected:
  AccelTest() { EXPECT_TRUE(write_file(qemu(), "a QEMU")); }
  fs::path cache() const { return directory_.path() / "cache"; }
  fs::path qemu() const { return directory_.path() / "qemu"; }
  fs::path file() const { return cache() / "accel.json"; }
  AccelMemory memory(const std::string& kernel = "kernel") const {
    return AccelMemory(cache(), kernel, qemu());
  }
  void remember_kvm() const { memory().remember({Accel::kvm, "it booted"}); }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-accel-test").value();
};

TEST_F(AccelTest, Names) {
  EXPECT_EQ(parse_accel("auto").value(), AccelChoice::automatic);
  EXPECT_EQ(parse_accel("kvm").value(), AccelChoice::kvm);
  EXPECT_EQ(parse_accel("tcg").value(), AccelChoice::tcg);
  for (const char* text : {"", "KVM", "hvf", "kvm "}) {
    const auto choice = parse_accel(text);
    ASSERT_FALSE(choice) << text;
    EXPECT_EQ(choice.error().kind(), ErrorKind::usage);
    EXPECT_THAT(choice.error().message(), HasSubstr("auto, kvm or tcg"));
  }
  EXPECT_EQ(to_string(Accel::kvm), "kvm");
  EXPECT_EQ(to_string(Accel::tcg), "tcg");
}

TEST_F(AccelTest, ObstacleOfADevice) {
  EXPECT_EQ(kvm_obstacle(qemu()), std::nullopt) << "whatever opens can be tried";
  EXPECT_EQ(kvm_obstacle(directory_.path() / "kvm"),
            fmt::format("there is no {}", (directory_.path() / "kvm").string()));
  EXPECT_THAT(kvm_obstacle(directory_.path()),
              Optional(HasSubstr("does not open (Is a directory)")));
}

TEST_F(AccelTest, ObstacleOfADeviceThatMayNotBeOpened) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may open everything";
  fs::permissions(qemu(), fs::perms::none);
  EXPECT_THAT(kvm_obstacle(qemu()), Optional(HasSubstr("no permission to open")));
}

TEST_F(AccelTest, RecallsWhatWasRemembered) {
  EXPECT_FALSE(memory().recall());
  remember_kvm();
  const auto found = memory().recall();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->accel, Accel::kvm);
  EXPECT_EQ(found->reason, "it booted");
  memory().remember({Accel::tcg, "no more \"so\""});
  EXPECT_EQ(memory().recall()->accel, Accel::tcg);
  EXPECT_EQ(memory().recall()->reason, "no more \"so\"");
}

TEST_F(AccelTest, AnotherKernelOrQemuIsNotKnown) {
  remember_kvm();
  EXPECT_FALSE(memory("another kernel").recall());
  const auto other = directory_.path() / "other-qemu";
  ASSERT_TRUE(write_file(other, "a QEMU"));
  EXPECT_FALSE(AccelMemory(cache(), "kernel", other).recall());
  // The same file, upgraded.
  fs::last_write_time(qemu(), fs::last_write_time(qemu()) + std::chrono::hours(1));
  EXPECT_FALSE(memory().recall());
}

TEST_F(AccelTest, ALinkToTheSameQemuIsTheSame) {
  remember_kvm();
  const auto link = directory_.path() / "link";
  fs::create_symlink(qemu(), link);
  EXPECT_TRUE(AccelMemory(cache(), "kernel", link).recall());
}

TEST_F(AccelTest, RemembersSeveralKernels) {
  remember_kvm();
  memory("second").remember({Accel::tcg, "hangs"});
  EXPECT_EQ(memory().recall()->accel, Accel::kvm);
  EXPECT_EQ(memory("second").recall()->accel, Accel::tcg);
}

TEST_F(AccelTest, DoesNotGrowForEver) {
  for (int i = 0; i < 450; ++i)
    memory(std::to_string(i)).remember({Accel::tcg, std::string(50, 'x')});
  EXPECT_TRUE(memory("449").recall());
  EXPECT_LT(fs::file_size(file()), 200U * 250U);
}

TEST_F(AccelTest, ADamagedFileCountsAsEmptyAndIsReplaced) {
  remember_kvm();
  const auto whole = read_file(file()).value();
  for (const std::string& damaged :
       {std::string(), std::string("["), std::string("null"), std::string("[1]"),
        std::string("\xff\x00", 2), whole.substr(0, whole.size() / 2), std::string(3 << 20, ' ')}) {
    ASSERT_TRUE(write_file(file(), damaged));
    EXPECT_FALSE(memory().recall()) << damaged.substr(0, 40);
    remember_kvm();
    EXPECT_TRUE(memory().recall());
  }
}

TEST_F(AccelTest, AnEntryOfAnotherFormIsNotKnown) {
  remember_kvm();
  const auto whole = read_file(file()).value();
  const auto replaced = [&](std::string_view old, std::string_view by) {
    auto text = whole;
    const auto at = text.find(old);
    EXPECT_NE(at, std::string::npos);
    text.replace(at, old.size(), by);
    return text;
  };
  for (const auto& text : {replaced("\"kvm\"", "\"hvf\""), replaced("\"kvm\"", "7"),
                           replaced("\"it booted\"", "null"), replaced("\"reason\"", "\"why\"")}) {
    ASSERT_TRUE(write_file(file(), text));
    EXPECT_FALSE(memory().recall()) << text;
  }
}

TEST_F(AccelTest, ACacheThatCannotBeWrittenIsNoError) {
  ASSERT_TRUE(write_file(cache(), "a file where the directory should be"));
  remember_kvm();
  EXPECT_FALSE(memory().recall());
}

TEST_F(AccelTest, AReasonMayHoldAnyBytes) {
  memory().remember({Accel::tcg, "QEMU said \xff"});
  const auto found = memory().recall();
  EXPECT_TRUE(!found || found->accel == Accel::tcg);
}

TEST_F(AccelTest, AQemuThatIsNotThereIsNoError) {
  AccelMemory lost(cache(), "kernel", directory_.path() / "no-qemu");
  lost.remember({Accel::tcg, "odd"});
  EXPECT_TRUE(lost.recall());
}

}  // namespace
}  // namespace kobox
