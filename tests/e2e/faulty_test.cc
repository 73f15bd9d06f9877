// SPDX-License-Identifier: GPL-2.0-or-later
// Every module of modules/faulty on every kernel, in a fork of a saved machine and in one that
// boots: is its fault told as its head says?
#include <fmt/format.h>

#include <optional>
#include <set>

#include "base/regex.h"
#include "base/text.h"
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

const fs::path k_faulty = source_directory() / "modules/faulty";

struct FaultyCase {
  std::string module;  // the directory's name
  std::string kernel;
  bool fresh_boot;
};

void PrintTo(const FaultyCase& one, std::ostream* stream) {
  *stream << one.module << " on " << one.kernel << (one.fresh_boot ? ", fresh boot" : "");
}

std::vector<FaultyCase> all_cases() {
  std::vector<FaultyCase> cases;
  for (const auto& entry : fs::directory_iterator(k_faulty)) {
    if (!entry.is_directory()) continue;
    const auto module = entry.path().filename().string();
    // 6.1 and 6.1-cloud have the same source: of the variants one of the two is enough.
    const bool variant = module.find('_') != std::string::npos;
    for (const std::string kernel : k_kernels) {
      if (variant && kernel == "6.1") continue;
      // The oldest and the newest line: each kind of report once, without the variants of a kind,
      // which are the same code.
      const bool at_an_end = kernel == k_kernels[0] || kernel == *std::rbegin(k_kernels);
      if (at_an_end && variant) continue;
      cases.push_back({module, kernel, false});
      // A boot for each test is another way to the same code: on one kernel, or on all when asked.
      static const bool whole = std::getenv("KOBOX_TEST_WHOLE") != nullptr;
      if (kernel == "6.1-cloud" || whole) cases.push_back({module, kernel, true});
    }
  }
  std::erase_if(cases, [](const auto& one) {  // they do not come to a machine
    return one.fresh_boot && one.module.starts_with("build");
  });
  // 5.10 has no linux/kfence.h.
  std::erase_if(
      cases, [](const auto& one) { return one.module == "kfence" && one.kernel == "5.10-cloud"; });
  std::ranges::sort(cases, {}, [](const auto& one) { return one.module + " " + one.kernel; });
  return cases;
}

// What stands in the module's source about what must be reported.
struct Expected {
  std::string kind;
  std::optional<std::string> function;
  std::optional<std::string> file;
  std::map<std::string, int> lines;  // by the mark's text: the kind, or the test's name
};

Expected expectations(const std::string& module) {
  Expected expected;
  const auto source = slurp(k_faulty / module / ("faulty_" + module + ".c"));
  const auto head = Regex::compile("EXPECT-(KIND|FUNCTION|FILE): ([^ ]+)").value();
  const auto mark = Regex::compile(R"(/\* EXPECT: (.*) \*/)").value();
  int number = 0;
  for (const auto line : lines_of(source)) {
    ++number;
    if (const auto parts = head.find(line)) {
      const auto what = (*parts)[1];
      const std::string value((*parts)[2]);
      if (what == "KIND") expected.kind = value;
      if (what == "FUNCTION") expected.function = value;
      if (what == "FILE") expected.file = value;
    }
    if (const auto parts = mark.find(line)) expected.lines[std::string((*parts)[1])] = number;
  }
  return expected;
}

