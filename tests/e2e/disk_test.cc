// SPDX-License-Identifier: GPL-2.0-or-later
// The Debian disk as a guest. Its image is built once, by e2e.build_image.
#include <fmt/format.h>

#include "base/regex.h"
#include "base/text.h"
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

using ::testing::AllOf;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

const fs::path k_exercise = source_directory() / "modules/qemu_exercise";

class DiskTest : public KoboxTest {
 protected:
  Arguments on_disk(const fs::path& project, Arguments more = {}) const {
    more.insert(more.end(), {"--guest", "disk"});
    return test_arguments(project, more);
  }
  Finished script(const std::string& text, Arguments more = {}) {
    more.insert(more.begin(), {"shell", k_exercise.string(), "--guest", "disk", "--accel", "tcg"});
    auto one = invocation(more);
    one.input = text;
    return run(one);
  }
  // The images in the shared cache, as kobox image list has them.
  nlohmann::json images() { return run({"image", "list", "--format", "json"}).report()["images"]; }
};

TEST_F(DiskTest, TheExercisesTestsPassUnchanged) {
  const auto done = run(on_disk(k_exercise));
  ASSERT_EQ(done.code(), 0) << done;
  const auto report = done.report();
  const auto text = slurp(k_exercise / "kobox.toml");
  const auto tests = Regex::compile(R"(\[\[test\]\]\n)").value().find_all(text);
  EXPECT_EQ(report["runs"][0]["tests"].size(), tests.size());
  for (const auto& test : report["runs"][0]["tests"]) EXPECT_EQ(test["verdict"], "pass") << test;
}

// What udev loads late in a boot is not the module's.
TEST_F(DiskTest, ABootForATestGivesTheSameVerdict) {
  const auto done =
      run(on_disk(k_exercise, {"--fresh-boot", "--filter", "^unloads and leaves nothing behind"}));
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.report()["runs"][0]["tests"].size(), 1U) << done;
}

TEST_F(DiskTest, OneTestsDiskIsNotTheNextOnesAndTheImageIsNeverWritten) {
  const fs::path disk = images()[0]["path"].get<std::string>();
  const auto before = fs::last_write_time(disk);
  const auto done = run(on_disk(
      project("[[test]]\nname = \"writes\"\nrun = '''\n"
              "echo mine > /root/mark && sync && dd if=/dev/zero of=/etc/passwd bs=1M count=20 "
              "conv=fsync'''\n"
              "[[test]]\nname = \"finds nothing\"\nrun = \"test ! -e /root/mark && id root\"\n"
              "[[test]]\nname = \"has systemd, which has come up\"\nguest = \"disk\"\n"
              "run = \"systemctl is-system-running; ps -p 1 -o comm=\"\nstdout = "
              "\"running\\nsystemd\\n\"\n"),
      {"--jobs", "1"}));
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(fs::last_write_time(disk), before);
  EXPECT_TRUE(fs::is_empty(runs())) << listing(runs());
}

TEST_F(DiskTest, ATestForTheOtherGuestIsSkipped) {
  const auto place = project(
      "[[test]]\nname = \"needs udev\"\nguest = \"disk\"\nrun = \"udevadm --version\"\n"
      "[[test]]\nname = \"needs busybox\"\nguest = \"initramfs\"\nrun = \"busybox true\"\n"
      "[[test]]\nname = \"needs neither\"\nrun = \"true\"\n");
  const auto small = test(place);
  EXPECT_EQ(small.code(), 0) << small;
  EXPECT_EQ(small.report()["runs"][0]["tests"][0]["verdict"], "skip") << small;
  EXPECT_EQ(small.report()["runs"][0]["tests"][0]["skip_reason"], "is for the disk guest") << small;
  const auto disk = run(on_disk(place));
  EXPECT_EQ(disk.code(), 0) << disk;
  EXPECT_EQ(disk.report()["runs"][0]["tests"][0]["verdict"], "pass") << disk;
  EXPECT_EQ(disk.report()["runs"][0]["tests"][1]["verdict"], "skip") << disk;
}

