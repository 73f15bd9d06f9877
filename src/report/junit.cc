// SPDX-License-Identifier: GPL-2.0-or-later
// The dialect is what Jenkins' junit-plugin, GitHub's and GitLab's reporters have in common:
// testsuites > testsuite > testcase > failure | error | skipped | system-out.
#include <algorithm>
#include <sstream>

#include <pugixml.hpp>

#include "base/text.h"
#include "report/guest_text.h"
#include "report/render.h"

namespace kobox {
namespace {

// XML 1.0 has no way to write control characters, nor U+FFFE and U+FFFF.
std::string xml_text(std::string_view text) {
  auto clean = printable(text);
  for (const std::string_view banned : {"\xef\xbf\xbe", "\xef\xbf\xbf"}) {
    for (auto at = clean.find(banned); at != clean.npos; at = clean.find(banned, at))
      clean.erase(at, banned.size());
  }
  return clean;
}

void set(pugi::xml_node node, const char* name, std::string_view value) {
  node.append_attribute(name).set_value(xml_text(value).c_str());
}

void set_seconds(pugi::xml_node node, double seconds) {
  set(node, "time", fmt::format("{:.3f}", seconds));
}

void set_counts(pugi::xml_node node, const Counts& counts) {
  set(node, "tests", std::to_string(counts.total()));
  set(node, "failures", std::to_string(counts.failed));
  set(node, "errors", std::to_string(counts.errors));
  set(node, "skipped", std::to_string(counts.skipped));
  set_seconds(node, counts.seconds);
}

void add_property(pugi::xml_node properties, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  auto property = properties.append_child("property");
  set(property, "name", name);
  set(property, "value", value);
}

void add_failure(pugi::xml_node testcase, Verdict verdict, const Failure& failure) {
  auto node = testcase.append_child(verdict == Verdict::error ? "error" : "failure");
  set(node, "message", one_line(failure.message));
  set(node, "type", to_string(failure.kind));
  std::string body = failure_headline(failure) + "\n";
  if (const auto place = failure_place(failure); !place.empty()) body += "in " + place + "\n";
  if (!failure.source.empty()) body += "    " + std::string(trim(failure.source)) + "\n";
  if (failure.api_change) body += join(api_change_lines(*failure.api_change), "\n") + "\n";
  if (!failure.console.empty()) body += "console: " + failure.console + "\n";
  if (!failure.reproduce.empty()) body += "repeat: " + failure.reproduce + "\n";
  node.text().set(xml_text(body).c_str());
  if (failure.log.empty()) return;
  testcase.append_child("system-out").text().set(xml_text(join(failure.log, "\n") + "\n").c_str());
}

void add_testcase(pugi::xml_node suite, const TestResult& test, std::string_view classname) {
  auto node = suite.append_child("testcase");
  set(node, "name", one_line(test.name));
  set(node, "classname", classname);
  if (test.failure && !test.failure->file.empty()) {
    set(node, "file", test.failure->file);
    if (test.failure->line > 0) set(node, "line", std::to_string(test.failure->line));
  }
  set_seconds(node, test.seconds);
  if (test.verdict == Verdict::skip)
    set(node.append_child("skipped"), "message", one_line(test.skip_reason));
  else if (test.verdict != Verdict::pass)
    add_failure(node, test.verdict, test.failure.value_or(Failure{}));
  if (!test.note.empty())
    node.append_child("system-err").text().set(xml_text(test.note + "\n").c_str());
}

void add_suite(pugi::xml_node root, const std::string& module, const RunResult& run) {
  const auto tests = tests_of(run);
  auto suite = root.append_child("testsuite");
  set(suite, "name", run.kernel);
  set_counts(suite, count(tests));
  auto properties = suite.append_child("properties");
  add_property(properties, "kernel", run.kernel);
  add_property(properties, "arch", run.arch);
  add_property(properties, "accel", run.accel);
  add_property(properties, "accel_reason", run.accel_reason);
  // Readers take the last dot for the border between package and class.
  auto classname = run.kernel;
  std::ranges::replace(classname, '.', '_');
  for (const auto& test : tests) add_testcase(suite, test, module + "." + classname);
}

}  // namespace

std::string render_junit(const Report& report) {
  pugi::xml_document document;
  auto declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  auto root = document.append_child("testsuites");
  set(root, "name", report.module);
  Counts counts;
  for (const auto& run : report.runs) counts.add(count(tests_of(run)));
  set_counts(root, counts);
  for (const auto& run : report.runs) add_suite(root, report.module, run);
  std::ostringstream text;
  document.save(text, "  ", pugi::format_default, pugi::encoding_utf8);
  return text.str();
}

}  // namespace kobox
