// SPDX-License-Identifier: GPL-2.0-or-later
// The real kobox (KOBOX_BINARY), as far as it comes without a kernel, QEMU or network.
#include "cli/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    EXPECT_TRUE(write_file(module() / "Kbuild", "obj-m := x.o\n"));
    EXPECT_TRUE(write_file(module() / "kobox.toml", "[[test]]\nname = \"a\"\nrun = \"true\"\n"));
  }
  fs::path module() const { return directory_.path() / "module"; }

  CommandResult kobox(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), KOBOX_BINARY);
    auto done =
        run_command({.argv = std::move(arguments),
                     .cwd = module(),
                     .environment = {{"HOME", directory_.path().string()},
                                     {"XDG_CACHE_HOME", (directory_.path() / "c").string()},
                                     {"XDG_STATE_HOME", (directory_.path() / "s").string()}}},
                    {.deadline = Deadline::after(30s)});
    if (done) return std::move(*done);
    ADD_FAILURE() << done.error().to_string();
    return {};
  }
  // What it says of a command line that it refuses.
  std::string refused(std::vector<std::string> arguments) const {
    // Whatever is not refused must not fetch a kernel either.
    const auto command = arguments.empty() ? "" : arguments[0];
    if (command == "test" || command == "build" || command == "shell")
      arguments.insert(arguments.begin() + 1, "--offline");
    const auto done = kobox(arguments);
    const auto shown = "kobox " + join(arguments, " ");
    EXPECT_EQ(done.status.code, 2) << shown;
    EXPECT_EQ(done.status.signal, 0) << shown;
    EXPECT_THAT(done.output, IsEmpty()) << shown;
    EXPECT_TRUE(done.error.starts_with("kobox: ")) << shown << "\n" << done.error;
    EXPECT_TRUE(done.error.ends_with("\n")) << shown;
    return done.error;
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-command-test").value();
};

TEST_F(CommandTest, NoCommand) { EXPECT_THAT(refused({}), HasSubstr("--help")); }

TEST_F(CommandTest, AnUnknownCommandGetsASuggestion) {
  EXPECT_THAT(refused({"tesst"}), HasSubstr("unknown command 'tesst' (did you mean 'test'?)"));
  EXPECT_THAT(refused({"kernle"}), HasSubstr("did you mean 'kernel'"));
  EXPECT_THAT(refused({"xyzzy"}), HasSubstr("unknown command 'xyzzy'; kobox --help"));
  EXPECT_THAT(refused({"\x1b[2J"}), Not(HasSubstr("\x1b")));
  refused({""});
}

TEST_F(CommandTest, UnknownOptionsAreNamed) {
  refused({"--garbage"});
  EXPECT_THAT(refused({"test", "--acel", "kvm"}), HasSubstr("--acel"));
  EXPECT_THAT(refused({"test", ".", "second-directory"}), HasSubstr("second-directory"));
}

