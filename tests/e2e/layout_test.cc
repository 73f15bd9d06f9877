// SPDX-License-Identifier: GPL-2.0-or-later
// Modules as people lay them out (modules/layouts): each is built as its author would, from the
// directory alone.
#include <fmt/format.h>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

class LayoutTest : public KoboxTest {
 protected:
  // A layout where no git work tree is around it.
  fs::path layout(const std::string& name) {
    const auto place = directory_ / "layouts" / name;
    fs::create_directories(place.parent_path());
    fs::copy(fs::path(KOBOX_SOURCE_DIR) / "modules/layouts" / name, place,
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    return place;
  }
  // The verdicts of the tests, by their names.
  static std::map<std::string, std::string> verdicts(const Finished& done) {
    std::map<std::string, std::string> found;
    const auto report = done.report();
    for (const auto& one : report["runs"][0]["tests"])
      found[one["name"].get<std::string>()] = one["verdict"].get<std::string>();
    return found;
  }
  // Of the only module: that it was built, loaded and unloaded.
  void passes(const fs::path& source, const std::string& module, const Arguments& more = {}) {
    const auto done = test(source, more);
    EXPECT_EQ(done.code(), 0) << done;
    EXPECT_EQ(done.report()["module"], module) << done;
    EXPECT_EQ(verdicts(done).size(), 1U) << done;
  }
  static std::string message(const Finished& done) {
    const auto failure = failure_of(done.report());
    return failure.is_object() ? failure["message"].get<std::string>() : "";
  }
};

using Verdicts = std::map<std::string, std::string>;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(LayoutTest, TwoObjectsAndADash) { passes(layout("composite"), "blink_led"); }

TEST_F(LayoutTest, KbuildGoesIntoADirectory) { passes(layout("nested"), "nested"); }

TEST_F(LayoutTest, AnOuterMakefileGeneratesAHeaderAndSetsAnOption) {
  const auto place = layout("outer");
  passes(place / "driver", "outer");
  EXPECT_FALSE(fs::exists(place / "driver/version.h")) << "the user's tree is only read";
}

TEST_F(LayoutTest, AMakefileThatGoesThroughDirectories) {
  const auto done = test(layout("subdirs"));
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(verdicts(done), (Verdicts{{"part_one", "pass"}, {"part_two", "pass"}})) << done;
}

TEST_F(LayoutTest, AFamilyIsLoadedInItsOrder) {
  const auto place = layout("family");
  auto done = test(place);
  EXPECT_EQ(verdicts(done),
            (Verdicts{{"family_core", "pass"}, {"family_left", "pass"}, {"family_right", "pass"}}))
      << done;
  // With a kobox.toml all are loaded for each test, with the parameters that are theirs.
  spit(place / "kobox.toml",
       "[module]\nnames = [\"family_right\", \"family_left\"]\nparams = \"family_left.number=4\"\n"
       "[[test]]\nname = \"a\"\nrun = \"dmesg | grep 'family_left: 5' && "
       "dmesg | grep 'family_right: 2'\"\n");
  done = test(place);
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.report()["runs"][0]["modules"],
            (nlohmann::json{"family_core", "family_right", "family_left"}));
  spit(place / "kobox.toml",
       "[module]\nparams = \"no_such=1\"\n[[test]]\nname = \"a\"\nrun = \"true\"\n");
  EXPECT_THAT(message(test(place)), HasSubstr("has no parameter"));
}

TEST_F(LayoutTest, AnotherDirectorysModuleIsNeeded) {
  const auto done = test(layout("needs") / "driver");
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(verdicts(done), (Verdicts{{"both are loaded", "pass"}})) << done;
}

TEST_F(LayoutTest, AClientOfTheModuleIsLoadedForItsTestAlone) {
  const auto place = layout("client");
  const auto done = test(place / "store");
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(verdicts(done), (Verdicts{{"is alone", "pass"},
                                      {"is loaded", "pass"},
                                      {"exports its function", "pass"},
                                      {"a client uses it", "pass"}}))
      << done;
  EXPECT_EQ(done.report()["runs"][0]["modules"], nlohmann::json{"store"});
  // A fault in the client is named there.
  auto text = slurp(place / "client/store_client.c");
  const std::string good = "return 0;";
  text.replace(text.find(good), good.size(), "BUG();");
  spit(place / "client/store_client.c", text);
  const auto failure = failure_of(test(place / "store").report());
  EXPECT_EQ(failure["file"], "store_client.c") << failure;
  EXPECT_EQ(failure["function"], "start") << failure;
}

TEST_F(LayoutTest, FirmwareIsFoundByItsName) {
  const auto place = layout("firmware");
  EXPECT_EQ(test(place, {"--kernel", "6.12-cloud"}).code(), 0);
  fs::remove(place / "fw/acme/radio.bin");
  EXPECT_THAT(message(test(place)), HasSubstr("-ENOENT"));
}

TEST_F(LayoutTest, DkmsBuildsWhatHasADkmsConf) {
  const auto place = layout("dkms");
  passes(place, "by_dkms");
  EXPECT_FALSE(fs::exists(place / "src/generated.h"));
  // A fault is named in the source, wherever dkms has built it.
  spit(place / "src/by_dkms.c", slurp(place / "src/by_dkms.c") + "#error enough\n");
  const auto failure = failure_of(test(place).report());
  EXPECT_EQ(failure["file"], "src/by_dkms.c") << failure;
  spit(place / "dkms.conf", slurp(place / "dkms.conf") + "BUILD_EXCLUSIVE_CONFIG=CONFIG_NONE\n");
  EXPECT_THAT(message(test(place)), HasSubstr("this kernel has no CONFIG_NONE"));
}

TEST_F(LayoutTest, ASourceIsALinkToTheDirectoryBesideIt) {
  passes(layout("shared") / "driver", "sharing");
}

TEST_F(LayoutTest, TheKbuildIsTwoDirectoriesUp) {
  passes(layout("above") / "drivers/above", "above", {"--kernel", "6.12-cloud"});
}

TEST_F(LayoutTest, ADriverWithoutItsDevice) {
  const auto place = layout("nodevice");
  const auto done = test(place);
  EXPECT_EQ(done.code(), 2) << "nothing passed: " << done;
  EXPECT_EQ(verdicts(done), (Verdicts{{"loads and unloads", "skip"}})) << done;
  spit(place / "kobox.toml", "[[test]]\nname = \"a\"\nrun = \"true\"\n");
  EXPECT_THAT(message(test(place)), AllOf(HasSubstr("-ENODEV"), HasSubstr("no chip answers")));
  spit(place / "kobox.toml",
       "[module]\nexpect_load = \"ENODEV\"\n[[test]]\nname = \"a\"\nrun = \"true\"\n");
  EXPECT_EQ(test(place).code(), 0);
}

TEST_F(LayoutTest, WhatOtherBuildsHaveLeftHasNoEffect) {
  const auto place = layout("composite");
  spit(place / "main.o", "no object");
  spit(place / ".main.o.cmd", "savedcmd_main.o := false\n");
  spit(place / "blink-led.mod.c", "#error old\n");
  spit(place / "Module.symvers", "0x1\tring_size\tother\tEXPORT_SYMBOL\t\n");
  passes(place, "blink_led");
}

}  // namespace
}  // namespace kobox::e2e
