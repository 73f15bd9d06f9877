// SPDX-License-Identifier: GPL-2.0-or-later
// The [[test]] tables of kobox.toml.
#include <algorithm>
#include <map>

#include "base/files.h"
#include "base/regex.h"
#include "base/text.h"
#include "kernel/selector.h"
#include "project/project_toml.h"

namespace kobox {
namespace {

// More is a mistake; RE2 itself would take it.
constexpr std::size_t k_longest_regex = 1000;
constexpr std::size_t k_longest_name = 200;

// Where a matcher's text is looked for decides what a plain string means.
enum class Haystack { whole_output, log_line };

Result<TextMatcher> checked(const TomlTable& table, TextMatcher matcher, TomlPlace place,
                            Haystack haystack) {
  const bool exact = matcher.kind == TextMatcher::Kind::exact;
  if (matcher.text.empty() && !exact) return table.error(place, "an empty text matches everything");
  if (haystack == Haystack::log_line && matcher.kind != TextMatcher::Kind::matches &&
      matcher.text.find('\n') != std::string::npos)
    return table.error(place, "a line of the kernel's log never holds a line break");
  if (matcher.kind != TextMatcher::Kind::matches) return matcher;
  if (matcher.text.size() > k_longest_regex)
    return table.error(place, fmt::format("a regular expression of {} bytes; at most {} are taken",
                                          matcher.text.size(), k_longest_regex));
  const auto compiled = Regex::compile(matcher.text);
  if (!compiled) return table.error(place, printable(compiled.error().message()));
  return matcher;
}

// "text", { contains = "text" } or { matches = "regex" }
Result<TextMatcher> read_matcher(const TomlTable& table, std::string_view key,
                                 const toml::node& node, Haystack haystack) {
  using Kind = TextMatcher::Kind;
  const auto place = TomlTable::place_of(node);
  if (const auto* text = node.as_string()) {
    const auto kind = haystack == Haystack::log_line ? Kind::contains : Kind::exact;
    return checked(table, {kind, text->get()}, place, haystack);
  }
  constexpr std::string_view k_expected = "a string, { contains = \"…\" } or { matches = \"…\" }";
  if (!node.is_table()) return table.wrong_type(key, k_expected, node);
  const auto inner = table.inner(*node.as_table(), fmt::format("'{}'", key));
  KOBOX_CHECK(inner.only({"contains", "matches"}));
  KOBOX_TRY(auto contains, inner.string("contains", "a string"));
  KOBOX_TRY(auto matches, inner.string("matches", "a string"));
  if (contains.has_value() == matches.has_value())
    return table.error(place, fmt::format("'{}' needs one of 'contains' and 'matches'", key));
  if (contains) return checked(inner, {Kind::contains, contains->value}, contains->place, haystack);
  return checked(inner, {Kind::matches, matches->value}, matches->place, haystack);
}

Result<std::optional<TextMatcher>> read_output(const TomlTable& table, std::string_view key) {
  const auto* node = table.node(key);
  if (node == nullptr) return std::nullopt;
  return read_matcher(table, key, *node, Haystack::whole_output);
}

Result<std::vector<TextMatcher>> read_log(const TomlTable& table, std::string_view key) {
  std::vector<TextMatcher> matchers;
  const auto* node = table.node(key);
  if (node == nullptr) return matchers;
  const auto* array = node->as_array();
  if (array == nullptr) return table.wrong_type(key, "an array", *node);
  for (const auto& element : *array) {
    KOBOX_TRY(auto matcher, read_matcher(table, key, element, Haystack::log_line));
    matchers.push_back(std::move(matcher));
  }
  return matchers;
}

Result<std::vector<std::string>> read_programs(const TomlTable& table, const fs::path& directory) {
  std::vector<std::string> programs;
  KOBOX_TRY(auto found, table.strings("programs", "an array of C files' paths"));
  if (!found) return programs;
  std::error_code error;
  const auto root = fs::canonical(directory, error);
  for (const auto& [text, place] : found->value) {
    if (fs::path(text).extension() != ".c")
      return table.error(place, fmt::format("the program '{}' is no C file (.c)", printable(text)));
    const auto path = fs::canonical(directory / text, error);
    if (error || !fs::is_regular_file(path, error))
      return table.error(
          place,
          fmt::format("there is no program '{}' in the directory of kobox.toml", printable(text)));
    if (*path.lexically_relative(root).begin() == "..")
      return table.error(place, fmt::format("the program '{}' lies outside of the directory of "
                                            "kobox.toml",
                                            printable(text)));
    programs.push_back(fs::path(text).lexically_normal().string());
  }
  return programs;
}

// A number is "exactly"; text is a number or ">=" and a number. Returned without spaces.
Result<std::string> read_hits(const TomlTable& table) {
  const auto* node = table.node("hits");
  if (node == nullptr) return "";
  if (const auto* number = node->as_integer(); number != nullptr && number->get() >= 0)
    return std::to_string(number->get());
  if (const auto* text = node->as_string()) {
    static const auto pattern = Regex::compile(R"(\s*(>=)?\s*(\d{1,9})\s*)").value();
    if (const auto parts = pattern.match(text->get()))
      return fmt::format("{}{}", (*parts)[1], (*parts)[2]);
  } else if (!node->is_integer()) {
    return table.wrong_type("hits", "a number or a string such as \">=1\"", *node);
  }
  return table.error(TomlTable::place_of(*node),
                     "'hits' must be a number that is not negative, or one after '>=': 2, \">=1\"");
}

// A function ("dev_read", "dev_read.cold") or a line ("qemu_exercise.c:84").
bool is_code_place(const std::string& text) {
  static const auto pattern =
      Regex::compile(R"([A-Za-z_][A-Za-z0-9_.]*|[A-Za-z0-9_./+-]+:[1-9]\d{0,6})").value();
  return text.size() <= 500 && pattern.match(text);
}

Result<BreakpointSpec> read_breakpoint(const TomlTable& table) {
  KOBOX_CHECK(table.only({"at", "hits", "expect", "backtrace", "step"}));
  BreakpointSpec breakpoint;
  KOBOX_TRY(auto at, table.string("at", "a function or file:line"));
  if (!at) return table.error(table.place(), table.name() + " needs 'at'");
  if (!is_code_place(at->value))
    return table.error(
        at->place, fmt::format("'{}' is neither a function nor file:line", printable(at->value)));
  breakpoint.at = at->value;
  KOBOX_TRY(breakpoint.hits, read_hits(table));

  KOBOX_TRY(auto expect, table.table("expect", "'expect' of " + table.name()));
  if (expect) {
    for (const auto& [expression, node] : expect->entries()) {
      KOBOX_TRY(auto printed, expect->string(expression, "what GDB prints, in a string"));
      if (trim(expression).empty()) return expect->error(printed->place, "an empty expression");
      breakpoint.expect.emplace_back(expression, printed->value);
    }
  }
  KOBOX_TRY(auto backtrace, table.strings("backtrace", "an array of functions' names"));
  if (backtrace) {
    for (const auto& [function, place] : backtrace->value) {
      if (!is_code_place(function) || function.find(':') != std::string::npos)
        return table.error(place, fmt::format("'{}' is no function's name", printable(function)));
      breakpoint.backtrace.push_back(function);
    }
  }
  KOBOX_TRY(auto step, table.strings("step", "an array of functions' names and file:line"));
  if (step) {
    for (const auto& [stop, place] : step->value) {
      if (!is_code_place(stop))
        return table.error(
            place, fmt::format("'{}' is neither a function nor file:line", printable(stop)));
      breakpoint.step.push_back(stop);
    }
  }
  if (breakpoint.hits == "0" &&
      !(breakpoint.expect.empty() && breakpoint.backtrace.empty() && breakpoint.step.empty()))
    return table.error(table.place(),
                       "a breakpoint with 'hits = 0' has no hit to look at with 'expect', "
                       "'backtrace' or 'step'");
  return breakpoint;
}

// Files and directories of the project that go into the guest.
Result<std::vector<std::string>> read_files(const TomlTable& table, const fs::path& directory) {
  std::vector<std::string> files;
  KOBOX_TRY(auto found, table.strings("files", "an array of paths, such as [\"data\"]"));
  if (!found) return files;
  for (const auto& [text, place] : found->value) {
    const auto path = fs::path(text).lexically_normal();
    std::error_code ignored;
    if (text.empty() || path.is_absolute() || path.begin()->string() == ".." ||
        has_control_characters(text))
      return table.error(
          place,
          fmt::format("'{}' of files is no path below the project's directory", printable(text)));
    if (!fs::exists(directory / path, ignored))
      return table.error(place, fmt::format("'{}' of files does not exist", text));
    files.push_back(path.string());
  }
  return files;
}

// What is brought out of the guest.
Result<std::vector<std::string>> read_collect(const TomlTable& table) {
  std::vector<std::string> paths;
  KOBOX_TRY(auto found, table.strings("collect", "an array of paths in the guest"));
  if (!found) return paths;
  for (const auto& [text, place] : found->value) {
    const auto path = fs::path(text).lexically_normal();
    if (!path.is_absolute() || path == "/" || has_control_characters(text))
      return table.error(place,
                         fmt::format("'{}' of collect: write an absolute path of the guest's, "
                                     "such as \"/root/results\"",
                                     printable(text)));
    paths.push_back(path.string());
  }
  return paths;
}

Result<> read_conditions(const TomlTable& table, TestSpec& test) {
  KOBOX_TRY(auto status, table.integer("status", "a whole number"));
  if (status && (status->value < 0 || status->value > 255))
    return table.error(status->place,
                       fmt::format("status {}: an exit status is 0 to 255", status->value));
  if (status) test.status = static_cast<int>(status->value);
  KOBOX_TRY(test.timeout, read_duration(table, "timeout"));

  KOBOX_TRY(auto guest, table.string("guest", "\"initramfs\" or \"disk\""));
  if (guest) {
    const auto kind = parse_guest(guest->value);
    if (!kind) return table.error(guest->place, kind.error().message());
    test.guest = *kind;
  }
  KOBOX_TRY(auto kernels, table.string("kernels", "a condition such as \">=6.1\""));
  if (!kernels) return {};
  // Any release will do: whether the condition can be read is the question.
  if (const auto read = release_satisfies("6.1.0", kernels->value); !read)
    return table.error(kernels->place, read.error().message());
  test.kernels = kernels->value;
  return {};
}

// "[[test]]" → "[[test.breakpoint]]"
std::string breakpoint_table(const TomlTable& table) {
  return table.name().substr(0, table.name().find(']')) + ".breakpoint]]";
}

Result<TestSpec> read_test(const TomlTable& table, const fs::path& directory,
                           const std::vector<std::string_view>& more) {
  std::vector<std::string_view> known = {"name",    "run",        "status",        "stdout",
                                         "stderr",  "kernel_log", "no_kernel_log", "timeout",
                                         "kernels", "programs",   "breakpoint",    "guest",
                                         "files",   "collect",    "needs"};
  known.insert(known.end(), more.begin(), more.end());
  KOBOX_CHECK(table.only(known));
  TestSpec test;
  KOBOX_CHECK(read_name_and_run(table, test));
  KOBOX_CHECK(read_conditions(table, test));
  KOBOX_TRY(test.standard_output, read_output(table, "stdout"));
  KOBOX_TRY(test.standard_error, read_output(table, "stderr"));
  KOBOX_TRY(test.kernel_log, read_log(table, "kernel_log"));
  KOBOX_TRY(test.no_kernel_log, read_log(table, "no_kernel_log"));
  KOBOX_TRY(test.programs, read_programs(table, directory));
  KOBOX_TRY(test.needs, read_needs(table, directory, {directory}));
  KOBOX_TRY(test.files, read_files(table, directory));
  KOBOX_TRY(test.collect, read_collect(table));
  KOBOX_TRY(auto breakpoints, table.tables("breakpoint", breakpoint_table(table)));
  for (const auto& one : breakpoints) {
    KOBOX_TRY(auto breakpoint, read_breakpoint(one));
    test.breakpoints.push_back(std::move(breakpoint));
  }
  return test;
}

}  // namespace

Result<> read_name_and_run(const TomlTable& table, TestSpec& test) {
  KOBOX_TRY(auto name, table.string("name", "a string"));
  if (!name) return table.error(table.place(), table.name() + " needs a name");
  if (trim(name->value).empty()) return table.error(name->place, "a test's name is empty");
  if (has_control_characters(name->value) || name->value.size() > k_longest_name)
    return table.error(name->place,
                       fmt::format("a test's name has at most {} bytes and no control characters",
                                   k_longest_name));
  test.name = name->value;
  KOBOX_TRY(auto run, table.string("run", "a shell command"));
  if (!run) return table.error(table.place(), fmt::format("the test '{}' needs 'run'", test.name));
  if (trim(run->value).empty() || run->value.find('\0') != std::string::npos)
    return table.error(run->place, fmt::format("'run' in {} is no shell command", table.name()));
  test.run = run->value;
  return {};
}

Result<std::vector<TestSpec>> read_tests(const TomlTable& file, std::string_view key,
                                         const fs::path& directory,
                                         const std::vector<std::string_view>& more) {
  std::vector<TestSpec> tests;
  std::map<std::string, unsigned> lines;               // of the tests' names
  std::map<std::string, std::string> program_sources;  // by the program's name in the guest
  KOBOX_TRY(auto tables, file.tables(key, fmt::format("[[{}]]", key)));
  for (const auto& table : tables) {
    KOBOX_TRY(auto test, read_test(table, directory, more));
    const auto place = TomlTable::place_of(*table.node("name"));
    const auto [known, is_new] = lines.emplace(test.name, place.line);
    if (!is_new)
      return table.error(place, fmt::format("a second test is named '{}'; the first is in line {}",
                                            test.name, known->second));
    for (const auto& program : test.programs) {
      const fs::path path = program;
      const auto [other, added] = program_sources.emplace(path.stem(), path);
      if (!added && other->second != path)
        return table.error(TomlTable::place_of(*table.node("programs")),
                           fmt::format("'{}' and '{}' would both be '{}' in the guest",
                                       other->second, path.string(), path.stem().string()));
    }
    tests.push_back(std::move(test));
  }
  return tests;
}

}  // namespace kobox
