// SPDX-License-Identifier: GPL-2.0-or-later
#include "project/project.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Kind = TextMatcher::Kind;

class ProjectTest : public ::testing::Test {
 protected:
  void put(const fs::path& name, std::string_view text) {
    ASSERT_TRUE(write_file(directory_.path() / name, text));
  }
  Result<Project> load(std::string_view text) {
    put("kobox.toml", text);
    return load_project(directory_.path());
  }
  Project good(std::string_view text) {
    auto project = load(text);
    if (project) return *project;
    ADD_FAILURE() << project.error().to_string();
    return {};
  }
  // The error without the directory's path: "kobox.toml:3:1: …".
  std::string bad(std::string_view text) {
    auto project = load(text);
    if (project) return "no error";
    EXPECT_EQ(project.error().kind(), ErrorKind::usage);
    const auto message = project.error().to_string();
    const auto prefix = directory_.path().string() + "/";
    EXPECT_THAT(message, StartsWith(prefix));
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-project-test").value();
};

constexpr std::string_view k_everything = R"([module]
name = "qemu_exercise"
source = "driver"
params = "debug=1 name=\"a b\""
load = false

[kernels]
use = ["6.1-cloud", "host"]
matrix = ["6.1", "6.12-cloud"]

[limits]
boot = "90s"
test = "500ms"
memory = "1G"
cpus = 4

[machine]
devices = ["edu", "pci-testdev,addr=5"]

[[test]]
name = "greets"
run = "cat /dev/qemu_exercise"
status = 3
stdout = "Hello\n"
stderr = { contains = "warn" }
kernel_log = ["opened", { matches = "Sent \\d+ characters" }, { contains = "closed" }]
no_kernel_log = ["Failed"]
timeout = "2m"
kernels = ">=6.1 <6.13"
programs = ["stress.c"]

[[test.breakpoint]]
at = "dev_read"
hits = ">= 1"
expect = { "len" = "65536", "buf[0]" = "0 '\\000'", "a" = "1" }
backtrace = ["dev_read", "vfs_read"]

[[test.breakpoint]]
at = "sub/driver-main.c:84"
hits = 2

[[test]]
name = "second"
run = "true"
stdout = ""
)";

TEST_F(ProjectTest, ReadsHowAModuleIsBuiltAndLoaded) {
  put("a/b/driver/Kbuild", "");
  put("bus/Kbuild", "");
  const auto project = good(
      "[module]\nsource = \"a/b/driver\"\nnames = [\"one\", \"an-other\"]\nbuild = \"kbuild\"\n"
      "make = [\"W=1\", \"modules\"]\nroot = \"a\"\nneeds = [\"bus\"]\nexpect_load = \"ENODEV\"\n");
  const auto here = fs::canonical(directory_.path());
  EXPECT_THAT(project.modules, ElementsAre("one", "an-other"));
  EXPECT_EQ(project.method, BuildMethod::kbuild);
  EXPECT_THAT(project.make, ElementsAre("W=1", "modules"));
  EXPECT_EQ(project.root, here / "a");
  EXPECT_THAT(project.needs, ElementsAre(here / "bus"));
  EXPECT_EQ(project.expect_load, ENODEV);
  EXPECT_EQ(name_of(project), "one, an-other");
  EXPECT_EQ(good("[module]\nmake = [\"all\"]\n").method, BuildMethod::make);
  EXPECT_EQ(good("[module]\nbuild = \"guest\"\n").build, BuildWhere::guest);
}

