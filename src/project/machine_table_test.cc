// SPDX-License-Identifier: GPL-2.0-or-later
// What kobox.toml says of the machine's network, of firmware, and of what one test needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "project/project.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MachineTableTest : public ::testing::Test {
 protected:
  Result<Project> load(const std::string& text) const {
    EXPECT_TRUE(make_directories(top() / "driver/fw"));
    EXPECT_TRUE(make_directories(top() / "client"));
    EXPECT_TRUE(write_file(top() / "driver/x.bin", "1"));
    EXPECT_TRUE(write_file(top() / "driver/kobox.toml", text));
    return load_project(top() / "driver");
  }
  Project good(const std::string& text) const { return load(text).value(); }
  std::string bad(const std::string& text) const {
    const auto project = load(text);
    EXPECT_FALSE(project);
    return project ? "" : project.error().message();
  }
  fs::path top() const { return fs::canonical(temp_.path()); }

  TempDir temp_ = TempDir::make(fs::temp_directory_path(), "kobox-machine-").value();
};

const std::string k_test = "[[test]]\nname = \"a\"\nrun = \"true\"\n";

TEST_F(MachineTableTest, NetworksAreChosenByName) {
  EXPECT_EQ(good("").network, MachineNetwork::none);
  EXPECT_EQ(good("[machine]\nnetwork = \"none\"").network, MachineNetwork::none);
  EXPECT_EQ(good("[machine]\nnetwork = \"loopback\"").network, MachineNetwork::loopback);
  EXPECT_EQ(good("[machine]\nnetwork = \"pair\"").network, MachineNetwork::pair);
  EXPECT_THAT(bad("[machine]\nnetwork = \"bridge\""),
              HasSubstr("2:11: 'bridge' is not a network; choose none, loopback or pair"));
}

TEST_F(MachineTableTest, ANetdevIsOneOfThePair) {
  const std::string device = "[machine]\ndevices = [\"e1000,netdev=pair0\"]\n";
  EXPECT_THAT(good(device + "network = \"pair\"").devices, ElementsAre("e1000,netdev=pair0"));
  EXPECT_THAT(bad(device), HasSubstr("2:12: 'e1000,netdev=pair0' of devices has a netdev; there "
                                     "are two, pair0 and pair1, with network = \"pair\""));
}

TEST_F(MachineTableTest, FirmwareIsFilesAndDirectories) {
  EXPECT_THAT(good("").firmware, IsEmpty());
  EXPECT_THAT(good("[module]\nfirmware = [\"x.bin\", \"fw/\"]").firmware,
              ElementsAre(top() / "driver/x.bin", top() / "driver/fw"));
  EXPECT_THAT(bad("[module]\nfirmware = [\"y.bin\"]"),
              HasSubstr("2:13: the firmware 'y.bin' is not a file or directory that exists"));
  EXPECT_THAT(bad("[module]\nfirmware = [\"\"]"), HasSubstr("the firmware ''"));
}

TEST_F(MachineTableTest, ATestMayNeedDirectories) {
  EXPECT_THAT(good(k_test).tests[0].needs, IsEmpty());
  EXPECT_THAT(good(k_test + "needs = [\"../client\"]").tests[0].needs,
              ElementsAre(top() / "client"));
  EXPECT_THAT(bad(k_test + "needs = [\"../peer\"]"),
              HasSubstr("4:10: the needed directory '../peer' does not exist"));
  EXPECT_THAT(bad(k_test + "needs = [\".\"]"), HasSubstr("a module cannot need itself"));
}

}  // namespace
}  // namespace kobox
