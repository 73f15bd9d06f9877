// SPDX-License-Identifier: GPL-2.0-or-later
// Modules and kobox.toml that are wrong: what the user is told, and with which exit code.
#include <fmt/format.h>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

constexpr const char* k_healthy =
    "#include <linux/module.h>\n"
    "static int __init t_init(void) { return 0; }\n"
    "static void __exit t_exit(void) { }\n"
    "module_init(t_init);\n"
    "module_exit(t_exit);\n"
    "MODULE_LICENSE(\"GPL\");\n";

class BadModuleTest : public KoboxTest {
 protected:
  // The sentence of a run that ended before anything was built or booted.
  std::string refused(const fs::path& place, const Arguments& more = {}) {
    const auto done = test(place, more);
    EXPECT_EQ(done.code(), 2) << done;
    EXPECT_THAT(done.output, IsEmpty()) << done;
    EXPECT_FALSE(fs::exists(runs())) << "a machine was begun" << done;
    return done.error;
  }
  // The same of a kobox.toml with this text.
  std::string refused_toml(std::string_view text) {
    return refused(module_project("m", k_healthy, text));
  }
};

TEST_F(BadModuleTest, ADirectoryWithoutKbuild) {
  spit(directory_ / "empty/hello.c", k_healthy);
  const auto said = refused(directory_ / "empty");
  EXPECT_THAT(said, HasSubstr((directory_ / "empty").string() + " has no Kbuild, no Makefile and"));
  EXPECT_THAT(said, HasSubstr("obj-m := hello.o"));
  EXPECT_THAT(refused(directory_ / "absent"), HasSubstr("/absent: there is no such directory"));
}

TEST_F(BadModuleTest, AModuleThatDoesNotCompile) {
  const auto place = module_project(
      "broken", "#include <linux/module.h>\n\nstatic int broken(void)\n{\n\treturn nothing;\n}\n");
  const auto done = test(place);
  EXPECT_EQ(done.code(), 3) << done;
  const auto failure = failure_of(done.report());
  ASSERT_TRUE(failure.is_object()) << done;
  EXPECT_EQ(failure["kind"], "build");
  EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("nothing"));
  EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("undeclared"));
  EXPECT_EQ(failure["file"], "broken.c");
  EXPECT_EQ(failure["line"], 5);
  EXPECT_FALSE(fs::exists(runs())) << "a machine was begun";

  const auto built = run({"build", place.string(), "--kernel", "6.1-cloud"});
  EXPECT_EQ(built.code(), 3) << built;
  EXPECT_THAT(built.output, HasSubstr("broken.c:5"));
  EXPECT_THAT(built.output, HasSubstr("return nothing;"));
}

TEST_F(BadModuleTest, AProgramThatDoesNotCompile) {
  const auto place = project("[[test]]\nname = \"a\"\nrun = \"p\"\nprograms = [\"p.c\"]\n");
  spit(place / "p.c", "int main(void)\n{\n\treturn nothing;\n}\n");
  const auto done = test(place);
  EXPECT_EQ(done.code(), 3) << done;
  const auto failure = failure_of(done.report());
  ASSERT_TRUE(failure.is_object()) << done;
  EXPECT_EQ(failure["kind"], "build");
  EXPECT_EQ(failure["file"], "p.c");
  EXPECT_EQ(failure["line"], 3);
}

// A kernel that lies on a disk as a distribution installs it: boot/vmlinuz, lib/modules/RELEASE.
class KernelFileTest : public BadModuleTest {
 protected:
  void SetUp() override {
    for (const auto& entry : fs::directory_iterator(shared_cache() / "kobox/kernels")) {
      const auto name = entry.path().filename().string();
      if (!entry.is_directory() || !name.starts_with("6.1.0-")) continue;
      (name.ends_with("-cloud-amd64") ? cloud_ : generic_) = name;
    }
    ASSERT_FALSE(cloud_.empty() || generic_.empty());
    fs::create_directories(directory_ / "boot");
    fs::create_directories(directory_ / "lib/modules");
    fs::copy_file(kernel(cloud_) / "vmlinuz", directory_ / "boot/vmlinuz");
    fs::create_directory_symlink(kernel(cloud_) / "modules", directory_ / "lib/modules" / cloud_);
  }
  static fs::path kernel(const std::string& release) {
    return shared_cache() / "kobox/kernels" / release;
  }
  // With the build tree of that release.
  Finished test_with(const std::string& release) {
    const auto headers = kernel(release) / "headers/usr/src" / ("linux-headers-" + release);
    return test(quiet_module(), {"--kernel", (directory_ / "boot/vmlinuz").string(), "--headers",
                                 headers.string()});
  }

