// SPDX-License-Identifier: GPL-2.0-or-later
// Every renderer against its golden file in tests/data/golden; KOBOX_UPDATE_GOLDEN=1 rewrites them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <pugixml.hpp>

#include "report/render.h"

namespace kobox {
namespace {

namespace fs = std::filesystem;

void expect_golden(const std::string& name, const std::string& text) {
  const auto path = fs::path(KOBOX_SOURCE_DIR) / "tests/data/golden" / name;
  if (std::getenv("KOBOX_UPDATE_GOLDEN") != nullptr) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  std::stringstream golden;
  golden << std::ifstream(path, std::ios::binary).rdbuf();
  EXPECT_EQ(text, golden.str()) << path << " (KOBOX_UPDATE_GOLDEN=1 rewrites it)";
}

Failure oops() {
  return {
      .kind = FailureKind::oops,
      .message = "BUG: kernel NULL pointer dereference, address: 0000000000000008",
      .function = "dev_write",
      .file = "qemu_exercise.c",
      .line = 84,
      .source = "\tmemcpy(message->text, buffer, length);",
      .log = {"QEMU Exercise: Device has been opened",
              "BUG: kernel NULL pointer dereference, address: 0000000000000008",
              "#PF: supervisor write access in kernel mode", "Oops: 0002 [#1] PREEMPT SMP NOPTI",
              "RIP: 0010:dev_write+0x12/0x90 [qemu_exercise]", "Call Trace:", " <TASK>",
              " vfs_write+0xc8/0x3c0", " </TASK>", "---[ end trace 0000000000000000 ]---"},
      .reproduce = "kobox test --kernel 6.1-cloud --filter '^takes a message$'",
      .console = "/home/a/.local/state/kobox/runs/7/console.log"};
}

RunResult mixed_run() {
  RunResult run{.kernel = "6.1.0-56-cloud-amd64",
                .arch = "x86_64",
                .accel = "tcg",
                .accel_reason = "/dev/kvm does not boot this kernel"};
  run.tests = {
      {.name = "greets its first reader", .seconds = 0.21},
      {.name = "takes a message", .verdict = Verdict::fail, .seconds = 0.3475, .failure = oops()},
      {.name = "eight writers against eight readers",
       .seconds = 12.25,
       .note = "run from a fresh boot"},
      {.name = "stress", .verdict = Verdict::skip, .skip_reason = "kernels = \">=6.12\""},
      {.name = "waits for ever",
       .verdict = Verdict::fail,
       .seconds = 125.0,
       .failure = Failure{.kind = FailureKind::hang, .message = "not ended after 2 min 5 s"}}};
  settle(run);
  return run;
}

Report passing() {
  Report report{.module = "qemu_exercise"};
  auto run = mixed_run();
  std::erase_if(run.tests, [](const auto& test) { return test.failure.has_value(); });
  settle(run);
  run.modules = {"helper", "qemu_exercise"};
  report.runs = {run};
  settle(report);
  return report;
}

// Everything at once: a run with all verdicts, one that did not build, one that did not boot, and
// one whose every string is hostile.
Report everything() {
  Report report{.module = "qemu_exercise"};
  report.runs.push_back(mixed_run());
  report.runs.push_back({.kernel = "6.12.117+deb12-cloud-amd64",
                         .arch = "x86_64",
                         .failure = Failure{.kind = FailureKind::build,
                                            .message = "'class_create' undeclared",
                                            .file = "qemu_exercise.c",
                                            .line = 12,
                                            .source = "  c = class_create(\"qemu\");",
                                            .log = {"qemu_exercise.c:12:7: error: …"},
                                            .reproduce = "kobox build --kernel 6.12-cloud"}});
  report.runs.push_back(
      {.kernel = "7.3.4",
       .arch = "x86_64",
       .accel = "kvm",
       .accel_reason = "asked for",
       .failure = Failure{.kind = FailureKind::boot, .message = "no word from the agent in 60 s"}});
  const std::string evil = "a\x1b[31m#b\xff\x01\n<c>&\"]]>\xef\xbf\xbf\xc2\x9b";
  RunResult hostile{.kernel = "6.1", .arch = "x86_64", .accel = "tcg", .accel_reason = evil};
  hostile.tests = {{.name = evil,
                    .verdict = Verdict::fail,
                    .seconds = 1,
                    .failure = Failure{.kind = FailureKind::assertion,
                                       .message = evil,
                                       .function = evil,
                                       .file = evil,
                                       .line = 1,
                                       .source = evil,
                                       .log = {evil, ""},
                                       .reproduce = evil,
                                       .console = evil}},
                   {.name = evil, .verdict = Verdict::skip, .skip_reason = evil},
                   {.name = "agent gone",
                    .verdict = Verdict::error,
                    .failure = Failure{.kind = FailureKind::environment, .message = evil}}};
  report.runs.push_back(hostile);
  for (auto& run : report.runs) settle(run);
  settle(report);
  return report;
}

// A module that builds for 6.1 only, and one that builds for nothing that is there.
Report two_that_do_not_build() {
  const ApiChange change{
      .name = "class_create",
      .summary = "class_create() takes one argument from 6.12 on, two until 6.1",
      .here = Declaration{.kernel = "6.12.117+deb12-cloud-amd64",
                          .file = "include/linux/device/class.h",
                          .line = 228,
                          .text = "struct class * __must_check class_create(const char *name);"},
      .there = Declaration{.kernel = "6.1.0-56-cloud-amd64",
                           .file = "include/linux/device/class.h",
                           .line = 273,
                           .text = "#define class_create(owner, name)\t\t\\\n({\t\t\t\\\n"
                                   "\tstatic struct lock_class_key __key;\t\\\n})"}};
  const Failure failure{.kind = FailureKind::build,
                        .message = "too many arguments to function 'class_create'",
                        .file = "m.c",
                        .line = 6,
                        .source = "\tc = class_create(THIS_MODULE, \"m\");",
                        .api_change = change};
  Report report{.module = "m"};
  for (const char* kernel : {"6.12.117+deb12-cloud-amd64", "7.3.4+deb13-cloud-amd64"})
    report.runs.push_back({.kernel = kernel, .arch = "x86_64", .failure = failure});
  Failure other{.kind = FailureKind::build, .message = "linux/genhd.h: No such file or directory"};
  other.api_change = ApiChange{
      .name = "linux/genhd.h",
      .there = Declaration{.kernel = "5.10", .file = "include/linux/genhd.h"},
      .advice = "add --kernel 6.1 to see what the headers of another kernel say of linux/genhd.h"};
  report.runs.push_back({.kernel = "5.10.0", .arch = "x86_64", .failure = other});
  for (auto& run : report.runs) settle(run);
  settle(report);
  return report;
}

TEST(Report, WhyAModuleDoesNotBuild) {
  const auto report = two_that_do_not_build();
  expect_golden("api-change.txt", render_terminal(report, Color::off));
  expect_golden("api-change-live.txt", render_api_changes(report, Color::off));
  expect_golden("api-change.json", render_json(report));
  expect_golden("api-change.xml", render_junit(report));
  expect_golden("api-change.ktap", render_ktap(report));
  EXPECT_EQ(render_api_changes(passing(), Color::off), "");
}

TEST(Report, NothingFromAHeaderDrivesTheTerminal) {
  const std::string evil = "a\x1b[31m\xff\x01\n\xc2\x9b";
  const Declaration declaration{.kernel = evil, .file = evil, .line = 1, .text = evil};
  auto report = two_that_do_not_build();
  report.runs[0].failure->api_change = ApiChange{
      .name = evil, .summary = evil, .here = declaration, .there = declaration, .advice = evil};
  for (const auto& text : {render_terminal(report, Color::off), render_ktap(report),
                           render_junit(report), render_api_changes(report, Color::off)}) {
    EXPECT_EQ(text.find('\x1b'), text.npos);
    EXPECT_EQ(text.find("\xc2\x9b"), text.npos);
  }
  EXPECT_THAT(render_json(report), testing::HasSubstr("\\u001b"));
}

TEST(Report, Json) {
  expect_golden("report.json", render_json(everything()));
  expect_golden("report-passing.json", render_json(passing()));
  Report nothing;
  settle(nothing);
  expect_golden("report-empty.json", render_json(nothing));
}

TEST(Report, JUnit) {
  const auto text = render_junit(everything());
  expect_golden("report.xml", text);
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(text.c_str()));
  const auto root = document.child("testsuites");
  EXPECT_EQ(root.select_nodes("//testcase").size(), root.attribute("tests").as_uint());
  EXPECT_EQ(root.select_nodes("//failure").size(), root.attribute("failures").as_uint());
  EXPECT_EQ(root.select_nodes("//error").size(), root.attribute("errors").as_uint());
  EXPECT_EQ(root.select_nodes("//skipped").size(), root.attribute("skipped").as_uint());
}

TEST(Report, Ktap) { expect_golden("report.ktap", render_ktap(everything())); }

TEST(Report, Html) {
  const auto console = [](const std::string&) { return std::string("[    0.1] the <console>\n"); };
  expect_golden("report.html", render_html(everything(), console));
}

TEST(Report, Markdown) { expect_golden("report.md", render_markdown(everything())); }

TEST(Report, Terminal) {
  expect_golden("report.txt", render_terminal(everything(), Color::off));
  expect_golden("report-color.txt", render_terminal(everything(), Color::on));
  expect_golden("report-passing.txt", render_terminal(passing(), Color::off));
  EXPECT_EQ(render_terminal({}, Color::off), "nothing was run\n");
}

TEST(Report, NothingFromTheGuestDrivesTheTerminal) {
  for (const auto& text :
       {render_terminal(everything(), Color::off), render_ktap(everything()),
        render_junit(everything()), render_html(everything(), {}), render_markdown(everything())}) {
    for (const char c : text)
      EXPECT_TRUE(c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20);
    EXPECT_EQ(text.find("\xc2\x9b"), text.npos);
  }
}

TEST(Report, APieceIsALine) {
  EXPECT_EQ(render_test_line({.name = "greets", .seconds = 0.21}, Color::off),
            "  pass       0.21 s  greets\n");
  EXPECT_EQ(render_run_header({.kernel = "6.1", .accel = "tcg"}, Color::off), "6.1 (tcg)\n");
}

TEST(Report, ALongLogIsCutOnTheTerminalOnly) {
  auto report = passing();
  Failure failure{.kind = FailureKind::oops, .message = "x"};
  for (int i = 0; i < 100; ++i) failure.log.push_back("line " + std::to_string(i));
  report.runs[0].tests[0].verdict = Verdict::fail;
  report.runs[0].tests[0].failure = failure;
  EXPECT_THAT(render_terminal(report, Color::off), testing::HasSubstr("(68 more lines)"));
  EXPECT_THAT(render_json(report), testing::HasSubstr("line 99"));
}

}  // namespace
}  // namespace kobox