TEST_F(ProjectTest, BadBuildsAreExplained) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"name = \"a\"\nnames = [\"b\"]", "3:9: [module] has both 'name' and 'names'"},
      {"names = []", "2:9: 'names' is empty"},
      {"names = [\"a\", \"a\"]", "2:15: 'a' is in 'names' twice"},
      {"names = [\"a b\"]", "2:10: 'a b' is no module name"},
      {"build = \"dkms\"\nmake = [\"all\"]", "3:8: 'make' has arguments for make, but build is"},
      {"make = [\"\"]", "2:9: '' is not an argument for make"},
      {"root = \"none\"", "2:8: the root directory 'none' does not exist"},
      {"needs = [\"none\"]", "2:10: the needed directory 'none' does not exist"},
      {"needs = [\".\"]", "2:10: a module cannot need itself"},
      {"expect_load = \"ENOPE\"",
       "2:15: expect_load is 'ENOPE', which is not the name of an error"},
      {"load = false\nexpect_load = \"ENODEV\"", "3:15: expect_load says what the load returns"}};
  for (const auto& [text, error] : cases)
    EXPECT_THAT(bad("[module]\n" + text + "\n"), HasSubstr("kobox.toml:" + error)) << text;
}

TEST_F(ProjectTest, ReadsEverything) {
  put("driver/Kbuild", "");
  put("stress.c", "");
  const auto project = good(k_everything);
  EXPECT_TRUE(project.has_file);
  EXPECT_EQ(project.directory, fs::canonical(directory_.path()));
  EXPECT_EQ(project.source, fs::canonical(directory_.path()) / "driver");
  EXPECT_THAT(project.modules, ElementsAre("qemu_exercise"));
  EXPECT_EQ(project.module_params, "debug=1 name=\"a b\"");
  EXPECT_FALSE(project.load);
  EXPECT_THAT(project.kernels_use, ElementsAre("6.1-cloud", "host"));
  EXPECT_THAT(project.kernels_matrix, ElementsAre("6.1", "6.12-cloud"));
  EXPECT_EQ(project.boot_limit, 90s);
  EXPECT_EQ(project.test_limit, 500ms);
  EXPECT_EQ(project.memory, std::uint64_t{1} << 30);
  EXPECT_EQ(project.cpus, 4);
  EXPECT_THAT(project.devices, ElementsAre("edu", "pci-testdev,addr=5"));
  ASSERT_THAT(project.tests, SizeIs(2));

  const auto& test = project.tests[0];
  EXPECT_EQ(test.name, "greets");
  EXPECT_EQ(test.run, "cat /dev/qemu_exercise");
  EXPECT_EQ(test.status, 3);
  EXPECT_EQ(test.standard_output->kind, Kind::exact);
  EXPECT_EQ(test.standard_output->text, "Hello\n");
  EXPECT_EQ(test.standard_error->kind, Kind::contains);
  EXPECT_EQ(test.standard_error->text, "warn");
  ASSERT_THAT(test.kernel_log, SizeIs(3));
  EXPECT_EQ(test.kernel_log[0].kind, Kind::contains);
  EXPECT_EQ(test.kernel_log[0].text, "opened");
  EXPECT_EQ(test.kernel_log[1].kind, Kind::matches);
  EXPECT_EQ(test.kernel_log[1].text, "Sent \\d+ characters");
  EXPECT_EQ(test.kernel_log[2].kind, Kind::contains);
  ASSERT_THAT(test.no_kernel_log, SizeIs(1));
  EXPECT_EQ(test.timeout, 2min);
  EXPECT_EQ(test.kernels, ">=6.1 <6.13");
  EXPECT_THAT(test.programs, ElementsAre("stress.c"));

  ASSERT_THAT(test.breakpoints, SizeIs(2));
  EXPECT_EQ(test.breakpoints[0].at, "dev_read");
  EXPECT_EQ(test.breakpoints[0].hits, ">=1");
  EXPECT_THAT(test.breakpoints[0].expect,
              ElementsAre(Pair("len", "65536"), Pair("buf[0]", "0 '\\000'"), Pair("a", "1")));
  EXPECT_THAT(test.breakpoints[0].backtrace, ElementsAre("dev_read", "vfs_read"));
  EXPECT_EQ(test.breakpoints[1].at, "sub/driver-main.c:84");
  EXPECT_EQ(test.breakpoints[1].hits, "2");

  EXPECT_EQ(project.tests[1].standard_output->text, "");
  EXPECT_FALSE(project.tests[1].standard_error);
  EXPECT_FALSE(project.tests[1].timeout);
}

