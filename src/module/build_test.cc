// SPDX-License-Identifier: GPL-2.0-or-later
// Needs make, gcc and ld. The build tree is a Makefile of a few lines that does what kbuild's
// `modules` target does; that real kernels' trees work too, the end-to-end cases show.
#include "module/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#include "base/child.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "module/ko_file.h"
#include "module/toolchain.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view k_tree = R"(
include $(or $(wildcard $(M)/Kbuild),$(M)/Makefile)
modules: $(patsubst %.o,$(M)/%.ko,$(obj-m))
	@printf '%s\n' $^ > $(M)/modules.order
	@env > $(M)/../environment
$(M)/%.ko: $(M)/%.o
	@echo '  LD [M]  $@'
	@ld -r -o $@ $<
$(M)/%.o: $(M)/%.c
	@echo '  CC [M]  $@'
	@echo $< >> $(M)/../compiled
	@$(CC) $(ccflags-y) -g -O2 -Wall -c -o $@ $<
)";

constexpr std::string_view k_module =
    "int f(void) { return 1; }\n"
    "const char i[] __attribute__((section(\".modinfo\"), used)) = \"license=GPL\";\n";

class BuildTest : public ::testing::Test {
 protected:
  BuildTest() {
    EXPECT_TRUE(write_file(root() / "headers/Makefile", k_tree));
    put("Kbuild", "obj-m := hello.o\n");
    put("hello.c", k_module);
  }
  ~BuildTest() override { reset_interrupt_for_testing(); }

  fs::path root() const { return directory_.path(); }
  fs::path source() const { return root() / "my module"; }
  void put(const fs::path& relative, std::string_view text) {
    EXPECT_TRUE(write_file(source() / relative, text));
  }
  Kernel kernel() const {
    return {.release = "6.1.0-test", .headers = root() / "headers", .identity = identity_};
  }
  BuildRequest request(const std::string& name = "") const {
    return {.source = source(),
            .modules = name.empty() ? std::vector<std::string>() : std::vector{name},
            .cache = root() / "cache",
            .deadline = Deadline::after(60s),
            .where = BuildIn::host};
  }
  struct Built : BuiltModule {
    bool fresh = false;
    fs::path log;
  };
  // The last that is loaded.
  Built built(const std::string& name = "") {
    auto outcome = build_modules(request(name), kernel());
    if (!outcome) {
      ADD_FAILURE() << outcome.error().to_string();
      return {};
    }
    if (auto* failure = std::get_if<BuildFailure>(&*outcome)) {
      ADD_FAILURE() << failure->message;
      return {};
    }
    const auto& all = std::get<BuiltModules>(*outcome);
    return {all.modules.back(), all.fresh, all.log};
  }
  BuildFailure failed() {
    auto outcome = build_modules(request(), kernel());
    if (outcome && std::holds_alternative<BuildFailure>(*outcome))
      return std::get<BuildFailure>(*outcome);
    ADD_FAILURE() << (outcome ? "it was built" : outcome.error().to_string());
    return {};
  }
  Error refused(const BuildRequest& what, const Kernel& by) {
    auto outcome = build_modules(what, by);
    if (!outcome) return outcome.error();
    ADD_FAILURE() << "no error";
    return {ErrorKind::internal, ""};
  }
  // How often the compiler ran below any copy.
  int compiled() const {
    int count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(root() / "cache"))
      if (entry.path().filename() == "compiled") {
        const auto text = read_file(entry.path()).value();
        count += static_cast<int>(std::ranges::count(text, '\n'));
      }
    return count;
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-build-test").value();
  std::string identity_ = "kernel";
};

