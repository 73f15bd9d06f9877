// SPDX-License-Identifier: GPL-2.0-or-later
// Why a module builds on one of Debian's kernels and not on another: by real builds, against real
// headers.
#include <fmt/format.h>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

using ::testing::AllOf;

// A module that uses what Linux 6.1 has, and what became of that until 6.12.
struct History {
  const char* name;
  const char* source;
  const char* summary;
};

constexpr History k_history[] = {
    {"class_create",  // since 6.4
     "#include <linux/device.h>\n#include <linux/module.h>\n"
     "static struct class *c;\n"
     "static int __init m_init(void)\n{\n"
     "\tc = class_create(THIS_MODULE, \"m\");\n\treturn PTR_ERR_OR_ZERO(c);\n}\n"
     "static void __exit m_exit(void)\n{\n\tclass_destroy(c);\n}\n"
     "module_init(m_init);\nmodule_exit(m_exit);\nMODULE_LICENSE(\"GPL\");\n",
     "class_create() takes one argument from 6.12 on, two until 6.1"},
    {"devnode",  // since 6.2
     "#include <linux/device.h>\n#include <linux/module.h>\n"
     "static char *m_devnode(struct device *dev, umode_t *mode)\n{\n\treturn NULL;\n}\n"
     "static struct class c = {\n\t.name = \"m\",\n\t.devnode = m_devnode,\n};\n"
     "int m_register(void);\nint m_register(void)\n{\n\treturn class_register(&c);\n}\n"
     "MODULE_LICENSE(\"GPL\");\n",
     "argument 1 of devnode of struct class is const struct device * from 6.12 on, struct device * "
     "until 6.1"},
    {"remove",  // since 6.11
     "#include <linux/module.h>\n#include <linux/platform_device.h>\n"
     "static int m_remove(struct platform_device *device)\n{\n\treturn 0;\n}\n"
     "static struct platform_driver m_driver = {\n"
     "\t.remove = m_remove,\n\t.driver = { .name = \"m\" },\n};\n"
     "module_platform_driver(m_driver);\nMODULE_LICENSE(\"GPL\");\n",
     "remove of struct platform_driver returns void from 6.12 on, int until 6.1"},
    {"strlcpy",  // gone since 6.8
     "#include <linux/module.h>\n#include <linux/string.h>\n"
     "size_t m_copy(char *to);\nsize_t m_copy(char *to)\n{\n\treturn strlcpy(to, \"m\", 2);\n}\n"
     "MODULE_LICENSE(\"GPL\");\n",
     "strlcpy() is gone from 6.12 on; until 6.1 it is in linux/string.h"},
    {"unaligned",  // since 6.12
     "#include <linux/module.h>\n#include <asm/unaligned.h>\nMODULE_LICENSE(\"GPL\");\n",
     "asm/unaligned.h is gone from 6.12 on, where there is linux/unaligned.h"},
};

class HistoryTest : public KoboxTest, public ::testing::WithParamInterface<History> {};

INSTANTIATE_TEST_SUITE_P(Until, HistoryTest, ::testing::ValuesIn(k_history),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(HistoryTest, IsSaidInOneClause) {
  const auto place = module_project("m", GetParam().source);
  const auto done =
      run({"build", place.string(), "--kernel", "6.1-cloud", "--kernel", "6.12-cloud"});
  EXPECT_EQ(done.code(), 3) << done;
  EXPECT_THAT(done.output, HasSubstr(fmt::format("  changed      {}\n", GetParam().summary)));
}

// A module that calls a function of the kernel's that it cannot have.
constexpr const char* k_caller =
    "#include <linux/module.h>\n"
    "extern long {0}(const void *);\n"
    "static int __init m_init(void)\n{{\n\treturn {0}(NULL) != 0;\n}}\n"
    "module_init(m_init);\nMODULE_LICENSE(\"GPL\");\n";

class MissingSymbolTest : public KoboxTest {
 protected:
  std::string message(const std::string& symbol) {
    const auto place = module_project("m", fmt::format(fmt::runtime(k_caller), symbol));
    const auto done = test(place);
    EXPECT_EQ(done.code(), 3) << done;
    return done.report()["runs"][0]["failure"]["message"];
  }
};

TEST_F(MissingSymbolTest, WhatTheKernelKeepsToItselfIsSaidToBeThere) {
  EXPECT_THAT(
      message("kallsyms_lookup_name"),
      AllOf(HasSubstr("undefined!"), HasSubstr("exports it to no module"), HasSubstr("since 5.7")));
}

TEST_F(MissingSymbolTest, WhatThisFlavourLacksIsFoundInAnother) {
  EXPECT_THAT(message("video_device_release_empty"),
              AllOf(HasSubstr("the module videodev of 6.1."), HasSubstr("--kernel 6.1")));
}

class ApiChangeTest : public KoboxTest {
 protected:
  fs::path place_ = module_project("m", k_history[0].source);
};

TEST_F(ApiChangeTest, AReportHasBothDeclarations) {
  const auto done = test(place_, {"--kernel", "6.1-cloud", "--kernel", "6.12-cloud"});
  EXPECT_EQ(done.code(), 3) << done;
  const auto report = done.report();
  EXPECT_EQ(report["runs"][0]["verdict"], "pass") << done;
  const auto& change = report["runs"][1]["failure"]["api_change"];
  ASSERT_TRUE(change.is_object()) << done;
  EXPECT_EQ(change["name"], "class_create");
  EXPECT_EQ(change["summary"], k_history[0].summary);
  EXPECT_EQ(change["here"]["file"], "include/linux/device/class.h");
  EXPECT_GT(change["here"]["line"], 100);
  EXPECT_THAT(change["here"]["text"].get<std::string>(), HasSubstr("(const char *name);"));
  EXPECT_THAT(change["there"]["text"].get<std::string>(),
              HasSubstr("#define class_create(owner, name)"));
  EXPECT_EQ(change["there"]["kernel"], report["runs"][0]["kernel"]);
}

// What is printed as it comes is explained before the summary. The kernel that it is compared with
// need not be in the run.
TEST_F(ApiChangeTest, OnTheTerminalItComesBeforeTheSummary) {
  const auto done = test(place_, {"--kernel", "6.12-cloud", "--format", "terminal"});
  EXPECT_EQ(done.code(), 3) << done;
  const auto why = done.output.find("why it does not build on 6.12.");
  const auto summary = done.output.find("1 failed on 6.12.");
  ASSERT_NE(why, std::string::npos) << done;
  EXPECT_LT(why, summary) << done;
  EXPECT_THAT(done.output.substr(why), HasSubstr(k_history[0].summary));
}

}  // namespace
}  // namespace kobox::e2e