TEST_F(ProjectTest, WithoutAFileTheModuleIsLoadedAndUnloaded) {
  const auto project = load_project(directory_.path());
  ASSERT_TRUE(project);
  EXPECT_FALSE(project->has_file);
  EXPECT_EQ(project->source, project->directory);
  EXPECT_THAT(project->kernels_use, ElementsAre("6.1-cloud"));
  ASSERT_THAT(project->tests, SizeIs(1));
  EXPECT_EQ(project->tests[0].name, "loads and unloads");
  EXPECT_EQ(project->tests[0].run, "");
}

TEST_F(ProjectTest, AFileWithoutTestsHasNone) {
  for (const auto* text : {"", "[module]\nload = true\n", "test = []\n"}) {
    const auto project = good(text);
    EXPECT_TRUE(project.has_file);
    EXPECT_THAT(project.tests, IsEmpty());
  }
}

TEST_F(ProjectTest, DirectoriesThatCannotBeRead) {
  const auto message = [](const fs::path& directory) {
    const auto project = load_project(directory);
    if (project) return std::string("no error");
    EXPECT_EQ(project.error().kind(), ErrorKind::usage);
    return project.error().to_string();
  };
  const auto path = directory_.path();
  EXPECT_EQ(message(path / "absent"), (path / "absent").string() + ": there is no such directory");
  put("file", "");
  EXPECT_EQ(message(path / "file"), (path / "file").string() + " is not a directory");
  fs::create_directories(path / "one/kobox.toml");
  EXPECT_EQ(message(path / "one"),
            "cannot read " + (path / "one/kobox.toml").string() + ": Is a directory");
  fs::create_directories(path / "two");
  fs::create_symlink("nowhere", path / "two/kobox.toml");
  EXPECT_EQ(message(path / "two"),
            "cannot read " + (path / "two/kobox.toml").string() + ": No such file or directory");
}

TEST_F(ProjectTest, ErrorsNameTheFileAsTheUserDoes) {
  put("kobox.toml", "\n  tests = 1\n");
  const auto before = fs::current_path();
  fs::current_path(directory_.path());
  const auto here = load_project(".");
  fs::current_path(before);
  ASSERT_FALSE(here);
  EXPECT_EQ(here.error().to_string(), "kobox.toml:2:3: unknown key 'tests' (did you mean 'test'?)");
}

struct Case {
  std::string_view text;
  std::string_view error;
};