TEST_F(BuildTest, BuildsInACopyAndLeavesTheDirectoryAlone) {
  const auto module = built();
  EXPECT_EQ(module.name, "hello");
  EXPECT_TRUE(module.fresh);
  EXPECT_EQ(module.source, source());
  EXPECT_TRUE(read_modinfo(module.ko));
  EXPECT_THAT(read_file(module.log).value(), HasSubstr("CC [M]"));
  auto lines = KoLines::open(module.ko, module.copy).value();
  const auto frames = lines.locate("f", 0, 0, KoLines::Address::exact);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].file, "hello.c");
  int files = 0;
  for ([[maybe_unused]] const auto& entry : fs::recursive_directory_iterator(source())) ++files;
  EXPECT_EQ(files, 2);
}

TEST_F(BuildTest, UnchangedIsNotBuiltAgain) {
  const auto first = built();
  const auto second = built();
  EXPECT_FALSE(second.fresh);
  EXPECT_EQ(second.ko, first.ko);
  EXPECT_EQ(second.identity, first.identity);
  EXPECT_EQ(compiled(), 1);
  put("kobox.toml", "# not the compiler's business");
  EXPECT_FALSE(built().fresh);
}

TEST_F(BuildTest, AChangeRebuildsOnlyWhatItTouches) {
  put("Kbuild", "obj-m := hello.o other.o\n");
  put("other.c", k_module);
  const auto first = built("hello");
  EXPECT_EQ(compiled(), 2);
  put("hello.c", std::string(k_module) + "int g(void) { return 2; }\n");
  const auto second = built("hello");
  EXPECT_TRUE(second.fresh);
  EXPECT_EQ(compiled(), 3);
  EXPECT_NE(second.identity, first.identity);
  EXPECT_TRUE(fs::exists(first.ko)) << "another kobox may still be testing it";
}

TEST_F(BuildTest, EveryPartOfTheKeyCounts) {
  built();
  identity_ = "another kernel";
  EXPECT_TRUE(built().fresh);
  EXPECT_FALSE(built().fresh);
  identity_ = "kernel";
  EXPECT_FALSE(built().fresh) << "each kernel has its own copy";
  put("Kbuild", "obj-m := hello.o\nccflags-y := -DX\n");
  EXPECT_TRUE(built().fresh);
}

TEST_F(BuildTest, ADamagedCacheIsBuiltAgain) {
  const auto module = built();
  ASSERT_TRUE(write_file(module.ko, "damaged"));
  EXPECT_TRUE(built().fresh);
  EXPECT_TRUE(read_modinfo(module.ko));
  const auto record = module.copy.parent_path() / "build.json";
  for (const auto* text : {"", "{", "[]", "{\"schema\":\"kobox.build/1\"}", "{\"schema\":1}"}) {
    ASSERT_TRUE(write_file(record, text));
    EXPECT_TRUE(built().fresh) << text;
  }
}

TEST_F(BuildTest, ACompilerErrorIsAFailureWithItsPlace) {
  put("hello.c", "int f(void) { return 1; }\nint g(void) { return x; }\n");
  const auto failure = failed();
  EXPECT_EQ(failure.file, "hello.c");
  EXPECT_EQ(failure.line, 2);
  EXPECT_EQ(failure.message, "'x' undeclared (first use in this function)");
  EXPECT_THAT(failure.log, Contains(HasSubstr("hello.c:2:22: error: 'x' undeclared")));
  EXPECT_THAT(read_file(failure.full_log).value(), HasSubstr("CC [M]"));
  put("hello.c", k_module);
  EXPECT_TRUE(built().fresh);
}

TEST_F(BuildTest, AFailureDoesNotSpoilTheGoodBuild) {
  built();
  put("hello.c", "broken");
  EXPECT_EQ(failed().file, "hello.c");
  EXPECT_EQ(failed().file, "hello.c") << "a failure is not remembered";
  put("hello.c", k_module);
  EXPECT_FALSE(built().fresh);
}

TEST_F(BuildTest, WarningsDoNotFail) {
  put("hello.c", fmt::format("static int unused(void) {{ return 1; }}\n{}", k_module));
  EXPECT_THAT(read_file(built().log).value(), HasSubstr("defined but not used"));
}