TEST_F(CommandTest, ValuesThatAreNotKnownAreRefused) {
  EXPECT_THAT(refused({"test", "--color", "sometimes"}), HasSubstr("auto, always or never"));
  EXPECT_THAT(refused({"test", "--accel", "hvf"}), HasSubstr("auto, kvm or tcg"));
  EXPECT_THAT(refused({"test", "--format", "jsn"}), HasSubstr("did you mean 'json'"));
  EXPECT_THAT(refused({"test", "--format", "yaml"}),
              HasSubstr("terminal, json, junit, ktap, html or markdown"));
  for (const char* limit : {"soon", "0s", "-1s", "10x", "1 h", "99999999999999999999s"})
    EXPECT_THAT(refused({"test", "--timeout=" + std::string(limit)}), HasSubstr("--timeout"));
  for (const char* jobs : {"0", "-1", "many", "257", "1.5"})
    EXPECT_THAT(refused({"test", "--jobs=" + std::string(jobs)}), HasSubstr("--jobs")) << jobs;
  EXPECT_THAT(refused({"test", "--guest", "vax"}), HasSubstr("initramfs"));
  EXPECT_THAT(refused({"test", "--boot", "floppy"}), HasSubstr("use kernel or disk"));
  EXPECT_THAT(refused({"test", "--build", "elsewhere"}), HasSubstr("is not a way to build"));
  for (const char* option : {"--boot=disk", "--build=guest", "--image=mine"})
    EXPECT_THAT(refused({"test", option}), HasSubstr("add --guest disk")) << option;
  EXPECT_THAT(refused({"test", "--guest", "disk", "--image", "mine"}),
              HasSubstr("there is no image 'mine'"));
  EXPECT_THAT(refused({"shell", "--persist", "mine"}), HasSubstr("add --guest disk"));
  EXPECT_THAT(refused({"shell", "--guest", "disk", "--user", "eve"}), HasSubstr("user or root"));
  EXPECT_THAT(refused({"image", "show", "mine"}), HasSubstr("there is no image 'mine'"));
  EXPECT_THAT(refused({"image", "remove", "--persist", "mine"}), HasSubstr("nothing is kept"));
  EXPECT_THAT(refused({"image", "remove"}), HasSubstr("NAME"));
  EXPECT_THAT(refused({"image", "build", "--size", "huge"}), HasSubstr("--size"));
  EXPECT_THAT(refused({"test", "--filter", "["}), HasSubstr("--filter"));
  EXPECT_THAT(refused({"test", "--filter", "nothing like it"}), HasSubstr("there are:\n  a"));
  EXPECT_THAT(refused({"kernel", "list", "--offline", "--format", "xml"}),
              HasSubstr("terminal or json"));
  EXPECT_THAT(refused({"build", "--color", "sometimes"}), HasSubstr("auto, always or never"));
  EXPECT_THAT(refused({"shell", "--accel", "hvf"}), HasSubstr("auto, kvm or tcg"));
}

TEST_F(CommandTest, ShardsThatAreNone) {
  for (const char* shard : {"0/5", "6/5", "5", "a/b", "1/0"})
    EXPECT_THAT(refused({"test", "--shard", shard}), HasSubstr("--shard: '")) << shard;
  EXPECT_THAT(refused({"test", "--times", "/etc/hostname"}), HasSubstr("add --shard I/N or --on"));
  EXPECT_THAT(refused({"test", "--dry-run", "--shard", "1/2"}), HasSubstr("leave out --shard"));
  EXPECT_THAT(refused({"test", "--dry-run", "--on", "slurm"}), HasSubstr("leave out --on"));
  EXPECT_THAT(refused({"test", "--shard", "1/2", "--times", "/etc/hostname"}),
              HasSubstr("--times: /etc/hostname: it is no JSON"));
}

TEST_F(CommandTest, OptionsOfAClusterNeedOne) {
  EXPECT_THAT(refused({"test", "--on", "moon"}), HasSubstr("--on 'moon': use slurm"));
  EXPECT_THAT(refused({"test", "--shards", "2"}), HasSubstr("--shards is for a cluster: add --on"));
  EXPECT_THAT(refused({"test", "--sbatch=-t1"}), HasSubstr("--sbatch is for a cluster"));
  EXPECT_THAT(refused({"test", "--partition", "p"}), HasSubstr("--partition is for a cluster"));
  EXPECT_THAT(refused({"test", "--on", "slurm", "--shard", "1/2"}),
              HasSubstr("--on and --shard exclude each other"));
  EXPECT_THAT(refused({"test", "--on", "slurm", "--shards", "0"}), HasSubstr("--shards"));
}

TEST_F(CommandTest, ReportsThatAreNone) {
  EXPECT_THAT(refused({"report"}), HasSubstr("--help"));
  EXPECT_THAT(refused({"report", "show"}), HasSubstr("FILE"));
  EXPECT_THAT(refused({"report", "merge"}), HasSubstr("FILE"));
  EXPECT_THAT(refused({"report", "show", "/etc/hostname"}),
              HasSubstr("/etc/hostname: it is no JSON"));
}

