// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/aliases.h"

#include <fnmatch.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/files.h"
#include "base/text.h"
#include "base/workers.h"
#include "kernel/drivers.h"

namespace kobox {
namespace {

constexpr std::string_view k_format = "module aliases 2";
constexpr std::string_view k_key = "alias=";
constexpr std::size_t k_most_threads = 8;

// As modprobe(8) does it: "-" is "_", but not in a pattern's brackets, where it makes a range.
std::string normalized(std::string_view alias) {
  std::string text(alias);
  bool in_brackets = false;
  for (auto& c : text) {
    if (c == '[') in_brackets = true;
    if (c == ']') in_brackets = false;
    if (c == '-' && !in_brackets) c = '_';
  }
  return text;
}

// Of an entry "alias=PATTERN"; "" of others. A blank or a line's end in it would break the table;
// no request has one.
std::string alias_line(std::string_view entry, std::string_view module) {
  if (!entry.starts_with(k_key) || entry.find_first_of(" \n") != std::string_view::npos) return "";
  return fmt::format("{} {}\n", normalized(entry.substr(k_key.size())), module);
}

std::string alias_lines(const std::string& name, const fs::path& path) {
  std::string lines;
  const auto info = modinfo_strings(path);
  if (!info) return lines;
  for (const auto& entry : *info) lines += alias_line(entry, name);
  return lines;
}

// Of what is built in: "MODULE.alias=PATTERN", each ended by NUL
// (Documentation/kbuild/kbuild.rst, modules.builtin.modinfo).
Result<std::string> builtin_lines(const fs::path& modules) {
  std::string lines;
  const auto file = modules / "modules.builtin.modinfo";
  std::error_code ignored;
  if (modules.empty() || !fs::exists(file, ignored)) return lines;
  KOBOX_TRY(const auto text, read_file(file));
  for (const auto& entry : split(text, '\0')) {
    const auto dot = std::min(entry.find('.'), entry.size());
    if (dot < entry.size())
      lines += alias_line(std::string_view(entry).substr(dot + 1), entry.substr(0, dot));
  }
  return lines;
}

Result<std::string> make_table(const Kernel& kernel) {
  KOBOX_TRY(const auto files, modules_of(kernel));
  const std::vector<std::pair<std::string, fs::path>> all(files.begin(), files.end());
  std::vector<std::string> lines(all.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (auto i = next++; i < all.size(); i = next++)
      lines[i] = alias_lines(all[i].first, all[i].second);
  };
  {
    const auto threads =
        std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, k_most_threads);
    Workers helpers;
    for (std::size_t i = 1; i < threads; ++i) helpers.add(work);
    work();
  }
  KOBOX_TRY(auto builtin, builtin_lines(kernel.modules));
  lines.push_back(std::move(builtin));
  return join(lines, "");
}

}  // namespace

bool alias_matches(std::string_view alias, std::string_view name) {
  return ::fnmatch(normalized(alias).c_str(), normalized(name).c_str(), 0) == 0;
}

std::vector<std::string> modules_with_alias(std::string_view table, std::string_view name) {
  std::vector<std::string> modules;
  const auto wanted = normalized(name);
  for (const auto line : lines_of(table)) {
    const auto blank = line.rfind(' ');
    if (blank == std::string_view::npos) continue;
    const std::string pattern(line.substr(0, blank));
    if (::fnmatch(pattern.c_str(), wanted.c_str(), 0) != 0) continue;
    std::string module(line.substr(blank + 1));
    if (std::ranges::find(modules, module) == modules.end()) modules.push_back(std::move(module));
  }
  return modules;
}

Result<fs::path> ensure_module_aliases(const Kernel& kernel, const fs::path& cache) {
  Digest digest;
  digest.add(k_format).add(kernel.identity);
  const auto path = cache / "guests" / (digest.hex() + ".aliases");
  std::error_code ignored;
  if (fs::exists(path, ignored)) {
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // for cache prune
    return path;
  }
  KOBOX_TRY_WHILE("reading the aliases of the kernel's modules", const auto table,
                  make_table(kernel));
  KOBOX_CHECK(write_file(path, table));
  return path;
}

}  // namespace kobox