// The system's own modprobe loads the kernel's modules, and never one in the place of ours.
TEST_F(DiskTest, ModulesThatAreAskedFor) {
  for (const char* module : {"asks", "dummy"}) {
    const auto done = run(on_disk(source_directory() / "tests/e2e/modules" / module));
    EXPECT_EQ(done.code(), 0) << done;
  }
}

TEST_F(DiskTest, ALeakAndAnOopsAreFoundThereToo) {
  const auto leaks = run(on_disk(source_directory() / "modules/faulty/leak_class"));
  EXPECT_EQ(leaks.code(), 1) << leaks;
  EXPECT_EQ(failure_of(leaks.report())["kind"], "leak") << leaks;
  const auto faults = run(on_disk(source_directory() / "modules/faulty/oops"));
  EXPECT_EQ(faults.code(), 1) << faults;
  EXPECT_EQ(failure_of(faults.report())["kind"], "oops") << faults;
}

TEST_F(DiskTest, AModuleIsBuiltInTheGuest) {
  const auto source =
      "#include <linux/module.h>\n"
      "static int __init begin(void) { pr_info(\"built by %s\\n\", __VERSION__); return 0; }\n"
      "static void __exit end(void) { }\n"
      "module_init(begin); module_exit(end);\nMODULE_LICENSE(\"GPL\");\n";
  const auto place = module_project("inside", source,
                                    "[module]\nbuild = \"guest\"\n[[test]]\nname = \"says so\"\n"
                                    "run = \"dmesg | grep 'built by 12'\"\n");
  const auto done = run(on_disk(place, {"-v"}));
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.error, HasSubstr("built the module")) << done;
  const auto again = run(on_disk(place, {"-v"}));
  EXPECT_EQ(again.code(), 0) << again;
  EXPECT_THAT(again.error, HasSubstr("found the module built")) << again;

  // The same failure as the host's compiler gives.
  spit(place / "inside.c", std::string(source) + "int broken(void) { return nothing; }\n");
  const auto inside = run(on_disk(place));
  const auto outside = run(on_disk(place, {"--build", "host"}));
  for (const auto* one : {&inside, &outside}) {
    EXPECT_EQ(one->code(), 3) << *one;
    const auto failure = failure_of(one->report());
    EXPECT_EQ(failure["kind"], "build") << *one;
    EXPECT_EQ(failure["file"], "inside.c") << *one;
    EXPECT_EQ(failure["line"], 6) << *one;
    EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("'nothing' undeclared"));
  }
}

TEST_F(DiskTest, FilesGoInAndResultsComeOut) {
  const auto place = project(
      "[[test]]\nname = \"counts words\"\nfiles = [\"data\"]\n"
      "run = '''\nmkdir -p /root/out/deep\nwc -w < /kobox/files/data/input > /root/out/deep/count\n"
      "ln -s /etc/passwd /root/out/link\nmknod /root/out/node c 1 3\n'''\n"
      "collect = [\"/root/out\"]\n"
      "[[test]]\nname = \"collects nothing\"\nrun = \"true\"\ncollect = [\"/root/nothing\"]\n"
      "[[test]]\nname = \"is too large\"\nrun = \"head -c 90M /dev/zero > /root/large\"\n"
      "collect = [\"/root/large\"]\n");
  spit(place / "data/input", "one two three\n");
  const auto out = directory_ / "out";
  for (const auto* guest : {"disk", "initramfs"}) {
    const auto done =
        run(test_arguments(place, {"--guest", guest, "--collect-into", out.string(), "--kernel",
                                   "6.1-cloud", "--filter", "counts|nothing"}));
    EXPECT_EQ(done.code(), 1) << done;
    const auto tests = done.report()["runs"][0]["tests"];
    EXPECT_EQ(tests[0]["verdict"], "pass") << done;
    EXPECT_THAT(tests[0]["note"].get<std::string>(),
                AllOf(HasSubstr("collected 1 file (2 B) in " + out.string()), HasSubstr("left out"),
                      HasSubstr("root/out/link")));
    EXPECT_THAT(tests[1]["failure"]["message"].get<std::string>(),
                HasSubstr("there is no /root/nothing to collect"));
    const auto results = *fs::directory_iterator(out);
    const auto found = listing(results.path());
    EXPECT_THAT(found, HasSubstr("root/out/deep/count")) << found;
    EXPECT_THAT(found, Not(HasSubstr("link"))) << found;
    fs::remove_all(out);
  }
  const auto large = run(on_disk(place, {"--collect-into", out.string(), "--filter", "large"}));
  EXPECT_EQ(large.code(), 1) << large;
  EXPECT_THAT(failure_of(large.report())["message"].get<std::string>(),
              HasSubstr("have more than 67 MB"));
}

