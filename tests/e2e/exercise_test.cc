// SPDX-License-Identifier: GPL-2.0-or-later
// The exercise, from source to verdict on real kernels, in every format.
#include <fmt/format.h>

#include <set>

#include <pugixml.hpp>

#include "base/regex.h"
#include "base/text.h"
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

const fs::path k_exercise = source_directory() / "modules/qemu_exercise";

// The names of the tests as they stand in kobox.toml.
std::vector<std::string> names_in_file() {
  const auto text = slurp(k_exercise / "kobox.toml");
  const auto line = Regex::compile(R"re(\[\[test\]\]\nname = "([^"]*)")re").value();
  std::vector<std::string> names;
  for (const auto& parts : line.find_all(text)) names.emplace_back(parts[1]);
  return names;
}

std::vector<std::string> names_in(const nlohmann::json& run) {
  std::vector<std::string> names;
  for (const auto& test : run["tests"]) names.push_back(test["name"]);
  return names;
}

class ExerciseTest : public KoboxTest {
 protected:
  Arguments exercise(const Arguments& more) { return test_arguments(k_exercise, more); }
};

class ExerciseOn : public ExerciseTest, public ::testing::WithParamInterface<const char*> {};

class ExerciseBootedOn : public ExerciseOn {};

TEST_P(ExerciseBootedOn, PassesWithABootForEachTestToo) {
  const auto done = run(exercise({"--kernel", GetParam(), "--fresh-boot"}));
  ASSERT_EQ(done.code(), 0) << done;
  const auto one = done.report()["runs"][0];
  EXPECT_EQ(names_in(one), names_in_file());
  for (const auto& test : one["tests"]) EXPECT_EQ(test["verdict"], "pass") << test;
}

TEST_P(ExerciseOn, PassesWholeAndInTheFilesOrder) {
  const auto before = listing(k_exercise);
  const auto done = run(exercise({"--kernel", GetParam()}));
  ASSERT_EQ(done.code(), 0) << done;
  const auto report = done.report();
  EXPECT_EQ(report["schema"], "kobox.report/1");
  EXPECT_EQ(report["module"], "qemu_exercise");
  EXPECT_EQ(report["verdict"], "pass");
  ASSERT_EQ(report["runs"].size(), 1U) << done;
  const auto& one = report["runs"][0];
  const bool cloud = std::string_view(GetParam()).ends_with("-cloud");
  EXPECT_EQ(one["kernel"].get<std::string>().ends_with("-cloud-amd64"), cloud) << one["kernel"];
  EXPECT_EQ(one["arch"], "x86_64");
  EXPECT_EQ(one["accel"], "tcg");
  EXPECT_THAT(one["accel_reason"].get<std::string>(), HasSubstr("--accel tcg"));
  EXPECT_EQ(one["verdict"], "pass");
  EXPECT_TRUE(one.contains("failure") && one["failure"].is_null());
  EXPECT_EQ(names_in(one), names_in_file());
  EXPECT_GT(one["tests"].size(), 20U);
  for (const auto& test : one["tests"]) {
    EXPECT_EQ(test["verdict"], "pass") << test;
    EXPECT_FALSE(test.contains("note")) << "its fork did not resume" << test;
    EXPECT_GT(test["seconds"], 0.0) << test;
    EXPECT_LT(test["seconds"], 60.0) << test;
    EXPECT_TRUE(test.contains("failure") && test["failure"].is_null()) << test;
  }
  EXPECT_EQ(listing(k_exercise), before) << "the user's directory was changed";
  EXPECT_THAT(done.error, Not(HasSubstr("\033"))) << "no progress on a pipe" << done;
  EXPECT_THAT(machines(), IsEmpty());
  EXPECT_TRUE(fs::is_empty(runs())) << "a run that passed leaves nothing";
}

INSTANTIATE_TEST_SUITE_P(Kernels, ExerciseOn, ::testing::ValuesIn(k_kernels),
                         [](const auto& one) { return name_of_parameter(one.param); });

// A minute each: the first line with modules for its drivers, and the last.
INSTANTIATE_TEST_SUITE_P(Kernels, ExerciseBootedOn, ::testing::Values("6.1-cloud", "7.3-cloud"),
                         [](const auto& one) { return name_of_parameter(one.param); });

TEST_F(ExerciseTest, ASecondRunNeitherFetchesNorBuilds) {
  // A copy, so that nobody else builds it meanwhile.
  const auto copy = directory_ / "copy";
  fs::copy(k_exercise, copy, fs::copy_options::recursive);
  const auto built = run({"build", copy.string(), "--kernel", "6.1-cloud"});
  ASSERT_EQ(built.code(), 0) << built;
  EXPECT_THAT(built.output, ContainsRegex("^6\\.1\\.0-[0-9]+-cloud-amd64  built  /.*\\.ko\n$"));
  const fs::path ko = trim(built.output.substr(built.output.rfind(' ') + 1));
  ASSERT_TRUE(fs::exists(ko)) << built;
  const auto when = fs::last_write_time(ko);

  const auto again = run({"build", copy.string(), "--kernel", "6.1-cloud", "--offline"});
  EXPECT_EQ(again.code(), 0) << again;
  EXPECT_THAT(again.output, HasSubstr("  unchanged  " + ko.string()));
  // Without make, a compiler is not even asked for the module.
  const auto tested = test(copy, {"--filter", "greets", "--offline"});
  EXPECT_EQ(tested.code(), 0) << tested;
  EXPECT_THAT(tested.error, Not(HasSubstr("fetching")));
  EXPECT_EQ(fs::last_write_time(ko), when);

  spit(copy / "qemu_exercise.c", slurp(copy / "qemu_exercise.c") + "/* changed */\n");
  const auto changed = run({"build", copy.string(), "--kernel", "6.1-cloud"});
  EXPECT_EQ(changed.code(), 0) << changed;
  EXPECT_THAT(changed.output, HasSubstr("  built  "));
}

TEST_F(ExerciseTest, FreshBootStartsAMachineForEveryTest) {
  const auto place =
      project("[[test]]\nname = \"a\"\nrun = \"true\"\n[[test]]\nname = \"b\"\nrun = \"true\"\n");
  count_machines();
  EXPECT_EQ(test(place, {"--fresh-boot"}).code(), 0);
  EXPECT_EQ(starts().boots, 2);
  EXPECT_EQ(test(place).code(), 0);
  starts();  // a machine may have had to be saved
  EXPECT_EQ(test(place).code(), 0);
  EXPECT_EQ(starts().boots, 0);
}

TEST_F(ExerciseTest, FilterChoosesAndMustChooseSomething) {
  const auto chosen = run(exercise({"--fresh-boot", "--filter", "^greets|binary"}));
  EXPECT_EQ(chosen.code(), 0) << chosen;
  EXPECT_EQ(names_in(chosen.report()["runs"][0]),
            (std::vector<std::string>{"greets its first reader", "is binary safe"}));

  const auto nothing = run(exercise({"--filter", "no such test"}));
  EXPECT_EQ(nothing.code(), 2) << nothing;
  EXPECT_THAT(nothing.error, HasSubstr("no test's name matches --filter 'no such test'"));
  EXPECT_THAT(nothing.error, HasSubstr("greets its first reader"));
  EXPECT_THAT(nothing.output, IsEmpty());

  const auto bad = run(exercise({"--filter", "("}));
  EXPECT_EQ(bad.code(), 2) << bad;
  EXPECT_THAT(bad.error, HasSubstr("'(' is not a regular expression"));
}

TEST_F(ExerciseTest, SeveralKernelsAreOneReportInTheOrderAskedFor) {
  const auto done = run({"test", k_exercise.string(), "--kernel", "6.12-cloud", "--kernel",
                         "6.1-cloud", "--accel", "tcg", "--format", "json", "--filter", "greets"});
  ASSERT_EQ(done.code(), 0) << done;
  const auto report = done.report();
  ASSERT_EQ(report["runs"].size(), 2U) << done;
  EXPECT_THAT(report["runs"][0]["kernel"].get<std::string>(), HasSubstr("6.12."));
  EXPECT_THAT(report["runs"][1]["kernel"].get<std::string>(), HasSubstr("6.1.0"));
}

TEST_F(ExerciseTest, MatrixRunsOnEveryKernelOfTheFile) {
  const auto done = run({"test", k_exercise.string(), "--matrix", "--accel", "tcg", "--format",
                         "json", "--filter", "greets", "--offline"});
  ASSERT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.report()["runs"].size(), 5U) << done;
}

TEST_F(ExerciseTest, JunitIsWhatReadersOfItExpect) {
  const auto done = run(exercise({"--format", "junit", "--filter", "read"}));
  ASSERT_EQ(done.code(), 0) << done;
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(done.output.c_str())) << done;
  const auto suites = document.child("testsuites");
  const auto suite = suites.child("testsuite");
  EXPECT_EQ(std::string(suites.attribute("name").value()), "qemu_exercise");
  EXPECT_THAT(suite.attribute("name").value(), HasSubstr("cloud-amd64"));
  const auto cases = suite.select_nodes("testcase");
  EXPECT_GT(cases.size(), 3U) << done;
  EXPECT_EQ(suite.attribute("tests").as_uint(), cases.size());
  EXPECT_EQ(suite.attribute("failures").as_int(-1), 0);
  EXPECT_EQ(suite.attribute("errors").as_int(-1), 0);
  EXPECT_EQ(suite.attribute("skipped").as_int(-1), 0);
  for (const auto& one : cases) {
    EXPECT_THAT(one.node().attribute("name").value(), HasSubstr("read"));
    EXPECT_THAT(one.node().attribute("classname").value(), testing::StartsWith("qemu_exercise."));
    EXPECT_GT(one.node().attribute("time").as_double(), 0.0);
    EXPECT_FALSE(one.node().child("failure"));
  }
}

