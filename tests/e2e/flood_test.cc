// SPDX-License-Identifier: GPL-2.0-or-later
// More than can be kept: a kernel log that wraps before anybody reads it, and a panic behind
// megabytes of console. Nothing that was not seen is taken for a pass.
#include <fmt/format.h>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

// Logs more than the log holds, while nothing else runs on its processor.
constexpr const char* k_flood =
    "#include <linux/kernel.h>\n"
    "#include <linux/module.h>\n"
    "#include <linux/preempt.h>\n"
    "static int flood(const char *value, const struct kernel_param *param)\n"
    "{\n"
    "\tint i;\n"
    "\tpreempt_disable();\n"
    "\tfor (i = 0; i < 40000; i++)\n"
    "\t\tpr_info(\"line %d of the flood\\n\", i);\n"
    "\tpreempt_enable();\n"
    "\treturn 0;\n"
    "}\n"
    "static const struct kernel_param_ops ops = { .set = flood };\n"
    "module_param_cb(flood, &ops, NULL, 0200);\n"
    "static int __init flood_init(void) { return 0; }\n"
    "static void __exit flood_exit(void) { }\n"
    "module_init(flood_init);\n"
    "module_exit(flood_exit);\n"
    "MODULE_LICENSE(\"GPL\");\n";

// On the console it would take long.
constexpr const char* k_run =
    "run = \"echo 1 > /proc/sys/kernel/printk; echo 1 > /sys/module/flood/parameters/flood\"\n"
    "timeout = \"60s\"\n";

class FloodTest : public KoboxTest {
 protected:
  nlohmann::json results(const std::string& tests) {
    const auto done = test(module_project("flood", k_flood, tests));
    SCOPED_TRACE(testing::PrintToString(done));
    const auto report = done.report();
    EXPECT_TRUE(report.is_object());
    return report.is_object() ? report["runs"][0]["tests"] : nlohmann::json::array();
  }
};

TEST_F(FloodTest, ALogWithAGapIsNoPassForALineThatMustNotBeThere) {
  const auto tests = results(fmt::format(
      "[[test]]\nname = \"forbidden\"\n{0}no_kernel_log = [\"never said\"]\n"
      "[[test]]\nname = \"nothing is looked for\"\n{0}"
      "[[test]]\nname = \"found\"\n{0}kernel_log = [\"line 39998 of\", \"line 39999 of\"]\n"
      "[[test]]\nname = \"in the gap\"\n{0}kernel_log = [\"line 0 of\"]\n",
      k_run));
  ASSERT_EQ(tests.size(), 4U);
  constexpr const char* k_note = "[0-9]+ records of the kernel log were lost before they were read";
  for (const auto& one : tests) EXPECT_THAT(one.value("note", ""), ContainsRegex(k_note)) << one;
  EXPECT_EQ(tests[0]["verdict"], "fail");
  EXPECT_EQ(tests[0]["failure"]["kind"], "assertion");
  EXPECT_THAT(tests[0]["failure"]["message"].get<std::string>(),
              ContainsRegex("the kernel log has a gap of [0-9]+ records"));
  EXPECT_EQ(tests[1]["verdict"], "pass") << tests[1];
  EXPECT_EQ(tests[2]["verdict"], "pass") << tests[2];
  EXPECT_EQ(tests[3]["verdict"], "fail");
  EXPECT_THAT(tests[3]["failure"]["message"].get<std::string>(),
              HasSubstr("it may have been among them"));
}

TEST_F(FloodTest, APanicBehindMegabytesOfConsoleKeepsItsText) {
  const auto done = test(project(
      "[[test]]\nname = \"a\"\ntimeout = \"200s\"\n"
      "run = \"yes flood | head -c 3800000 > /dev/ttyS0; echo c > /proc/sysrq-trigger\"\n"));
  EXPECT_EQ(done.code(), 1) << done;
  const auto failure = failure_of(done.report());
  ASSERT_TRUE(failure.is_object()) << done;
  EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("sysrq triggered crash")) << done;
  EXPECT_THAT(slurp(failure["console"].get<std::string>()), HasSubstr("sysrq triggered crash"));
}

}  // namespace
}  // namespace kobox::e2e