TEST_F(BuildTest, AVanishedSourceIsMissed) {
  built();
  fs::remove(source() / "hello.c");
  EXPECT_THAT(failed().message, HasSubstr("No rule to make target"));
}

TEST_F(BuildTest, TheUsersEnvironmentDoesNotReachTheCompiler) {
  for (const auto* name : {"MAKEFLAGS", "ARCH", "CROSS_COMPILE", "KCFLAGS", "CPATH", "LANG"})
    ::setenv(name, "harmful", 1);
  const auto module = built();
  for (const auto* name : {"MAKEFLAGS", "ARCH", "CROSS_COMPILE", "KCFLAGS", "CPATH", "LANG"})
    ::unsetenv(name);
  const auto environment = read_file(module.copy.parent_path() / "environment").value();
  EXPECT_THAT(environment, AllOf(HasSubstr("PATH="), HasSubstr("PWD="), Not(HasSubstr("harmful"))));
}

TEST_F(BuildTest, WhatTheMakefileGeneratesIsBuiltByItAndTheNextTimeAtOnce) {
  directory_ = TempDir::make(fs::temp_directory_path(), "kobox-build-test").value();
  EXPECT_TRUE(write_file(root() / "headers/Makefile", k_tree));
  auto what = request();
  what.source = root() / "module";
  const auto put_in = [&](const char* name, const std::string& text) {
    EXPECT_TRUE(write_file(what.source / name, text));
  };
  put_in("hello.c", "#include \"gen.h\"\n" + std::string(k_module));
  put_in("Makefile",
         "obj-m := hello.o\nall: gen.h\n\t$(MAKE) -C $(KDIR) M=$(CURDIR) CC=gcc modules\n"
         "gen.h:\n\techo > gen.h\n");
  const auto build = [&] {
    auto outcome = build_modules(what, kernel());
    EXPECT_TRUE(outcome) << outcome.error().to_string();
    return std::get<BuiltModules>(outcome.value());
  };
  const auto first = build();
  EXPECT_EQ(first.method, BuildMethod::make);
  EXPECT_TRUE(first.fresh);
  ASSERT_EQ(first.modules.size(), 1U);
  const int times = compiled();
  const auto second = build();
  EXPECT_FALSE(second.fresh);
  EXPECT_EQ(second.modules[0].identity, first.modules[0].identity);
  EXPECT_EQ(compiled(), times) << "kbuild was tried again";
  // A mistake is told by the Makefile's build.
  put_in("hello.c", "#include \"gen.h\"\nint x = y;\n");
  const auto failed = build_modules(what, kernel());
  ASSERT_TRUE(failed);
  EXPECT_THAT(std::get<BuildFailure>(*failed).message, HasSubstr("'y' undeclared"));
}

TEST_F(BuildTest, NoKbuildIsUsage) {
  fs::remove(source() / "Kbuild");
  const auto error = refused(request(), kernel());
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("no Kbuild, no Makefile and no dkms.conf"),
                                     HasSubstr("obj-m := hello.o\n  ccflags-y := -Wall")));
  put("Makefile", "obj-m += hello.o\nall:\n\tmake -C nowhere M=$(PWD)\n");
  EXPECT_EQ(built().name, "hello");
}

TEST_F(BuildTest, AllModulesOrThoseThatAreNamed) {
  put("Kbuild", "obj-m := hello.o an-other.o\n");
  put("an-other.c", k_module);
  const auto all = std::get<BuiltModules>(build_modules(request(), kernel()).value());
  EXPECT_EQ(all.modules.size(), 2U);
  EXPECT_EQ(built("an_other").name, "an_other");
  EXPECT_EQ(built("an-other").ko.filename(), "an-other.ko");
  auto error = refused(request("helo"), kernel());
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_THAT(error.message(),
              HasSubstr("builds no module 'helo', but hello, an_other (did you mean 'hello'?)"));
  put("Kbuild", "# nothing\n");
  error = refused(request(), kernel());
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_THAT(error.message(), HasSubstr("makes no module; a Kbuild needs a line such as"));
}