  std::string cloud_;
  std::string generic_;
};

TEST_F(KernelFileTest, WithItsOwnBuildTreeItPasses) {
  const auto done = test_with(cloud_);
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.report()["runs"][0]["kernel"], cloud_) << done;
  EXPECT_THAT(done.error, Not(HasSubstr("it may refuse the module"))) << "it is the right one";
}

TEST_F(KernelFileTest, AModuleForAnotherKernelIsRefusedAndTheMessageNamesBoth) {
  const auto done = test_with(generic_);
  EXPECT_EQ(done.code(), 1) << done;
  EXPECT_THAT(done.error, HasSubstr("it may refuse the module"));
  const auto failure = failure_of(done.report());
  ASSERT_TRUE(failure.is_object()) << done;
  EXPECT_EQ(failure["kind"], "load");
  const auto message = failure["message"].get<std::string>();
  EXPECT_THAT(message, ContainsRegex("6\\.1\\.0-[0-9]+-amd64")) << done;
  EXPECT_THAT(message, HasSubstr(cloud_)) << done;
}

TEST_F(BadModuleTest, UnknownKeyIsNamedWithItsPlace) {
  EXPECT_THAT(
      refused_toml("[[test]]\nname = \"a\"\nrun = \"true\"\ntimout = \"5s\"\n"),
      HasSubstr("kobox.toml:4:1: unknown key 'timout' in [[test]] (did you mean 'timeout'?)"));
}

TEST_F(BadModuleTest, WrongTypeIsNamedWithItsPlace) {
  EXPECT_THAT(refused_toml("[limits]\nboot = 60\n[[test]]\nname = \"a\"\nrun = \"true\"\n"),
              HasSubstr("kobox.toml:2:8: 'boot' in [limits] must be a time in a string"));
}

TEST_F(BadModuleTest, ATomlThatIsNone) {
  EXPECT_THAT(refused_toml("[[test]\n"), HasSubstr("kobox.toml:1:8: "));
}

TEST_F(BadModuleTest, BadRegexIsNamedWithItsPlace) {
  const auto said =
      refused_toml("[[test]]\nname = \"a\"\nrun = \"true\"\nstdout = { matches = \"(\" }\n");
  EXPECT_THAT(said, HasSubstr("kobox.toml:4:22: "));
  EXPECT_THAT(said, HasSubstr("regular expression"));
}

TEST_F(BadModuleTest, NoTestsAreNoPass) {
  EXPECT_THAT(refused_toml("test = []\n"), HasSubstr("has no [[test]]"));
  EXPECT_THAT(refused_toml("[module]\nload = true\n"), HasSubstr("has no [[test]]"));
  EXPECT_THAT(refused_toml(""), HasSubstr("has no [[test]]"));
}

TEST_F(BadModuleTest, TwoTestsOfOneName) {
  const auto said = refused_toml(
      "[[test]]\nname = \"a\"\nrun = \"true\"\n[[test]]\nname = \"a\"\nrun = \"false\"\n");
  EXPECT_THAT(said, HasSubstr("kobox.toml:5:8: "));
  EXPECT_THAT(said, HasSubstr("'a'"));
}

TEST_F(BadModuleTest, AllTestsSkippedAreNoPass) {
  const auto done = test(project("[[test]]\nname = \"a\"\nrun = \"true\"\nkernels = \">=99.0\"\n"));
  EXPECT_EQ(done.code(), 2) << done;
  const auto report = done.report();
  EXPECT_EQ(report["verdict"], "skip") << done;
  EXPECT_THAT(report["runs"][0]["tests"][0]["skip_reason"].get<std::string>(), HasSubstr(">=99.0"));
}

TEST_F(BadModuleTest, WithoutTomlTheModuleIsLoadedAndUnloaded) {
  const auto done = test(quiet_module());
  EXPECT_EQ(done.code(), 0) << done;
  const auto report = done.report();
  EXPECT_EQ(report["module"], "quiet") << done;
  EXPECT_EQ(report["runs"][0]["tests"][0]["name"], "loads and unloads");
}