TEST_F(CommandTest, OptionsWithoutTheirValue) {
  for (const char* option : {"--kernel", "--accel", "--timeout", "--jobs", "--filter", "--output"})
    EXPECT_THAT(refused({"test", option}), HasSubstr(option));
}

TEST_F(CommandTest, MatrixAndKernelExcludeEachOther) {
  EXPECT_THAT(refused({"test", "--matrix", "--kernel", "6.1"}),
              HasSubstr("--matrix and --kernel exclude each other"));
}

TEST_F(CommandTest, MatrixMayNameItsKernels) {
  EXPECT_THAT(refused({"test", "--matrix", "6.1 gibberish"}), HasSubstr("gibberish"));
  EXPECT_THAT(refused({"test", "--matrix=6.x"}), HasSubstr("6.x"));
  // A directory behind it is the module's, and what follows is one too many.
  EXPECT_THAT(refused({"test", "--matrix", "/etc", "--filter", "["}), HasSubstr("--filter"));
  EXPECT_THAT(refused({"test", "--matrix", "6.1", "/nonexistent"}),
              HasSubstr("/nonexistent: there is no such directory"));
}

TEST_F(CommandTest, AKernelTreeBehindMatrixIsAKernel) {
  const auto tree = directory_.path() / "linux";
  EXPECT_TRUE(write_file(tree / "Makefile", ""));
  EXPECT_TRUE(write_file(tree / "scripts/Makefile.build", ""));
  EXPECT_THAT(refused({"test", "--matrix", tree.string()}),
              HasSubstr("linux is not configured: it has no .config"));
}

TEST_F(CommandTest, AWordThatCannotBeLookedUpIsAKernelOfTheReport) {
  const auto done = kobox({"test", "--offline", "--matrix", "all", "--format", "json"});
  EXPECT_EQ(done.status.code, 4) << done.error;
  EXPECT_THAT(done.output, AllOf(HasSubstr("\"selectors\": [\n    \"all\"\n  ]"),
                                 HasSubstr("\"kind\": \"environment\""),
                                 HasSubstr("--offline forbids to look for others")));
}

TEST_F(CommandTest, KernelsThatAreNone) {
  EXPECT_THAT(refused({"test", "--kernel", "no-kernel"}), HasSubstr("'no-kernel' names no kernel"));
  EXPECT_THAT(refused({"kernel", "show", "6.x"}), HasSubstr("6.x"));
  EXPECT_THAT(refused({"kernel"}), HasSubstr("--help"));
  EXPECT_THAT(refused({"kernel", "fetch"}), HasSubstr("SELECTOR"));
}

TEST_F(CommandTest, DirectoriesThatAreNone) {
  EXPECT_THAT(refused({"test", "/nonexistent"}),
              HasSubstr("/nonexistent: there is no such directory"));
  EXPECT_THAT(refused({"build", "Kbuild"}), HasSubstr("Kbuild is not a directory"));
}

TEST_F(CommandTest, CachePruneWantsToKnowWhat) {
  EXPECT_THAT(refused({"cache"}), HasSubstr("--help"));
  EXPECT_THAT(refused({"cache", "prune"}), HasSubstr("--older-than 30d, --max-size 5G or --all"));
  for (const char* age : {"soon", "d", "-3d", "3w", "9999999999999d"})
    EXPECT_THAT(refused({"cache", "prune", "--older-than=" + std::string(age)}),
                HasSubstr("--older-than"))
        << age;
  EXPECT_THAT(refused({"cache", "prune", "--max-size", "big"}), HasSubstr("--max-size"));
}

TEST_F(CommandTest, CacheOfNothing) {
  const auto list = kobox({"cache", "list"});
  EXPECT_EQ(list.status.code, 0) << list.error;
  EXPECT_THAT(list.output, HasSubstr("in 0 items"));
  EXPECT_EQ(kobox({"cache", "prune", "--all"}).status.code, 0);
}

