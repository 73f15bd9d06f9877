// SPDX-License-Identifier: GPL-2.0-or-later
// The exercise's driver without kobox: what its Makefile alone makes of it, and what becomes of
// what it took when a step of its init function fails.
#include <fmt/format.h>

#include "base/text.h"
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

const fs::path k_driver = source_directory() / "modules/qemu_exercise";

class DriverTest : public KoboxTest {
 protected:
  fs::path copy() const {
    auto place = directory_ / "copy";
    fs::copy(k_driver, place, fs::copy_options::recursive);
    return place;
  }
};

class DriverOn : public DriverTest, public ::testing::WithParamInterface<const char*> {
 protected:
  std::string headers() {
    const auto shown = run({"kernel", "show", GetParam(), "--format", "json"});
    EXPECT_EQ(shown.code(), 0) << shown;
    return nlohmann::json::parse(shown.output)["kernels"][0]["headers"];
  }
  // What make said, of its own accord and of the compiler's.
  static std::string make(const fs::path& directory, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"make", "-C", directory.string()});
    // pahole, which Debian's headers bring with them, is for the module's BTF.
    arguments.emplace_back("CONFIG_DEBUG_INFO_BTF_MODULES=");
    const auto done = run_command({.argv = arguments}, {}, Streams::merged);
    EXPECT_TRUE(done && done->status.success()) << (done ? done->output : done.error().message());
    return done ? done->output : "";
  }
};

TEST_P(DriverOn, MakeAloneBuildsItWithoutAWarning) {
  const auto directory = copy();
  const auto said = make(directory, {"KDIR=" + headers(), "W=1"});
  EXPECT_TRUE(fs::exists(directory / "qemu_exercise.ko")) << said;
  EXPECT_THAT(said, HasSubstr("CC [M]"));
  EXPECT_THAT(said, Not(HasSubstr("warning")));
  make(directory, {"KDIR=" + headers(), "clean"});
  EXPECT_FALSE(fs::exists(directory / "qemu_exercise.ko"));
}

TEST_P(DriverOn, SparseHasNothingToComplainOf) {
  if (!find_program("sparse")) GTEST_SKIP() << "sparse is not installed";
  const auto said = make(copy(), {"KDIR=" + headers(), "C=1"});
  EXPECT_THAT(said, HasSubstr("CHECK"));
  EXPECT_THAT(said, Not(HasSubstr("warning")));
  EXPECT_THAT(said, Not(HasSubstr("error")));
}

// Those that this host has the compiler for.
INSTANTIATE_TEST_SUITE_P(Kernels, DriverOn, ::testing::Values("6.1-cloud", "6.1"),
                         [](const auto& one) { return name_of_parameter(one.param); });

class DriverInRoot : public DriverTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(DriverInRoot, AWarningWouldBeAnError) {
  const auto directory = copy();
  spit(directory / "Kbuild", slurp(directory / "Kbuild") + "\nccflags-y += -Wall -Werror\n");
  const auto done =
      run({"build", directory.string(), "--kernel", GetParam(), "--build-in", "root"});
  EXPECT_EQ(done.code(), 0) << done;
}

INSTANTIATE_TEST_SUITE_P(Kernels, DriverInRoot,
                         ::testing::Values("5.10-cloud", "6.12-cloud", "7.3-cloud"),
                         [](const auto& one) { return name_of_parameter(one.param); });

// A step of the init function, and the macro that makes it fail.
struct Step {
  const char* name;
  const char* macro;
  const char* said;
};

class FailingStep : public DriverTest, public ::testing::WithParamInterface<Step> {};

TEST_P(FailingStep, GivesBackWhatWasTaken) {
  const auto directory = copy();
  // Included before the macro, so that only the driver's call is another.
  spit(directory / "failing.c", fmt::format("#include <linux/cdev.h>\n#include <linux/device.h>\n"
                                            "#include <linux/fs.h>\n#include \"compat.h\"\n{}\n"
                                            "#include \"qemu_exercise.c\"\n",
                                            GetParam().macro));
  spit(directory / "Kbuild", "obj-m := failing.o\n");
  spit(directory / "kobox.toml",
       fmt::format("[module]\nload = false\n[[test]]\nname = \"fails and leaves nothing\"\n"
                   "run = \"insmod /kobox/module/failing.ko\"\nstatus = 12\n"
                   "stderr = {{ contains = \"Cannot allocate memory\" }}\n"
                   "kernel_log = [\"Initializing the module\", \"{}: -12\"]\n"
                   "no_kernel_log = [\"Goodbye\"]\n",
                   GetParam().said));
  const auto done = test(directory);
  EXPECT_EQ(done.code(), 0) << done;
}

INSTANTIATE_TEST_SUITE_P(
    Steps, FailingStep,
    ::testing::Values(
        Step{"Class",
             "#undef compat_class_create\n"
             "#define compat_class_create(name) ((struct class *)ERR_PTR(-ENOMEM))",
             "Failed to create the device class"},
        Step{"Region", "#define alloc_chrdev_region(...) (-ENOMEM)",
             "Failed to get a device number"},
        Step{"Cdev", "#define cdev_add(...) (-ENOMEM)", "Failed to add the character device"},
        Step{"Device", "#define device_create(...) ((struct device *)ERR_PTR(-ENOMEM))",
             "Failed to create the device"}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace kobox::e2e