TEST_F(BadModuleTest, WarningsOfModpostAreSeenOnlyWhenAskedFor) {
  const auto place =
      module_project("mismatch",
                     "#include <linux/module.h>\nstatic int __init once(void) { return 3; }\n"
                     "int (*bad)(void) = once;\nMODULE_LICENSE(\"GPL\");\n");
  const auto built = [&](const Arguments& more) {
    Arguments arguments{"build", place.string(), "--kernel", "6.12-cloud"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto done = run(arguments);
    EXPECT_EQ(done.code(), 0) << done;
    return done.output + done.error;
  };
  EXPECT_THAT(built({"-v"}), AllOf(HasSubstr("WARNING: modpost: mismatch: section mismatch"),
                                   Not(HasSubstr("MODULE_DESCRIPTION")), Not(HasSubstr("BTF"))));
  EXPECT_THAT(built({}), Not(HasSubstr("WARNING")));
}

// Fails in the way that is asked for. Major number 1 is the kernel's own.
constexpr const char* k_ways =
    R"(#include <linux/module.h>
#include <linux/fs.h>
#include <linux/slab.h>

static int way;
module_param(way, int, 0);
static const struct file_operations fops;

static noinline int in_a_call(void)
{
	int error = register_chrdev(1, "t", &fops);

	pr_info("it was %d\n", error);
	return error;
}

static noinline int at_its_end(void)
{
	pr_info("now\n");
	return register_chrdev_region(MKDEV(1, 0), 1, "t");
}

static int __init t_init(void)
{
	void *memory;

	if (way == 1)
		return in_a_call();
	if (way == 2)
		return at_its_end();
	memory = kmalloc(1UL << 40, GFP_KERNEL | __GFP_NOWARN);
	if (!memory)
		return -ENOMEM;
	kfree(memory);
	return 0;
}
module_init(t_init);
MODULE_LICENSE("GPL");
)";

class InitErrorOn : public BadModuleTest, public ::testing::WithParamInterface<const char*> {
 protected:
  auto failure_of_way(int way) {
    const auto toml = fmt::format(
        "[module]\nparams = \"way={}\"\n[[test]]\nname = \"loads\"\nrun = \"true\"\n", way);
    const auto done = test(module_project("t", k_ways, toml), {"--kernel", GetParam()});
    EXPECT_EQ(done.code(), 1) << done;
    const auto failure = failure_of(done.report());
    EXPECT_EQ(failure["kind"], "load") << done;
    return failure;
  }
};

TEST_P(InitErrorOn, IsToldWithWhereItComesFrom) {
  const auto call = failure_of_way(1);
  EXPECT_EQ(call["message"],
            "the init of t returned -EBUSY (Device or resource busy): register_chrdev() returned "
            "it, at t.c:11 in in_a_call; the last that was logged: it was -16");
  EXPECT_EQ(call["function"], "in_a_call");
  EXPECT_EQ(call["file"], "t.c");
  EXPECT_EQ(call["line"], 11);
  EXPECT_THAT(failure_of_way(2)["message"].get<std::string>(),
              HasSubstr("): register_chrdev_region() returned it, at t.c:20 in at_its_end; "));
  EXPECT_THAT(failure_of_way(3)["message"].get<std::string>(),
              HasSubstr("): it is set at t.c:33 in t_init"));
}

INSTANTIATE_TEST_SUITE_P(Kernels, InitErrorOn, ::testing::Values("6.1-cloud", "6.12-cloud"),
                         [](const auto& one) { return name_of_parameter(one.param); });

TEST_F(BadModuleTest, WrongOptionsSayWhichAreRight) {
  const auto said = [&](const Arguments& arguments) {
    const auto done = run(arguments);
    EXPECT_EQ(done.code(), 2) << done;
    EXPECT_THAT(done.output, IsEmpty()) << done;
    return done.error;
  };
  const auto quiet = quiet_module().string();
  EXPECT_THAT(said({"frobnicate"}), HasSubstr("unknown command 'frobnicate'"));
  EXPECT_THAT(said({}), HasSubstr("see --help"));
  EXPECT_THAT(said({"--frobnicate"}), HasSubstr("unknown option '--frobnicate'"));
  EXPECT_THAT(said({"test", "--frobnicate"}), HasSubstr("--frobnicate"));
  EXPECT_THAT(said({"test", "--accel", "xen", quiet}), HasSubstr("use auto, kvm or tcg"));
  EXPECT_THAT(said({"test", "--format", "xml", quiet}), HasSubstr("use terminal, json, junit"));
  EXPECT_THAT(said({"test", "--timeout", "soon", quiet}), HasSubstr("'soon' is not a time"));
  EXPECT_THAT(said({"test", "--matrix", "--kernel", "6.1", quiet}), HasSubstr("exclude"));
  EXPECT_THAT(said({"test", "--kernel", "quux", quiet}), HasSubstr("'quux' names no kernel"));
}

}  // namespace
}  // namespace kobox::e2e
