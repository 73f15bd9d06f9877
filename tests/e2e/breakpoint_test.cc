// SPDX-License-Identifier: GPL-2.0-or-later
// [[test.breakpoint]]: each expectation that is not met in its own words.
#include <csignal>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

constexpr const char* k_source = R"(
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

static int count = 41;
static struct { int x; } *nothing;

static noinline int next_count(int by) { count += by; return count; }
static ssize_t stepped_read(struct file *file, char __user *buffer, size_t len, loff_t *offset)
{
	int now = next_count(1);
	msleep(1);
	return now < 0 ? -EIO : 0;
}
static ssize_t stepped_write(struct file *f, const char __user *b, size_t len, loff_t *offset)
{
	return nothing->x;
}
static const struct proc_ops ops = { .proc_read = stepped_read, .proc_write = stepped_write };
static int __init stepped_init(void) { return proc_create("stepped", 0600, NULL, &ops) ? 0 : -ENOMEM; }
static void __exit stepped_exit(void) { remove_proc_entry("stepped", NULL); }
module_init(stepped_init);
module_exit(stepped_exit);
MODULE_LICENSE("GPL");
)";

class BreakpointTest : public KoboxTest {
 protected:
  // The outcome of one test that runs a command with breakpoints.
  nlohmann::json outcome(const std::string& run_line, const std::string& breakpoints,
                         const Arguments& more = {}) {
    const auto project = module_project(
        "stepped", k_source,
        "[limits]\ncpus = 2\n[[test]]\nname = \"t\"\n" + run_line + "\n" + breakpoints);
    const auto done = test(project, more);
    EXPECT_THAT(machines(), IsEmpty());
    said_ = done.error;
    const auto report = done.report();
    return report["runs"][0]["tests"][0];
  }
  std::string error_of(const std::string& breakpoints) {
    const auto got = outcome("run = \"cat /proc/stepped\"", breakpoints);
    EXPECT_EQ(got["verdict"], "fail") << got;
    EXPECT_EQ(got["failure"]["kind"], "assertion") << got;
    return got["failure"]["message"];
  }
  std::string said_;
};

TEST_F(BreakpointTest, WhatHoldsPasses) {
  const auto got = outcome("run = \"cat /proc/stepped; cat /proc/stepped\"", R"(
[[test.breakpoint]]
at = "stepped_init"
hits = 1
[[test.breakpoint]]
at = "stepped_read"
hits = 2
expect = { "count" = "41", "len > 0" = "1" }
backtrace = ["stepped_read", "vfs_read", "do_syscall_64"]
step = ["stepped_read", "next_count", "stepped_read", "msleep"]
[[test.breakpoint]]
at = "next_count"
hits = ">=2"
expect = { "by" = "1" }
[[test.breakpoint]]
at = "stepped.c:12"
[[test.breakpoint]]
at = "stepped_write"
hits = 0
[[test.breakpoint]]
at = "stepped_exit"
)");
  EXPECT_EQ(got["verdict"], "pass") << got;
}

TEST_F(BreakpointTest, EachErrorHasItsOwnWords) {
  EXPECT_THAT(error_of("[[test.breakpoint]]\nat = \"stepped_write\"\n"),
              HasSubstr("the breakpoint at stepped_write was never hit, expected at least 1 hit"));
  EXPECT_THAT(error_of("[[test.breakpoint]]\nat = \"stepped_raed\"\n"),
              HasSubstr("the breakpoint at stepped_raed has no place: neither the module nor the "
                        "kernel has such a function"));
  EXPECT_THAT(error_of("[[test.breakpoint]]\nat = \"stepped.c:4000\"\n"),
              HasSubstr("the breakpoint at stepped.c:4000 has no place"));
  EXPECT_THAT(error_of("[[test.breakpoint]]\nat = \"stepped_read\"\nexpect = { \"cuont\" = "
                       "\"41\" }\n"),
              HasSubstr("GDB cannot evaluate 'cuont': No symbol \"cuont\" in current context."));
  EXPECT_THAT(error_of("[[test.breakpoint]]\nat = \"stepped_read\"\nexpect = { \"count\" = "
                       "\"42\" }\n"),
              HasSubstr("at the breakpoint at stepped_read: 'count' is 41, expected 42"));
  EXPECT_THAT(error_of("[[test.breakpoint]]\nat = \"stepped_read\"\nbacktrace = "
                       "[\"vfs_write\"]\n"),
              HasSubstr("the backtrace at stepped_read has no vfs_write; it is stepped_read, "));
  EXPECT_THAT(error_of("[[test.breakpoint]]\nat = \"stepped_read\"\nstep = [\"next_count\", "
                       "\"stepped_write\"]\n"),
              ContainsRegex("stepping from stepped_read did not come to stepped_write after "
                            "next_count before it returned to [a-z_]+; it went through "
                            "stepped_read \\(stepped.c:[0-9]+\\), "));
}

TEST_F(BreakpointTest, AnOopsIsToldBeforeTheBreakpoints) {
  const auto got = outcome("run = \"echo > /proc/stepped\"",
                           "[[test.breakpoint]]\nat = \"stepped_write\"\nhits = 9\n");
  EXPECT_EQ(got["failure"]["kind"], "oops") << got;
  EXPECT_EQ(got["failure"]["function"], "stepped_write") << got;
}

TEST_F(BreakpointTest, AHangIsAHang) {
  const auto got = outcome("timeout = \"1s\"\nrun = \"cat /proc/stepped; sleep 100\"",
                           "[[test.breakpoint]]\nat = \"stepped_read\"\n");
  EXPECT_EQ(got["failure"]["kind"], "hang") << got;
  EXPECT_THAT(got["failure"]["message"].get<std::string>(), HasSubstr("did not end within 1.00 s"))
      << got;
}

TEST_F(BreakpointTest, NoGdbIsAnErrorNotAFailure) {
  const auto project = module_project(
      "stepped", k_source,
      "[[test]]\nname = \"t\"\nrun = \"true\"\n[[test.breakpoint]]\nat = \"stepped_init\"\n");
  auto one = invocation(test_arguments(project));
  one.environment.emplace_back("PATH", path_without("gdb(-multiarch)?"));
  const auto done = run(one);
  EXPECT_EQ(done.code(), 4) << done;
  const auto failure = failure_of(done.report());
  EXPECT_EQ(failure["kind"], "environment") << done;
  EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("apt-get install gdb"));
}

TEST_F(BreakpointTest, AGdbThatIsKilled) {
  const auto project = module_project("stepped", k_source,
                                      "[[test]]\nname = \"t\"\nrun = \"sleep 8\"\n"
                                      "[[test.breakpoint]]\nat = \"stepped_init\"\n");
  auto one = invocation(test_arguments(project));
  // A directory of its own, by which its gdb's sockets can be told from others'.
  const auto tmp = directory_ / "t";
  fs::create_directories(tmp);
  one.environment.emplace_back("TMPDIR", tmp.string());
  auto running = start(one);
  std::vector<pid_t> gdb;
  ASSERT_TRUE(holds_within(100s, [&] {
    gdb = children_of(running.pid(), "gdb");
    return !gdb.empty() || running.ended();
  }));
  for (const auto pid : gdb) ::kill(pid, SIGKILL);
  const auto done = running.wait(60s);
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.output, HasSubstr("gdb was killed by signal 9 (Killed)")) << done;
  EXPECT_THAT(listing(tmp), IsEmpty());
}

}  // namespace
}  // namespace kobox::e2e