constexpr Case k_bad_files[] = {
    {"[module", "kobox.toml:1:8: Error while parsing table header: encountered end-of-file"},
    {"modul = 1", "kobox.toml:1:1: unknown key 'modul' (did you mean 'module'?)"},
    {"z = 1\na = 1", "kobox.toml:1:1: unknown key 'z'"},
    {"module = 1", "kobox.toml:1:10: 'module' must be a table ([module]), not an integer"},
    {"[[module]]", "kobox.toml:1:1: 'module' must be a table ([module]), not an array"},
    {"[test]", "kobox.toml:1:1: 'test' must be an array of tables ([[test]]), not a table"},
    {"test = [1]", "kobox.toml:1:9: 'test' must be an array of tables ([[test]]), not an integer"},

    {"[module]\nparms = \"\"",
     "kobox.toml:2:1: unknown key 'parms' in [module] (did you mean 'params'?)"},
    {"[module]\nname = 1", "kobox.toml:2:8: 'name' in [module] must be a string, not an integer"},
    {"[module]\nname = \"\"",
     "kobox.toml:2:8: '' is no module name: 1 to 55 letters, digits, '_' and '-'"},
    {"[module]\nname = \"a b\"",
     "kobox.toml:2:8: 'a b' is no module name: 1 to 55 letters, digits, '_' and '-'"},
    {"[module]\nsource = \"absent\"",
     "kobox.toml:2:10: the source directory 'absent' does not exist"},
    {"[module]\nsource = \"kobox.toml\"",
     "kobox.toml:2:10: the source directory 'kobox.toml' does not exist"},
    {"[module]\nsource = \"a\\u0000\"",
     "kobox.toml:2:10: the source directory 'a\\x00' does not exist"},
    {"[module]\nparams = \"a\\nb\"",
     "kobox.toml:2:10: 'params' in [module] has control characters"},
    {"[module]\nload = \"yes\"",
     "kobox.toml:2:8: 'load' in [module] must be true or false, not a string"},

    {"[kernels]\nuse = \"6.1\"",
     "kobox.toml:2:7: 'use' in [kernels] must be an array of kernels such as [\"6.1-cloud\"], not "
     "a string"},
    {"[kernels]\nuse = []", "kobox.toml:2:7: 'use' in [kernels] names no kernel"},
    {"[kernels]\nmatrix = []", "kobox.toml:2:10: 'matrix' in [kernels] names no kernel"},
    {"[kernels]\nuse = [\"6.1\", 6.1]",
     "kobox.toml:2:15: 'use' in [kernels] must be an array of kernels such as [\"6.1-cloud\"], "
     "not a floating-point number"},
    {"[kernels]\nuse = [\"6.1\", \"6.1\"]",
     "kobox.toml:2:15: '6.1' stands twice in 'use' of [kernels]"},
    {"[kernels]\nuses = []",
     "kobox.toml:2:1: unknown key 'uses' in [kernels] (did you mean 'use'?)"},

    {"[limits]\nboot = 60",
     "kobox.toml:2:8: 'boot' in [limits] must be a time in a string, such as \"10s\", not an "
     "integer"},
    {"[limits]\nboot = \"0s\"",
     "kobox.toml:2:8: '0s' is not a time: write \"500ms\", \"10s\", \"2m\" or \"1h\""},
    {"[limits]\ntest = \"-1s\"",
     "kobox.toml:2:8: '-1s' is not a time: write \"500ms\", \"10s\", \"2m\" or \"1h\""},
    {"[limits]\ntest = \"25h\"", "kobox.toml:2:8: '25h' is longer than 24h"},
    {"[limits]\nmemory = 256",
     "kobox.toml:2:10: 'memory' in [limits] must be a size in a string, such as \"256M\", not an "
     "integer"},
    {"[limits]\nmemory = \"lots\"",
     "kobox.toml:2:10: 'lots' is not a size: write \"512K\", \"256M\" or \"1G\""},
    {"[limits]\nmemory = \"63M\"",
     "kobox.toml:2:10: '63M' of memory: it must be whole megabytes, at least 64M and at most "
     "1024G"},
    {"[limits]\nmemory = \"65537K\"",
     "kobox.toml:2:10: '65537K' of memory: it must be whole megabytes, at least 64M and at most "
     "1024G"},
    {"[limits]\ncpus = 0", "kobox.toml:2:8: 0 cpus: it must be 1 to 64"},
    {"[machine]\ndevices = [\"edu\", \"-netdev user\"]",
     "kobox.toml:2:19: '-netdev user' of devices: write it as QEMU's -device takes it, such as "
     "\"edu\" or \"pci-testdev,addr=5\""},
    {"[machine]\ndevice = []",
     "kobox.toml:2:1: unknown key 'device' in [machine] (did you mean "
     "'devices'?)"},
    {"[machine]\nguest = \"vax\"", "kobox.toml:2:9: 'vax' is no guest: use initramfs or disk"},
    {"[module]\nbuild = \"elsewhere\"",
     "kobox.toml:2:9: 'elsewhere' is not a way to build; choose auto, kbuild, make, dkms or guest"},
    {"[limits]\ncpus = 65", "kobox.toml:2:8: 65 cpus: it must be 1 to 64"},
    {"[limits]\ncpus = 1.5",
     "kobox.toml:2:8: 'cpus' in [limits] must be a whole number, not a floating-point number"},
    {"[limits]\ncpu = 1", "kobox.toml:2:1: unknown key 'cpu' in [limits] (did you mean 'cpus'?)"},
};