class FaultyTest : public KoboxTest, public ::testing::WithParamInterface<FaultyCase> {
 protected:
  void check(const nlohmann::json& failure, const std::string& test, const Expected& expected) {
    SCOPED_TRACE(failure.dump(1));
    ASSERT_TRUE(failure.is_object());
    EXPECT_EQ(failure["kind"], expected.kind);
    EXPECT_FALSE(failure["message"].get<std::string>().empty());
    const auto or_null = [](const auto& value) {
      return value ? nlohmann::json(*value) : nlohmann::json();
    };
    EXPECT_EQ(failure["function"], or_null(expected.function));
    EXPECT_EQ(failure["file"], or_null(expected.file));
    const auto line = expected.lines.find(expected.lines.contains(test) ? test : expected.kind);
    EXPECT_EQ(failure["line"],
              line != expected.lines.end() ? nlohmann::json(line->second) : nlohmann::json());
    const auto log = failure["log"].get<std::vector<std::string>>();
    // What names the function is the kernel's report, which the log is there for. For a failed load
    // the kernel makes no report.
    if (expected.function && expected.kind != "load") {
      EXPECT_THAT(log, testing::Contains(HasSubstr(*expected.function)));
    }
    check_console(failure);
    ASSERT_TRUE(failure["reproduce"].is_string());
    EXPECT_THAT(failure["reproduce"].get<std::string>(), testing::StartsWith("kobox "));
  }

  void check_console(const nlohmann::json& failure) {
    ASSERT_TRUE(failure["console"].is_string());
    const fs::path console = failure["console"].get<std::string>();
    EXPECT_TRUE(fs::is_regular_file(console)) << "the log was not kept";
    if (failure["kind"] == "build") {
      EXPECT_FALSE(slurp(console).empty());
      return;
    }
    EXPECT_THAT(console.string(), testing::StartsWith(runs().string()));
    // What the kernel reported is in it.
    if (failure["kind"] == "oops") {
      EXPECT_THAT(slurp(console), HasSubstr("Call Trace:"));
    }
  }

  static int exit_code_for(const std::string& kind) {
    if (kind == "none") return 0;
    return kind == "build" ? 3 : 1;
  }
};

