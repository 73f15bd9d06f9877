// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "module/driver_fixture.h"

namespace kobox {
namespace {

class DecodeTest : public DriverTest {
 protected:
  static std::string place(const std::string& function, std::uint64_t offset) {
    return fmt::format("{}+{:#x}/0x0 [my_driver]", function, offset);
  }
  Decoder decoder_ = Decoder::open({module()}).value();
};

TEST_F(DecodeTest, InlinedCallersAreNamedFromTheInnermostOutwards) {
  const auto fault = "RIP: 0010:" + place("dev_write", offsets("dev_write", ",0x8").at(0));
  EXPECT_EQ(
      decoder_.line("[    1.500000] " + fault),
      "[    1.500000] " + fault + " (store at driver.c:3, inlined into dev_write at driver.c:5)");
  EXPECT_EQ(decoder_.decoded(), 1);
}

TEST_F(DecodeTest, AReturnAddressMeansTheCallAndTheFaultsOwnPlaceDoesNot) {
  const auto after = offsets("dev_ioctl", "call").at(1);  // line 7's call returns to there
  const auto frame = place("dev_ioctl", after);
  EXPECT_EQ(decoder_.line("[    1.500000]  ? " + frame),
            "[    1.500000]  ? " + frame + " (driver.c:7)");
  EXPECT_EQ(decoder_.line("<4>[    1.500000] " + frame + " (P)"),
            "<4>[    1.500000] " + frame + " (driver.c:7) (P)");
  const auto rip = decoder_.line("RIP: 0010:" + frame);
  EXPECT_THAT(rip, ::testing::Not(::testing::HasSubstr("driver.c:7)")));
  EXPECT_EQ("RIP: 0010:" + decoder_.line(frame), rip);
}

TEST_F(DecodeTest, ADecodedLineStaysAsItIs) {
  const auto once = decoder_.line(" " + place("dev_ioctl", offsets("dev_ioctl", "call").at(1)));
  EXPECT_EQ(decoder_.line(once), once);
}

TEST_F(DecodeTest, SeveralPlacesInOneLine) {
  const auto frame = place("dev_ioctl", 0);
  EXPECT_EQ(decoder_.line("a " + frame + ", b " + frame + "."),
            "a " + frame + " (driver.c:6), b " + frame + " (driver.c:6).");
}

TEST_F(DecodeTest, WhatIsNotTheModulesStaysAsItIs) {
  for (const std::string line :
       {"", " vfs_write+0x12/0x90", " dev_write+0x0/0x20 [other]", "dev_write+0x0/0x20",
        std::string("\0\x1b[1m\xff", 6).c_str(), "RIP: 0033:0x7f1234"}) {
    EXPECT_EQ(decoder_.line(line), line);
  }
  EXPECT_EQ(decoder_.unknown(), 0);
}

TEST_F(DecodeTest, PlacesThatThisBuildDoesNotHaveAreCounted) {
  EXPECT_EQ(decoder_.line(place("no_such", 4)), place("no_such", 4));
  EXPECT_EQ(decoder_.line(place("dev_write", 0xfff0)), place("dev_write", 0xfff0));
  EXPECT_EQ(decoder_.unknown(), 2);
}

TEST_F(DecodeTest, AModuleThatCannotBeReadIsAnError) {
  auto gone = module();
  gone.ko = "/nonexistent.ko";
  EXPECT_FALSE(Decoder::open({gone}));
}

TEST(ReleaseInLog, IsInTheRegisterDumpsHeadAndInTheFirstLine) {
  EXPECT_EQ(release_in_log("x\n[    1.6] CPU: 0 PID: 45 Comm: a b Tainted: G           OE      "
                           "6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2\n"),
            "6.1.0-56-cloud-amd64");
  EXPECT_EQ(release_in_log("[    0.0] Linux version 6.12.1-amd64 (debian-kernel@lists) (gcc"),
            "6.12.1-amd64");
  EXPECT_EQ(release_in_log("CPU: 0 PID: 45 Comm: x #1"), std::nullopt);
  EXPECT_EQ(release_in_log("CPU: 0 PID: 45 Comm: x"), std::nullopt);
  EXPECT_EQ(release_in_log(""), std::nullopt);
}

}  // namespace
}  // namespace kobox