// Each stands below a good [[test]] of three lines.
constexpr Case k_bad_tests[] = {
    {"guest = \"vax\"", "kobox.toml:4:9: 'vax' is no guest: use initramfs or disk"},
    {"collect = [\"out\"]",
     "kobox.toml:4:12: 'out' of collect: write an absolute path of the guest's, such as "
     "\"/root/results\""},
    {"collect = [\"/\"]",
     "kobox.toml:4:12: '/' of collect: write an absolute path of the guest's, such as "
     "\"/root/results\""},
    {"files = [\"../x\"]",
     "kobox.toml:4:10: '../x' of files is no path below the project's directory"},
    {"files = [\"/etc/passwd\"]",
     "kobox.toml:4:10: '/etc/passwd' of files is no path below the project's directory"},
    {"files = [\"nothing\"]", "kobox.toml:4:10: 'nothing' of files does not exist"},
    {"timout = \"5s\"",
     "kobox.toml:4:1: unknown key 'timout' in [[test]] (did you mean 'timeout'?)"},
    {"timeout = 5",
     "kobox.toml:4:11: 'timeout' in [[test]] must be a time in a string, such as \"10s\", not an "
     "integer"},
    {"status = 256", "kobox.toml:4:10: status 256: an exit status is 0 to 255"},
    {"status = -1", "kobox.toml:4:10: status -1: an exit status is 0 to 255"},
    {"status = true",
     "kobox.toml:4:10: 'status' in [[test]] must be a whole number, not a boolean"},
    {"stdout = 1",
     "kobox.toml:4:10: 'stdout' in [[test]] must be a string, { contains = \"…\" } or { matches = "
     "\"…\" }, not an integer"},
    {"stdout = {}", "kobox.toml:4:10: 'stdout' needs one of 'contains' and 'matches'"},
    {"stderr = { contains = \"a\", matches = \"b\" }",
     "kobox.toml:4:10: 'stderr' needs one of 'contains' and 'matches'"},
    {"stdout = { contain = \"a\" }",
     "kobox.toml:4:12: unknown key 'contain' in 'stdout' (did you mean 'contains'?)"},
    {"stdout = { contains = 1 }",
     "kobox.toml:4:23: 'contains' in 'stdout' must be a string, not an integer"},
    {"stdout = { contains = \"\" }", "kobox.toml:4:23: an empty text matches everything"},
    {"kernel_log = [\"a\", \"\"]", "kobox.toml:4:20: an empty text matches everything"},
    {"kernel_log = [\"a\\nb\"]",
     "kobox.toml:4:15: a line of the kernel's log never holds a line break"},
    {"kernel_log = \"a\"",
     "kobox.toml:4:14: 'kernel_log' in [[test]] must be an array, not a string"},
    {"no_kernel_log = [1]",
     "kobox.toml:4:18: 'no_kernel_log' in [[test]] must be a string, { contains = \"…\" } or { "
     "matches = \"…\" }, not an integer"},
    {"kernels = \"6.1\"",
     "kobox.toml:4:11: '6.1' is not a condition on a kernel's version: write '>=6.1', '<6.12', "
     "'=6.1', or several of them with spaces between"},
    {"kernels = [\">=6.1\"]",
     "kobox.toml:4:11: 'kernels' in [[test]] must be a condition such as \">=6.1\", not an array"},
    {"programs = \"x.c\"",
     "kobox.toml:4:12: 'programs' in [[test]] must be an array of C files' paths, not a string"},
    {"programs = [\"absent.c\"]",
     "kobox.toml:4:13: there is no program 'absent.c' in the directory of kobox.toml"},
    {"programs = [\"script.sh\"]", "kobox.toml:4:13: the program 'script.sh' is no C file (.c)"},
    {"programs = [\"link.c\"]",
     "kobox.toml:4:13: the program 'link.c' lies outside of the directory of kobox.toml"},
    {"programs = [\"p.c\", \"sub/p.c\"]",
     "kobox.toml:4:12: 'p.c' and 'sub/p.c' would both be 'p' in the guest"},
    {"breakpoint = 1",
     "kobox.toml:4:14: 'breakpoint' in [[test]] must be an array of tables ([[test.breakpoint]]), "
     "not an integer"},
    {"[[test.breakpoint]]\nhits = 1", "kobox.toml:4:1: [[test.breakpoint]] needs 'at'"},
    {"[[test.breakpoint]]\nat = \"a b\"",
     "kobox.toml:5:6: 'a b' is neither a function nor file:line"},
    {"[[test.breakpoint]]\nat = \"x.c:0\"",
     "kobox.toml:5:6: 'x.c:0' is neither a function nor file:line"},
    {"[[test.breakpoint]]\nat = \"f\"\nhit = 1",
     "kobox.toml:6:1: unknown key 'hit' in [[test.breakpoint]] (did you mean 'hits'?)"},
    {"[[test.breakpoint]]\nat = \"f\"\nhits = -1",
     "kobox.toml:6:8: 'hits' must be a number that is not negative, or one after '>=': 2, \">=1\""},
    {"[[test.breakpoint]]\nat = \"f\"\nhits = \"<3\"",
     "kobox.toml:6:8: 'hits' must be a number that is not negative, or one after '>=': 2, \">=1\""},
    {"[[test.breakpoint]]\nat = \"f\"\nhits = true",
     "kobox.toml:6:8: 'hits' in [[test.breakpoint]] must be a number or a string such as \">=1\", "
     "not a boolean"},
    {"[[test.breakpoint]]\nat = \"f\"\nexpect = { len = 1 }",
     "kobox.toml:6:18: 'len' in 'expect' of [[test.breakpoint]] must be what GDB prints, in a "
     "string, not an integer"},
    {"[[test.breakpoint]]\nat = \"f\"\nexpect = \"x\"",
     "kobox.toml:6:10: 'expect' in [[test.breakpoint]] must be a table ('expect' of "
     "[[test.breakpoint]]), not a string"},
    {"[[test.breakpoint]]\nat = \"f\"\nbacktrace = [\"x.c:3\"]",
     "kobox.toml:6:14: 'x.c:3' is no function's name"},
    {"[[test.breakpoint]]\nat = \"f\"\nhits = 0\nbacktrace = [\"f\"]",
     "kobox.toml:4:1: a breakpoint with 'hits = 0' has no hit to look at with 'expect', "
     "'backtrace' or 'step'"},
    {"[[test.breakpoint]]\nat = \"f\"\nhits = 0\nstep = [\"f\"]",
     "kobox.toml:4:1: a breakpoint with 'hits = 0' has no hit to look at with 'expect', "
     "'backtrace' or 'step'"},
    {"[[test.breakpoint]]\nat = \"f\"\nstep = [\"x.c:0\"]",
     "kobox.toml:6:9: 'x.c:0' is neither a function nor file:line"},
    {"[[test]]\nname = \"good\"\nrun = \"true\"",
     "kobox.toml:5:8: a second test is named 'good'; the first is in line 2"},
    {"[[test]]\nrun = \"true\"", "kobox.toml:4:1: [[test]] needs a name"},
    {"[[test]]\nname = \" \"", "kobox.toml:5:8: a test's name is empty"},
    {"[[test]]\nname = \"a\\u001b[31m\"",
     "kobox.toml:5:8: a test's name has at most 200 bytes and no control characters"},
    {"[[test]]\nname = \"b\"", "kobox.toml:4:1: the test 'b' needs 'run'"},
    {"[[test]]\nname = \"b\"\nrun = \" \"",
     "kobox.toml:6:7: 'run' in [[test]] is no shell command"},
};