TEST_P(FaultyTest, IsToldAsItsHeadSays) {
  const auto& [module, kernel, fresh_boot] = GetParam();
  const auto expected = expectations(module);
  ASSERT_FALSE(expected.kind.empty()) << "no EXPECT-KIND in its source";
  Arguments more = {"--kernel", kernel};
  if (fresh_boot) more.push_back("--fresh-boot");
  const auto done = test(k_faulty / module, more);
  const auto report = done.report();
  const bool only_newer = module == "kfence" && kernel != "6.12-cloud" && kernel != "7.3-cloud";
  if (only_newer) {
    EXPECT_EQ(done.code(), 2) << "nothing run is not a pass" << done;
    EXPECT_EQ(report["runs"][0]["tests"][0]["verdict"], "skip");
    EXPECT_THAT(report["runs"][0]["tests"][0]["skip_reason"].get<std::string>(),
                HasSubstr(">=6.12"));
    return;
  }
  EXPECT_EQ(done.code(), exit_code_for(expected.kind)) << done;
  ASSERT_EQ(report["runs"].size(), 1U) << done;
  EXPECT_EQ(report["verdict"], expected.kind == "none" ? "pass" : "fail") << done;
  const auto& only = report["runs"][0];
  EXPECT_THAT(machines(), IsEmpty());

  static const std::set<std::string> before_tests = {"build", "build_link", "load", "load_symbol",
                                                     "oops_init"};
  if (before_tests.contains(module)) {
    check(only["failure"], "", expected);
    EXPECT_TRUE(only["tests"].empty()) << done;
    return;
  }
  EXPECT_TRUE(only["failure"].is_null()) << done;
  ASSERT_FALSE(only["tests"].empty()) << done;
  for (const auto& one : only["tests"]) {
    if (expected.kind == "none") {
      EXPECT_EQ(one["verdict"], "pass") << done;
      continue;
    }
    EXPECT_EQ(one["verdict"], "fail") << done;
    EXPECT_FALSE(one.contains("note")) << "its fork did not resume" << done;
    check(one["failure"], one["name"], expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Modules, FaultyTest, ::testing::ValuesIn(all_cases()),
                         [](const auto& one) {
                           const auto name = one.param.module + "_on_" + one.param.kernel +
                                             (one.param.fresh_boot ? "_booted" : "");
                           return name_of_parameter(name);
                         });

class ReproduceTest : public KoboxTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(ReproduceTest, TheCommandThatAFailureNamesRepeatsIt) {
  const auto first = test(k_faulty / GetParam());
  const auto told = failure_of(first.report());
  ASSERT_TRUE(told.is_object()) << first;
  // As a user types it: by a shell, with kobox in PATH.
  const auto link = directory_ / "bin/kobox";
  fs::create_directories(link.parent_path());
  fs::create_symlink(binary(), link);
  auto again = invocation({});
  again.prefix = {"sh", "-c",
                  "PATH=" + link.parent_path().string() + ":$PATH; " +
                      told["reproduce"].get<std::string>() + " --accel tcg --format json"};
  const auto second = run(again);
  EXPECT_EQ(second.code(), first.code()) << second;
  const auto repeated = failure_of(second.report());
  ASSERT_TRUE(repeated.is_object()) << second;
  for (const auto* key : {"kind", "message", "function", "file", "line"})
    EXPECT_EQ(repeated[key], told[key]) << key << second;
}

INSTANTIATE_TEST_SUITE_P(Kinds, ReproduceTest, ::testing::Values("assertion", "build", "load"),
                         [](const auto& one) { return std::string(one.param); });

constexpr const char* k_fault_when_told = R"(
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/workqueue.h>
static int *nowhere;
static void fault(struct work_struct *work) { WRITE_ONCE(*nowhere, 1); }
static DECLARE_DELAYED_WORK(work, fault);
static ssize_t device_write(struct file *file, const char __user *text, size_t len, loff_t *at)
{
	unsigned int ms;
	int err = kstrtouint_from_user(text, len, 10, &ms);
	if (err)
		return err;
	schedule_delayed_work(&work, msecs_to_jiffies(ms));
	return len;
}
static const struct file_operations ops = { .owner = THIS_MODULE, .write = device_write };
static struct miscdevice device = { .minor = MISC_DYNAMIC_MINOR, .name = "late", .fops = &ops };
static int __init late_init(void) { return misc_register(&device); }
static void __exit late_exit(void)
{
	misc_deregister(&device);
	flush_delayed_work(&work);
}
module_init(late_init);
module_exit(late_exit);
MODULE_LICENSE("GPL");
)";

// The end of the watch after a test may come while the kernel is printing: the console has the
// report's first line, the kernel's log in the agent's hands nothing of it yet.
TEST_F(KoboxTest, AFaultIsNotMissedWhereverTheWatchAfterTheTestEnds) {
  std::string tests;
  for (int ms = 84; ms <= 128; ms += 4)
    tests += fmt::format("[[test]]\nname = \"{0} ms\"\nrun = \"echo {0} > /dev/late\"\n", ms);
  const auto done = test(module_project("late", k_fault_when_told, tests));
  EXPECT_EQ(done.code(), 1) << done;
  const auto all = done.report()["runs"][0]["tests"];
  ASSERT_EQ(all.size(), 12U) << done;
  for (const auto& one : all) {
    EXPECT_EQ(one["verdict"], "fail") << one["name"] << done;
    EXPECT_EQ(one["failure"]["kind"], "oops") << one["name"] << done;
  }
}

TEST_F(KoboxTest, TheTerminalShowsWhatHappenedWhereAndHowToRepeatIt) {
  const auto done =
      run({"test", (k_faulty / "oops").string(), "--kernel", "6.1-cloud", "--accel", "tcg"});
  EXPECT_EQ(done.code(), 1) << done;
  EXPECT_THAT(done.output, HasSubstr("triggers it"));
  EXPECT_THAT(done.output, HasSubstr("NULL pointer dereference"));
  EXPECT_THAT(done.output, HasSubstr("faulty_oops.c:20"));
  EXPECT_THAT(done.output, HasSubstr("WRITE_ONCE(*nowhere, 1);")) << "the source line";
  EXPECT_THAT(done.output, HasSubstr("--filter '^triggers it$'"));
  EXPECT_THAT(done.output, HasSubstr("console.log"));
}

}  // namespace
}  // namespace kobox::e2e