// They say that they are empty, or a page long, and are neither.
TEST_F(DiskTest, FilesThatTheKernelMakesAreCollectedAsTheyRead) {
  const auto place = project(
      "[[test]]\nname = \"reads\"\nrun = \"echo mine > /root/mine\"\n"
      "collect = [\"/proc/version\", \"/proc/mounts\", \"/root/mine\","
      " \"/sys/module/kernel/parameters/panic\"]\n"
      "[[test]]\nname = \"a directory\"\nrun = \"true\"\ncollect = [\"/sys/module/kernel\"]\n"
      "[[test]]\nname = \"not to be read\"\nrun = \"true\"\ncollect = [\"/proc/sysrq-trigger\"]\n");
  const auto out = directory_ / "out";
  for (const auto* guest : {"disk", "initramfs"}) {
    const auto done = run(test_arguments(
        place, {"--guest", guest, "--collect-into", out.string(), "--kernel", "6.1-cloud"}));
    const auto tests = done.report()["runs"][0]["tests"];
    EXPECT_EQ(tests[0]["verdict"], "pass") << done;
    const auto results = *fs::directory_iterator(out);
    const auto found = results.path() / "reads";
    EXPECT_THAT(slurp(found / "proc/version"), StartsWith("Linux version 6.1.")) << listing(out);
    EXPECT_THAT(slurp(found / "proc/mounts"), HasSubstr(" /proc proc "));
    EXPECT_THAT(slurp(found / "sys/module/kernel/parameters/panic"), MatchesRegex("-?[0-9]+\n"));
    EXPECT_EQ(slurp(found / "root/mine"), "mine\n");
    EXPECT_EQ(tests[1]["failure"]["message"],
              "/sys/module/kernel is a directory of the kernel's; name the files in it");
    EXPECT_THAT(tests[2]["failure"]["message"].get<std::string>(), HasSubstr("could not read"));
    fs::remove_all(out);
  }
}

TEST_F(DiskTest, AShellTakesFilesInAndBringsResultsOut) {
  spit(directory_ / "notes/todo", "read the manual\n");
  const auto done = script("pwd; id -un; cat ~/notes/todo; cp ~/notes/todo ~/done; ls\n",
                           {"--put", (directory_ / "notes").string(), "--collect", "done",
                            "--collect-into", (directory_ / "out").string()});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, HasSubstr("/home/user/qemu_exercise\nuser\nread the manual\n"));
  EXPECT_THAT(done.output, HasSubstr("qemu_exercise.c"));
  EXPECT_EQ(slurp(directory_ / "out/home/user/done"), "read the manual\n");
}