// What would have no effect is refused.
TEST_F(CommandTest, OptionsOfOthersAreUnknown) {
  EXPECT_THAT(refused({"shell", "--jobs", "2"}), HasSubstr("--jobs"));
  EXPECT_THAT(refused({"debug", "--jobs", "2"}), HasSubstr("--jobs"));
  EXPECT_THAT(refused({"shell", "--collect-into", "here"}), HasSubstr("--collect"));
  EXPECT_THAT(refused({"image", "build", "--build-in", "root"}), HasSubstr("--build-in"));
  EXPECT_THAT(refused({"kernel", "config", ".", "-q"}), HasSubstr("-q"));
}

TEST(RepeatBuild, HasWhatTheBuildDependsOn) {
  CommonOptions options;
  EXPECT_EQ(repeat_build(options, "6.1-cloud"), "kobox build . --kernel 6.1-cloud");
  options.directory = "my module";
  options.headers = "../linux";
  options.build_in = "root";
  options.guest = "disk";  // has no part in it
  EXPECT_EQ(repeat_build(options, "./vmlinuz"),
            "kobox build 'my module' --kernel ./vmlinuz --headers ../linux --build-in root");
  EXPECT_EQ(command_line(guest_words(options)), "--headers ../linux --build-in root --guest disk");
}

TEST_F(CommandTest, Version) {
  const auto done = kobox({"--version"});
  EXPECT_EQ(done.status.code, 0);
  EXPECT_TRUE(done.output.starts_with("kobox ")) << done.output;
}

// Options of DESIGN.md's contract; whoever takes one away breaks scripts.
TEST_F(CommandTest, HelpMentionsEveryOption) {
  const std::vector<std::string> output = {"-v", "-q", "--color"};
  const std::vector<std::string> kernels = {"--kernel", "--offline", "--headers", "SELECTOR"};
  const std::vector<std::string> machine = {"--accel", "--guest",   "--image", "--boot",
                                            "--build", "--timeout", "--keep"};
  const auto all = [](std::initializer_list<std::vector<std::string>> lists) {
    std::vector<std::string> words;
    for (const auto& list : lists) words.insert(words.end(), list.begin(), list.end());
    return words;
  };
  const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> table = {
      {{}, {"test", "build", "shell", "kernel", "cache", "doctor", "--version"}},
      {{"test"},
       all({output,
            kernels,
            machine,
            {"DIR", "--jobs", "--filter", "--format", "--output", "--fresh-boot", "--matrix",
             "--dry-run", "json", "junit", "ktap"}})},
      {{"build"}, all({output, kernels, {"DIR", "--output"}})},
      {{"shell"},
       all({output,
            kernels,
            machine,
            {"DIR", "--persist", "--put", "--collect", "--collect-into", "--user"}})},
      {{"kernel"}, {"list", "fetch", "show"}},
      {{"image"}, {"build", "list", "show", "remove"}},
      {{"image", "build"},
       all({output, kernels, {"NAME", "--suite", "--size", "--include", "--output", "--again"}})},
      {{"image", "list"}, all({output, {"--format"}})},
      {{"kernel", "list"}, all({output, {"--offline", "--format"}})},
      {{"kernel", "fetch"}, all({output, {"SELECTOR"}})},
      {{"kernel", "show"}, all({output, {"SELECTOR", "--headers", "--format"}})},
      {{"cache"}, {"list", "prune"}},
      {{"cache", "prune"}, {"--older-than", "--max-size", "--all", "-q"}},
      {{"doctor"}, {"-q"}},
  };
  for (auto [command, words] : table) {
    command.push_back("--help");
    const auto help = kobox(command);
    EXPECT_EQ(help.status.code, 0);
    EXPECT_THAT(help.error, IsEmpty());
    for (const auto& word : words) EXPECT_THAT(help.output, HasSubstr(word)) << join(command, " ");
  }
}

}  // namespace
}  // namespace kobox
