// SPDX-License-Identifier: GPL-2.0-or-later
// What a module meets in the guest: who uses it, what it makes the kernel load.
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

class SurroundingsTest : public KoboxTest {};

TEST_F(SurroundingsTest, AModuleThatIsInUseIsToldWithItsUsers) {
  const auto finished = test(source_directory() / "tests/e2e/modules/held");
  EXPECT_EQ(finished.code(), 1) << finished;
  const auto report = finished.report();
  const auto& tests = report["runs"][0]["tests"];
  ASSERT_THAT(tests, SizeIs(3));
  const std::vector<std::string> expected = {
      "process [0-9]+ [(]sleep 1000[)] has opened /dev/held$",
      "a file system of the type heldfs is mounted at /mnt$",
      "its reference count is 1 and nobody is seen to hold it",
  };
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(tests[i]["failure"]["kind"], "leak");
    EXPECT_THAT(tests[i]["failure"]["message"].get<std::string>(), ContainsRegex(expected[i]));
  }
}

}  // namespace
}  // namespace kobox::e2e