TEST_F(DiskTest, ChangesStayUnderTheirNameAndAModuleIsLoadedByItsAliasAtBoot) {
  const auto first = script(
      "set -e\nmake -s -C /lib/modules/$(uname -r)/build M=$PWD modules 2>&1\n"
      "sudo install -D -m 644 qemu_exercise.ko /lib/modules/$(uname -r)/extra/qemu_exercise.ko\n"
      // An alias of the firmware's tables, which the kernel announces at each boot.
      "echo 'alias dmi:*svnQEMU:* qemu_exercise' | sudo tee /etc/modprobe.d/exercise.conf\n"
      "echo 'KERNEL==\"qemu_exercise\", MODE=\"0640\", GROUP=\"adm\", SYMLINK+=\"greeter\"' | "
      "sudo tee /etc/udev/rules.d/90-exercise.rules\n"
      "sudo depmod\necho mine > ~/kept\n",
      {"--persist", "mine"});
  ASSERT_EQ(first.code(), 0) << first;
  const auto second = script(
      "cat ~/kept; sudo udevadm settle; lsmod | grep -c ^qemu_exercise; "
      "stat -c '%a %G' /dev/qemu_exercise; cat /dev/greeter\n",
      {"--persist", "mine"});
  EXPECT_EQ(second.code(), 0) << second;
  EXPECT_EQ(second.output, "mine\n1\n640 adm\nHello from QEMU!") << second;
  // Who ends it from outside does not pull the plug.
  auto ended = invocation(
      {"shell", k_exercise.string(), "--guest", "disk", "--accel", "tcg", "--persist", "mine"});
  ended.input = fmt::format("echo late > ~/late; sudo sh -c \"{}\"; sleep 1000\n", k_say_begun);
  auto running = start(ended);
  wait_until_begun(running);
  running.signal(SIGTERM);
  EXPECT_EQ(running.wait(60s).code(), 130);
  EXPECT_EQ(script("cat ~/late\n", {"--persist", "mine"}).output, "late\n");
  const auto other = script("test ! -e ~/kept\n");
  EXPECT_EQ(other.code(), 0) << "without a name it is not there" << other;

  const auto list = run({"image", "list"}).output;
  const auto of = Regex::compile("changes to ([^ ,]+),").value().find(list);
  ASSERT_TRUE(of) << list;
  const std::string name((*of)[1]);
  const auto refused = run({"image", "remove", name});
  EXPECT_EQ(refused.code(), 2) << refused;
  EXPECT_THAT(refused.error, HasSubstr("what is kept as 'mine' needs the image"));
  const auto again = run({"image", "build", name, "--again"});
  EXPECT_EQ(again.code(), 2) << again;
  EXPECT_THAT(again.error, HasSubstr("what is kept as 'mine' needs the image"));
  EXPECT_EQ(run({"image", "remove", "--persist", "mine"}).code(), 0);
  EXPECT_THAT(run({"image", "list"}).output, Not(HasSubstr("changes to")));
}

TEST_F(DiskTest, TheDiskBootsAlone) {
  const auto done = script(
      "cat /proc/cmdline; sudo dmesg | grep -c 'SeaBIOS\\|BOOT_IMAGE'; "
      "systemctl is-active kobox-agent\n",
      {"--boot", "disk"});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, HasSubstr("BOOT_IMAGE=/boot/vmlinuz-")) << done;
  EXPECT_THAT(done.output, ContainsRegex("\nactive\n")) << done;
}

TEST_F(DiskTest, GdbStopsInTheModuleThere) {
  spit(directory_ / "commands", "continue\nbacktrace 3\nkill\n");
  const auto done =
      run({"debug", k_exercise.string(), "--guest", "disk", "--accel", "tcg", "--break", "dev_read",
           "--run", "cat /dev/qemu_exercise", "--batch", (directory_ / "commands").string()});
  EXPECT_THAT(done.output, ContainsRegex("#0 +dev_read")) << done;
  EXPECT_THAT(done.output, HasSubstr("vfs_read")) << done;
}

TEST_F(DiskTest, ATraceSeesTheModuleThere) {
  const auto done = run({"trace", k_exercise.string(), "--guest", "disk", "--accel", "tcg", "--run",
                         "echo hi > /dev/qemu_exercise"});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, HasSubstr("dev_write")) << done;
}