TEST_F(ProjectTest, BadFilesAreExplained) {
  for (const auto& one : k_bad_files) EXPECT_EQ(bad(one.text), one.error) << one.text;
}

TEST_F(ProjectTest, BadTestsAreExplained) {
  put("p.c", "");
  put("sub/p.c", "");
  put("script.sh", "");
  fs::create_symlink("/dev/../etc/passwd", directory_.path() / "link.c");
  for (const auto& one : k_bad_tests)
    EXPECT_EQ(bad("[[test]]\nname = \"good\"\nrun = \"true\"\n" + std::string(one.text)), one.error)
        << one.text;
}

TEST_F(ProjectTest, BadKernelsAndRegexesSayWhy) {
  EXPECT_THAT(bad("[kernels]\nuse = [\"sixty\"]"),
              StartsWith("kobox.toml:2:8: 'sixty' names no kernel"));
  const std::string test = "[[test]]\nname = \"a\"\nrun = \"b\"\n";
  EXPECT_THAT(bad(test + "stdout = { matches = \"[a\" }"),
              StartsWith("kobox.toml:4:22: '[a' is not a regular expression: "));
  EXPECT_THAT(bad(test + "kernel_log = [{ matches = '(x' }]"),
              StartsWith("kobox.toml:4:27: '(x' is not a regular expression: "));
  EXPECT_EQ(bad(test + "stdout = { matches = \"" + std::string(1001, '(') + "\" }"),
            "kobox.toml:4:22: a regular expression of 1001 bytes; at most 1000 are taken");
}

