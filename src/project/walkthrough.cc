// SPDX-License-Identifier: GPL-2.0-or-later
#include "project/walkthrough.h"

#include "base/files.h"
#include "base/regex.h"
#include "base/text.h"
#include "project/project_toml.h"

namespace kobox {
namespace {

constexpr const char* k_file = "walkthrough.toml";

Result<std::vector<std::string>> read_strings(const TomlTable& table, std::string_view key,
                                              std::string_view expected) {
  std::vector<std::string> texts;
  KOBOX_TRY(auto found, table.strings(key, expected));
  if (!found) return texts;
  for (auto& [text, place] : found->value) texts.push_back(std::move(text));
  return texts;
}

Result<std::vector<std::string>> read_patterns(const TomlTable& table, std::string_view key) {
  KOBOX_TRY(auto found, table.strings(key, "an array of regular expressions"));
  std::vector<std::string> patterns;
  if (!found) return patterns;
  for (auto& [text, place] : found->value) {
    if (const auto compiled = Regex::compile(text); !compiled)
      return table.error(place, printable(compiled.error().message()));
    patterns.push_back(std::move(text));
  }
  return patterns;
}

Result<TraceStep> read_trace(const TomlTable& table) {
  KOBOX_CHECK(table.only({"name", "run", "returns", "accesses", "no_accesses"}));
  TestSpec named;
  KOBOX_CHECK(read_name_and_run(table, named));
  TraceStep step{.name = std::move(named.name), .run = std::move(named.run)};
  KOBOX_TRY(step.returns, read_strings(table, "returns", "an array of functions' names"));
  KOBOX_TRY(step.accesses, read_patterns(table, "accesses"));
  KOBOX_TRY(step.no_accesses, read_patterns(table, "no_accesses"));
  return step;
}

}  // namespace

Result<Walkthrough> load_walkthrough(const fs::path& directory) {
  const auto path = (directory / k_file).lexically_normal();
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    return fail(ErrorKind::usage,
                "there is no {}: it has the steps that kobox exercise shows; `kobox test {}` runs "
                "the module's tests",
                path.string(), shell_quote(directory.string()));
  KOBOX_TRY(const auto document, parse_toml(path));
  const TomlTable file(document, path.string(), "", {1, 1});
  KOBOX_CHECK(file.only({"step", "trace"}));
  Walkthrough walkthrough;
  KOBOX_TRY(auto tests, read_tests(file, "step", fs::canonical(directory, ignored), {"show"}));
  KOBOX_TRY(const auto tables, file.tables("step", "[[step]]"));
  for (std::size_t i = 0; i < tables.size(); ++i) {
    KOBOX_TRY(auto show, read_strings(tables[i], "show", "an array of lines"));
    walkthrough.tests.push_back({std::move(tests[i]), std::move(show)});
  }
  KOBOX_TRY(const auto traces, file.tables("trace", "[[trace]]"));
  for (const auto& table : traces) {
    KOBOX_TRY(auto trace, read_trace(table));
    walkthrough.traces.push_back(std::move(trace));
  }
  if (walkthrough.tests.empty())
    return fail(ErrorKind::usage, "{}: there is no [[step]] in it", path.string());
  return walkthrough;
}

}  // namespace kobox