TEST_F(DiskTest, AnImageIsListedAndShown) {
  const auto all = images();
  ASSERT_GE(all.size(), 1U);
  const auto name = all[0]["name"].get<std::string>();
  EXPECT_THAT(run({"image", "list"}).output, ContainsRegex(name + " +bookworm +Linux 6\\.1"));
  const auto shown = run({"image", "show", name});
  EXPECT_EQ(shown.code(), 0) << shown;
  for (const auto* package : {"build-essential", "gdb", "kmod", "strace", "linux-headers-6.1"})
    EXPECT_THAT(shown.output, HasSubstr(std::string("  ") + package)) << shown;
  EXPECT_THAT(run({"cache", "list"}).output, ContainsRegex("image +[0-9.]+ MB .*" + name));
  const auto again =
      run({"image", "build", name, "--output", (directory_ / "mine.qcow2").string()});
  EXPECT_EQ(again.code(), 0) << again;
  EXPECT_THAT(again.error, HasSubstr("is there already")) << again;
  const auto same = run({"image", "build", name, "--output", (directory_ / "mine.qcow2").string()});
  EXPECT_EQ(same.code(), 0) << same;
  spit(directory_ / "base.qcow2", "what other disks are built on");
  const auto other =
      run({"image", "build", name, "--output", (directory_ / "base.qcow2").string()});
  EXPECT_EQ(other.code(), 2) << other;
  EXPECT_THAT(other.error, HasSubstr("another file already, on which disks may depend"));
  EXPECT_LT(fs::file_size(directory_ / "base.qcow2"), 100U) << "it was replaced";
  EXPECT_EQ(fs::file_size(directory_ / "mine.qcow2"), fs::file_size(all[0]["path"]));
}

class ImageErrorTest : public DiskTest {
 protected:
  // In a cache of its own with the shared one's kernels.
  void SetUp() override {
    fs::create_directories(directory_ / "cache/kobox");
    fs::create_directory_symlink(cache_ / "kobox/kernels", directory_ / "cache/kobox/kernels");
    cache_ = directory_ / "cache";
  }
  // The system's directory is filled, and its packages' scripts run in it, with /proc mounted
  // there.
  Running some_way_into_a_build() {
    auto running = start({"image", "build"});
    const auto begun = [&] {
      std::error_code error;
      fs::recursive_directory_iterator entry(cache_ / "kobox/images", error);
      for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error))
        if (entry->path().filename() == "chfn") return true;
      return running.ended();
    };
    EXPECT_TRUE(holds_within(120s, begun));
    return running;
  }
  void expect_nothing_left() {
    for (const auto& entry : fs::directory_iterator(cache_ / "kobox/images"))
      EXPECT_EQ(entry.path().filename(), ".locks") << listing(cache_ / "kobox/images");
  }
};

TEST_F(ImageErrorTest, AMirrorThatCannotBeReached) {
  auto one = invocation({"image", "build"});
  one.environment.emplace_back("KOBOX_DEBIAN_MIRROR", "http://127.0.0.1:9/debian");
  const auto done = run(one);
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("Debian's mirror cannot be reached")) << done;
  expect_nothing_left();
}

TEST_F(ImageErrorTest, APackageThatIsNotThere) {
  const auto done = run({"image", "build", "--include", "no-such-package,also-none"});
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("no such package: Unable to locate package")) << done;
  expect_nothing_left();
}

TEST_F(ImageErrorTest, AnInterruptLeavesNothing) {
  auto running = some_way_into_a_build();
  running.signal(SIGINT);
  const auto done = running.wait(30s);
  EXPECT_EQ(done.code(), 130) << done;
  EXPECT_TRUE(holds_within(5s, [&] { return processes_with(cache_.string()).empty(); }));
  expect_nothing_left();
}

TEST_F(ImageErrorTest, WhatAKilledBuildLeavesTheNextOneTakesAway) {
  auto running = some_way_into_a_build();
  running.signal(SIGKILL);
  running.wait(30s);
  EXPECT_TRUE(holds_within(20s, [&] { return processes_with(cache_.string()).empty(); }))
      << "mmdebstrap goes on";
  EXPECT_GT(std::distance(fs::directory_iterator(cache_ / "kobox/images"), {}), 1);
  auto next = invocation({"image", "build"});
  next.environment.emplace_back("KOBOX_DEBIAN_MIRROR", "http://127.0.0.1:9/debian");
  EXPECT_EQ(run(next).code(), 4);
  expect_nothing_left();
}

}  // namespace
}  // namespace kobox::e2e