TEST_F(ProjectTest, ATestMayBeWrittenInline) {
  const auto project = good("test = [{name = \"a\", run = \"b\"}, {name = \"c\", run = \"d\"}]\n");
  ASSERT_THAT(project.tests, SizeIs(2));
  EXPECT_EQ(project.tests[1].name, "c");
}

TEST_F(ProjectTest, ADiskGuestWithFilesInAndOut) {
  put("data/input", "");
  const auto project = good(
      "[module]\nbuild = \"guest\"\n[machine]\nguest = \"disk\"\n"
      "[[test]]\nname = \"a\"\nrun = \"b\"\nguest = \"disk\"\n"
      "files = [\"data\", \"./data/input\"]\ncollect = [\"/root/out/../results\"]\n");
  EXPECT_EQ(project.guest, GuestKind::disk);
  EXPECT_EQ(project.build, BuildWhere::guest);
  ASSERT_THAT(project.tests, SizeIs(1));
  EXPECT_EQ(project.tests[0].guest, GuestKind::disk);
  EXPECT_THAT(project.tests[0].files, ElementsAre("data", "data/input"));
  EXPECT_THAT(project.tests[0].collect, ElementsAre("/root/results"));
  EXPECT_GE(machine_memory(project), std::uint64_t{1} << 30);
  EXPECT_GT(machine_boot_limit(project), project.boot_limit);

  const auto small = good("[limits]\nmemory = \"96M\"\n");
  EXPECT_EQ(small.guest, GuestKind::initramfs);
  EXPECT_EQ(small.build, BuildWhere::host);
  EXPECT_EQ(machine_memory(small), std::uint64_t{96} << 20);
}

TEST_F(ProjectTest, TwoTestsMayUseOneProgram) {
  put("p.c", "");
  const auto project = good(
      "test = [{name = \"a\", run = \"p\", programs = [\"p.c\"]},\n"
      "{name = \"b\", run = \"p\", programs = [\"./p.c\"]}]\n");
  ASSERT_THAT(project.tests, SizeIs(2));
  EXPECT_EQ(project.tests[0].programs, project.tests[1].programs);
}

// The manual's examples are read as a user would paste them, below a [[test]] where they are a
// part of one.
TEST_F(ProjectTest, TheManualsExamplesAreGood) {
  const auto manual = read_file(KOBOX_SOURCE_DIR "/docs/kobox.toml.md").value();
  put("driver/Kbuild", "");
  put("tests/stress.c", "");
  constexpr std::string_view k_begin = "```toml\n";
  int examples = 0;
  for (auto at = manual.find(k_begin); at != std::string::npos; at = manual.find(k_begin, at)) {
    at += k_begin.size();
    auto example = manual.substr(at, manual.find("```", at) - at);
    if (!example.starts_with('[')) example = "[[test]]\nname = \"a\"\nrun = \"b\"\n" + example;
    good(example);
    ++examples;
  }
  EXPECT_EQ(examples, 10);
}

}  // namespace
}  // namespace kobox