TEST_F(BuildTest, WrongDirectoriesAreUsage) {
  auto wrong = request();
  wrong.source = root() / "absent";
  EXPECT_THAT(refused(wrong, kernel()).message(), HasSubstr("there is no such directory"));
  wrong.source = source() / "hello.c";
  EXPECT_THAT(refused(wrong, kernel()).message(), HasSubstr("is not a directory"));
  auto headless = kernel();
  headless.headers.clear();
  EXPECT_THAT(refused(request(), headless).message(), HasSubstr("--headers DIR"));
  headless.headers = root();
  const auto error = refused(request(), headless);
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_THAT(error.message(), HasSubstr("is no build tree of a kernel"));
}

TEST_F(BuildTest, APathThatMakeCannotTakeIsSaid) {
  auto spaced = request();
  spaced.cache = root() / "my cache";
  const auto error = refused(spaced, kernel());
  EXPECT_EQ(error.kind(), ErrorKind::environment);
  EXPECT_THAT(error.message(), HasSubstr("my cache"));
}

TEST_F(BuildTest, AMissingCompilerIsTheEnvironments) {
  auto other = kernel();
  other.compiler = "gcc-99";
  const auto error = refused(request(), other);
  EXPECT_EQ(error.kind(), ErrorKind::environment);
  EXPECT_THAT(error.message(), HasSubstr("gcc-99"));
}

TEST_F(BuildTest, NoMakeIsTheEnvironments) {
  const std::string path = std::getenv("PATH");
  fs::create_directories(root() / "bin");
  fs::create_symlink(find_program("gcc").value(), root() / "bin/gcc");
  ::setenv("PATH", (root() / "bin").c_str(), 1);
  const auto error = refused(request(), kernel());
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(error.kind(), ErrorKind::environment);
  EXPECT_THAT(error.message(), HasSubstr("apt install make"));
}

TEST_F(BuildTest, AFullDiskIsTheEnvironments) {
  put("Kbuild", "obj-m := hello.o\n$(info x.s: No space left on device)$(error stop)\n");
  const auto error = refused(request(), kernel());
  EXPECT_EQ(error.kind(), ErrorKind::environment);
  EXPECT_THAT(error.message(), HasSubstr("the disk is full"));
}

TEST_F(BuildTest, DeadlineAndInterruptStopMake) {
  put("Kbuild", "obj-m := hello.o\n$(shell echo begun >&2; sleep 60)\n");
  auto hurried = request();
  hurried.deadline = Deadline::after(500ms);
  EXPECT_EQ(refused(hurried, kernel()).kind(), ErrorKind::timeout);
  std::jthread presser([] {
    std::this_thread::sleep_for(300ms);
    interrupt();
  });
  EXPECT_EQ(refused(request(), kernel()).kind(), ErrorKind::interrupted);
}

TEST_F(BuildTest, TwoAtOnceBuildOnce) {
  std::array<BuiltModule, 3> modules;
  {
    std::vector<std::jthread> threads;
    for (auto& module : modules) threads.emplace_back([&] { module = built(); });
  }
  EXPECT_EQ(compiled(), 1);
  for (const auto& module : modules) EXPECT_EQ(module.ko, modules[0].ko);
}

TEST_F(BuildTest, MakeCommandIsWhatRuns) {
  const auto command = make_command(request(), kernel());
  ASSERT_TRUE(command) << command.error().to_string();
  const auto text = command->to_string();
  EXPECT_THAT(text, AllOf(HasSubstr("make -C " + (root() / "headers").string() +
                                    " M=" + (root() / "cache/builds/").string()),
                          HasSubstr("CC=gcc "), HasSubstr("CONFIG_DEBUG_INFO_BTF_MODULES= ")));
  EXPECT_FALSE(fs::exists(root() / "cache")) << "--dry-run leaves nothing";
  EXPECT_EQ(command->cwd, built().copy);
}

}  // namespace
}  // namespace kobox
