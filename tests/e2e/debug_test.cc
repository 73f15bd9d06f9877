// SPDX-License-Identifier: GPL-2.0-or-later
// kobox debug: a real gdb in real kernels.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <sstream>

#include "base/regex.h"
#include "base/text.h"
#include "kobox_test.h"
#include "terminal.h"

namespace kobox::e2e {
namespace {

const fs::path k_exercise = source_directory() / "modules/qemu_exercise";

// Prints every frame as "FRAME function+0x12". What the compiler has inlined the kernel does not
// print.
constexpr const char* k_print_frames = R"(python
frame = gdb.newest_frame()
while frame is not None:
    words = gdb.execute("info symbol %#x" % frame.pc(), to_string=True).split()
    offset = int(words[2]) if words[1] == "+" else 0
    if frame.type() != gdb.INLINE_FRAME:
        print("FRAME %s+%#x" % (words[0], offset))
    frame = frame.older()
end
)";

// Two ways to a stack trace of the kernel's own: a read, and a timer's interrupt.
constexpr const char* k_tracer = R"(
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/version.h>

static struct hrtimer timer;

static noinline void inner(void) { dump_stack(); barrier(); }
static noinline int middle(int depth)
{
	if (depth > 0)
		return middle(depth - 1) + depth;
	inner();
	return 1;
}
static ssize_t trace_read(struct file *file, char __user *buffer, size_t len, loff_t *offset)
{
	return middle(3) == 7 ? 0 : -EIO;
}
static enum hrtimer_restart trace_timer(struct hrtimer *t) { inner(); return HRTIMER_NORESTART; }
static ssize_t trace_write(struct file *f, const char __user *b, size_t len, loff_t *offset)
{
	hrtimer_start(&timer, ms_to_ktime(1), HRTIMER_MODE_REL);
	mdelay(20);
	return len;
}
static const struct proc_ops ops = { .proc_read = trace_read, .proc_write = trace_write };
static int __init tracer_init(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(&timer, trace_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer.function = trace_timer;
#endif
	return proc_create("tracer", 0600, NULL, &ops) ? 0 : -ENOMEM;
}
static void __exit tracer_exit(void) { hrtimer_cancel(&timer); remove_proc_entry("tracer", NULL); }
module_init(tracer_init);
module_exit(tracer_exit);
MODULE_LICENSE("GPL");
)";

class DebugTest : public KoboxTest {
 protected:
  Arguments debug(const fs::path& project, const Arguments& more = {},
                  const std::string& kernel = "6.1-cloud") const {
    Arguments arguments = {"debug", project.string(), "--kernel", kernel, "--accel", "tcg"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  Arguments with_script(const std::string& script, const Arguments& more = {}) const {
    spit(directory_ / "script.gdb", script);
    Arguments arguments = {"--batch", (directory_ / "script.gdb").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  Finished batch(const std::string& script, const Arguments& more = {},
                 const std::string& kernel = "6.1-cloud") {
    const auto done = run(debug(k_exercise, with_script(script, more), kernel));
    EXPECT_THAT(machines(), IsEmpty());
    EXPECT_THAT(processes_with(directory_.string()), IsEmpty()) << "a gdb was left";
    return done;
  }
};

class DebugOnKernelTest : public DebugTest, public ::testing::WithParamInterface<const char*> {
 protected:
  // What GDB and the kernel say of one stack, innermost first.
  struct Stacks {
    std::vector<std::string> gdb;
    std::vector<std::string> kernel;
  };
  Stacks stacks_of(const std::string& command);
};
INSTANTIATE_TEST_SUITE_P(Kernels, DebugOnKernelTest, ::testing::ValuesIn(k_kernels),
                         [](const auto& kernel) {
                           std::string name = kernel.param;
                           std::ranges::replace_if(
                               name, [](char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

TEST_P(DebugOnKernelTest, StopsInInitAndShowsTheWholePathOfARead) {
  const auto done = batch(
      "continue\nbt\ninfo locals\ncontinue\nbt\nprint len\nlist\ncontinue\n",
      {"--break", "qemu_exercise_init", "--break", "dev_read", "--run", "cat /dev/qemu_exercise"},
      GetParam());
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, ContainsRegex("hit Breakpoint 1, qemu_exercise_init \\(\\) at "
                                         "qemu_exercise.c:[0-9]+"))
      << done;
  EXPECT_THAT(done.output, ContainsRegex("#1 .* do_one_initcall")) << done;
  EXPECT_THAT(done.output, ContainsRegex("hit Breakpoint 2, dev_read \\(file=0x[0-9a-f]+, "))
      << done;
  std::string whole = done.output;
  std::ranges::replace(whole, '\n', ' ');
  EXPECT_THAT(whole, ContainsRegex("#0 +dev_read .*#1 .* in vfs_read .*#2 .* in ksys_read "
                                   ".*#3 .* in do_syscall_64 .*#4 .* in entry_SYSCALL_64"))
      << done;
  EXPECT_THAT(done.output, HasSubstr("struct reader *reader = file->private_data;"))
      << "the sources are found";
}

// kobox has its kernels stay where they were linked. A bzImage without "nokaslr" does not: QEMU is
// given one here behind kobox's back.
TEST_P(DebugOnKernelTest, AKernelThatChoseItsOwnAddressHasItsSymbolsThere) {
  use_own_templates();
  const auto fake = directory_ / "bin/qemu-system-x86_64";
  spit(fake,
       "#!/bin/bash\nnew=()\nfor one in \"$@\"; do\n"
       "  case $one in */vmlinux) one=${one%vmlinux}vmlinuz ;; esac\n"
       "  new+=(\"${one/nokaslr /}\")\ndone\nexec " +
           find_program("qemu-system-x86_64")->string() + " \"${new[@]}\"\n");
  ASSERT_EQ(::chmod(fake.c_str(), 0755), 0);
  auto one = invocation(
      debug(k_exercise,
            with_script("continue\nbt\nprint/x (unsigned long)&vfs_read\ncontinue\ncontinue\n",
                        {"--break", "dev_read", "--break", "qemu_exercise_exit", "--run",
                         "cat /dev/qemu_exercise; cat /proc/cmdline; grep ' vfs_read$' "
                         "/proc/kallsyms; rmmod qemu_exercise"}),
            GetParam()));
  one.environment.emplace_back(
      "PATH", fake.parent_path().string() + ":" + std::string(std::getenv("PATH")));
  const auto done = run(one);
  EXPECT_EQ(done.code(), 0) << done;
  std::string whole = done.output;
  std::ranges::replace(whole, '\n', ' ');
  EXPECT_THAT(whole, ContainsRegex("#0 +dev_read .* in vfs_read .* in ksys_read .* in "
                                   "do_syscall_64 .* in entry_SYSCALL_64"))
      << done;
  EXPECT_THAT(whole, HasSubstr("console=ttyS0")) << done;
  EXPECT_THAT(whole, Not(HasSubstr("nokaslr"))) << done;
  const auto in_gdb = Regex::compile("= 0x([0-9a-f]{16})").value().find(whole);
  const auto in_guest = Regex::compile("([0-9a-f]{16}) T vfs_read").value().find(whole);
  ASSERT_TRUE(in_gdb && in_guest) << done;
  EXPECT_EQ((*in_gdb)[1], (*in_guest)[1]);
}

TEST_P(DebugOnKernelTest, SymbolsAndBreakpointsFollowAModuleThatIsLoadedAgain) {
  const auto done = batch(
      "continue\ncontinue\ncontinue\ncontinue\ncontinue\ninfo breakpoints\n",
      {"--break", "qemu_exercise_init", "--break", "dev_open", "--break", "qemu_exercise_exit",
       "--run",
       "cat /dev/qemu_exercise; rmmod qemu_exercise; insmod /kobox/module/qemu_exercise.ko; cat "
       "/dev/qemu_exercise"},
      GetParam());
  EXPECT_EQ(done.code(), 0) << done;
  const auto hit = Regex::compile("hit Breakpoint [0-9]+, ([a-z_]+)").value();
  std::vector<std::string> order;
  for (const auto& parts : hit.find_all(done.output)) order.emplace_back(parts[1]);
  EXPECT_THAT(order, ::testing::ElementsAre("qemu_exercise_init", "dev_open", "qemu_exercise_exit",
                                            "qemu_exercise_init", "dev_open"))
      << done;
}

// A frame that the kernel stands by (not "? name"), and the place that an interrupt came at.
constexpr const char* k_kernels_frame = R"(^LOG .*\] (?: | *RIP: 0010:)([^ ?]\S+\+0x[0-9a-f]+)/0x)";

// GDB and the kernel write the names of a compiler's copies (constprop, isra) each in its own way.
std::string plain(std::string_view frame) {
  return Regex::compile(R"(\.[a-z]+(\.[0-9]+)?\+)").value().replace_all(frame, "+");
}

DebugOnKernelTest::Stacks DebugOnKernelTest::stacks_of(const std::string& command) {
  const auto project = module_project("tracer", k_tracer, "[module]\nname = \"tracer\"\n");
  // The pause is for the agent: what it has not read when the next breakpoint stops the machine is
  // never shown.
  const auto script = std::string("break dump_stack\ncontinue\n") + k_print_frames +
                      "delete\nbreak remove_proc_entry\ncontinue\n";
  const auto done = run(debug(
      project,
      with_script(script, {"--run", command + "; dmesg | sed 's/^/LOG /'; sleep 1; rmmod tracer"}),
      GetParam()));
  EXPECT_EQ(done.code(), 0) << done;
  Stacks stacks;
  const auto gdbs_frame = Regex::compile("^FRAME (.*)").value();
  const auto kernels_frame = Regex::compile(k_kernels_frame).value();
  for (const auto line : lines_of(done.output)) {
    if (const auto gdbs = gdbs_frame.find(line))
      stacks.gdb.push_back(plain((*gdbs)[1]));
    else if (const auto kernels = kernels_frame.find(line))
      stacks.kernel.push_back(plain((*kernels)[1]));
  }
  // The innermost stands at its beginning here, in the middle of its work there.
  if (!stacks.gdb.empty()) stacks.gdb.erase(stacks.gdb.begin());
  if (!stacks.kernel.empty()) stacks.kernel.erase(stacks.kernel.begin());
  EXPECT_THAT(stacks.gdb, SizeIs(::testing::Gt(5))) << done;
  return stacks;
}

TEST_P(DebugOnKernelTest, ABacktraceHasTheFramesThatTheKernelItselfPrints) {
  const auto stacks = stacks_of("cat /proc/tracer");
  EXPECT_THAT(stacks.gdb, ::testing::Contains(HasSubstr("trace_read+")));
  EXPECT_EQ(stacks.gdb, stacks.kernel);
}

TEST_P(DebugOnKernelTest, ABacktraceInAnInterruptGoesThroughToWhatWasInterrupted) {
  const auto stacks = stacks_of("echo > /proc/tracer");
  EXPECT_THAT(stacks.gdb, ::testing::Contains(HasSubstr("trace_timer+")));
  EXPECT_THAT(stacks.gdb, ::testing::Contains(HasSubstr("hrtimer_interrupt+")));
  EXPECT_THAT(stacks.gdb, ::testing::Contains(HasSubstr("trace_write+")));
  EXPECT_THAT(stacks.gdb, ::testing::Contains(HasSubstr("entry_SYSCALL_64")));
  EXPECT_EQ(stacks.gdb, stacks.kernel);
}

TEST_F(DebugTest, ATestsCommandWithItsPrograms) {
  const auto done =
      batch("continue\nprint len\n", {"--break", "dev_write", "--test", "half bad address"});
  EXPECT_THAT(done.output, HasSubstr("hit Breakpoint 1, dev_write")) << done;
}

TEST_F(DebugTest, GdbsFailureIsKoboxes) {
  const auto done = batch("print no_such_thing\n");
  EXPECT_EQ(done.code(), 1) << done;
  EXPECT_THAT(done.error, HasSubstr("script.gdb:1: Error")) << done;
  EXPECT_EQ(batch("quit 7\n").code(), 7);
}

TEST_F(DebugTest, AScriptThatWaitsForAStopGoesOnWhenTheCommandHasEnded) {
  const auto done = batch("continue\ncontinue\nprint 41 + 1\ncontinue\n",
                          {"--break", "dev_open", "--run", "cat /dev/qemu_exercise"});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, HasSubstr("hit Breakpoint 1, dev_open")) << done;
  EXPECT_THAT(done.output, HasSubstr("$1 = 42")) << done;
}

TEST_F(DebugTest, AScriptThatDoesNotEnd) {
  const auto done = batch("continue\n", {"--timeout", "2s"});
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("gdb did not end in its time; --timeout gives it more"));
}

TEST_F(DebugTest, APlaceThatIsNotThere) {
  const auto done = batch("continue\n", {"--break", "nowhere", "--break", "dev_read", "--run",
                                         "cat /dev/qemu_exercise"});
  EXPECT_THAT(done.output,
              HasSubstr("kobox: breakpoint 1: neither qemu_exercise nor the kernel has a place "
                        "'nowhere'"))
      << done;
  EXPECT_THAT(done.output, HasSubstr("hit Breakpoint 2, dev_read")) << done;
}

TEST_F(DebugTest, TheMachineEndsUnderTheDebugger) {
  const auto done = batch("continue\n", {"--run", "echo c > /proc/sysrq-trigger"});
  EXPECT_THAT(done.error, HasSubstr("under the debugger the machine ended: the machine was reset "
                                    "from inside"))
      << done;
}

TEST_F(DebugTest, NoGdb) {
  auto one = invocation(debug(k_exercise, with_script("continue\n")));
  one.environment.emplace_back("PATH", path_without("gdb(-multiarch)?"));
  const auto done = run(one);
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("gdb is not installed or not in PATH; on Debian: apt-get "
                                    "install gdb"));
}

// A listening socket on a port of the loopback interface.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_.get(), 1), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = std::to_string(ntohs(address.sin_port));
  }
  const std::string& port() const { return port_; }
  void free() { socket_.reset(); }

 private:
  Fd socket_;
  std::string port_;
};

TEST_F(DebugTest, APortForOthersOnTheLoopbackInterface) {
  TakenPort taken;
  const auto refused = batch("print 1\n", {"--port", taken.port()});
  EXPECT_EQ(refused.code(), 4) << refused;
  EXPECT_THAT(refused.error, HasSubstr("cannot listen for GDB on port " + taken.port()));
  taken.free();
  const auto done = batch("continue\n", {"--port", taken.port(), "--break", "dev_open", "--run",
                                         "cat /dev/qemu_exercise"});
  EXPECT_THAT(done.error, HasSubstr("GDB's server is on localhost:" + taken.port()));
  EXPECT_THAT(done.output, HasSubstr("hit Breakpoint 1, dev_open")) << done;
}

TEST_F(DebugTest, AModuleWithoutDwarf) {
  const auto project = module_project("plain", R"(
#include <linux/module.h>
static int __init plain_init(void) { pr_info("plain\n"); return 0; }
static void __exit plain_exit(void) {}
module_init(plain_init);
module_exit(plain_exit);
MODULE_LICENSE("GPL");
)");
  spit(project / "Kbuild", "obj-m := plain.o\nccflags-y += -g0\n");
  const auto done = run(debug(project, with_script("continue\nbt\n", {"--break", "plain_init"})));
  EXPECT_THAT(done.error, HasSubstr("plain was built without debugging information (DWARF)"));
  EXPECT_THAT(done.error, HasSubstr("ccflags-y += -g"));
  EXPECT_THAT(done.output, ContainsRegex("Breakpoint 1, .* in (init_module|plain_init)")) << done;
  EXPECT_THAT(done.output, HasSubstr("do_one_initcall")) << done;
}

TEST_F(DebugTest, NothingIsLeftWhenGdbOrKoboxIsKilled) {
  for (const bool kill_gdb : {true, false}) {
    auto running = start(debug(k_exercise, with_script("continue\n", {"--timeout", "100s"})));
    // kobox itself has the script on its command line, and so has a child before its exec.
    const auto gdbs = [&] {
      auto found = processes_with((directory_ / "script.gdb").string());
      std::erase_if(found, [](pid_t pid) {
        return slurp("/proc/" + std::to_string(pid) + "/comm") != "gdb\n";
      });
      return found;
    };
    ASSERT_TRUE(holds_within(100s, [&] { return gdbs().size() == 1 || running.ended(); }));
    ASSERT_FALSE(running.ended());
    for (const auto pid : gdbs()) ::kill(kill_gdb ? pid : running.pid(), SIGKILL);
    const auto done = running.wait(20s);
    if (kill_gdb) {
      EXPECT_EQ(done.code(), 4) << done;
      EXPECT_THAT(done.error, HasSubstr("gdb was killed by signal 9 (Killed)")) << done;
    }
    EXPECT_TRUE(machines_end_within(10s));
    EXPECT_TRUE(holds_within(10s, [&] { return gdbs().empty(); }));
  }
}

TEST_F(DebugTest, BadCalls) {
  const auto refused = [&](const Arguments& more) {
    const auto done = run(debug(k_exercise, more));
    EXPECT_EQ(done.code(), 2) << done;
    return done.error;
  };
  EXPECT_THAT(refused({"--batch", "/no/such/file"}), HasSubstr("cannot read the GDB script"));
  EXPECT_THAT(refused({"--run", "true", "--test", "x"}), HasSubstr("exclude each other"));
  EXPECT_THAT(refused({"--test", "no such test"}), HasSubstr("there is no test 'no such test'"));
}

TEST_F(DebugTest, OneTerminalForGdbAndTheGuest) {
  Terminal terminal(invocation(debug(k_exercise, {"--break", "dev_write"})));
  ASSERT_TRUE(terminal.sees("(gdb) ", 120s)) << terminal.seen();
  EXPECT_TRUE(terminal.is_raw());
  terminal.type("continue\r");
  ASSERT_TRUE(terminal.sees("# ")) << terminal.seen();
  terminal.type("echo from 'the guest' > /dev/qemu_exercise\r");
  ASSERT_TRUE(terminal.sees("hit Breakpoint 1")) << terminal.seen();
  ASSERT_TRUE(terminal.sees("(gdb) ")) << terminal.seen();
  terminal.type("print len\r");
  EXPECT_TRUE(terminal.sees("$1 = 15")) << terminal.seen();
  terminal.type("continue\r");
  ASSERT_TRUE(terminal.sees("# ")) << terminal.seen();
  terminal.type("cat /dev/qemu_exercise\r");
  EXPECT_TRUE(terminal.sees("from the guest")) << terminal.seen();
  terminal.type("\x03");
  ASSERT_TRUE(terminal.sees("SIGINT")) << terminal.seen();
  ASSERT_TRUE(terminal.sees("(gdb) ")) << terminal.seen();
  terminal.type("kill\r");
  terminal.type("y\r");
  terminal.type("quit\r");
  EXPECT_EQ(terminal.end_within(20s), 0) << terminal.seen();
  EXPECT_TRUE(terminal.has_its_settings_back());
  EXPECT_TRUE(machines_end_within(5s));
}

TEST_F(DebugTest, CtrlBracketLeaves) {
  Terminal terminal(invocation(debug(k_exercise)));
  ASSERT_TRUE(terminal.sees("(gdb) ", 120s)) << terminal.seen();
  terminal.type("\x1d");
  EXPECT_EQ(terminal.end_within(20s), 0) << terminal.seen();
  EXPECT_TRUE(terminal.has_its_settings_back());
  EXPECT_TRUE(machines_end_within(5s));
}

}  // namespace
}  // namespace kobox::e2e