TEST_F(ExerciseTest, KtapHasItsPlansAndNumbers) {
  const auto done = run(exercise({"--format", "ktap", "--filter", "read"}));
  ASSERT_EQ(done.code(), 0) << done;
  std::vector<std::string> lines;
  for (const auto line : lines_of(done.output)) lines.emplace_back(line);
  ASSERT_GT(lines.size(), 8U) << done;
  EXPECT_EQ(lines[0], "KTAP version 1");
  EXPECT_EQ(lines[1], "1..1");
  EXPECT_EQ(lines[2], "  KTAP version 1");
  EXPECT_THAT(lines[3], testing::StartsWith("  # Subtest: 6.1.0-"));
  const auto count = lines.size() - 6;
  EXPECT_EQ(lines[4], fmt::format("  1..{}", count));
  for (std::size_t i = 1; i <= count; ++i)
    EXPECT_THAT(lines[4 + i], testing::StartsWith(fmt::format("  ok {} ", i)));
  EXPECT_THAT(lines.back(), testing::StartsWith("ok 1 6.1.0-"));
}

TEST_F(ExerciseTest, DryRunPrintsTheCommandsAndRunsNothing) {
  const auto place = module_project("never_built", "#error never\n");
  const auto done = run({"test", place.string(), "--kernel", "6.1-cloud", "--dry-run"});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, ContainsRegex("(^|\n)make -C /[^\n]* M=/[^\n]* modules\n"));
  EXPECT_THAT(done.output, ContainsRegex("\n[^\n]*qemu-system-x86_64 [^\n]*-kernel [^\n]*\n$"));
  const auto copy = Regex::compile(" M=([^ ]*)").value().find(done.output);
  ASSERT_TRUE(copy);
  EXPECT_FALSE(fs::exists((*copy)[1])) << "a build was begun";
  EXPECT_FALSE(fs::exists(runs())) << "a machine was begun";
}

}  // namespace
}  // namespace kobox::e2e
