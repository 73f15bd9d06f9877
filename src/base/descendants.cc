// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/descendants.h"

#include <charconv>
#include <filesystem>
#include <map>
#include <set>
#include <vector>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

template <class Number>
Number number(std::string_view text) {
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct Stat {
  pid_t parent = 0;
  pid_t group = 0;
};

// proc_pid_stat(5): "pid (name) state ppid pgrp …"; the name may hold anything.
Stat stat_of(const fs::path& process) {
  const auto text = read_file(process / "stat", 4096);
  if (!text) return {};
  const auto end = text->rfind(") ");
  if (end == std::string::npos) return {};
  const auto fields = split(text->substr(end + 2), ' ');
  if (fields.size() < 3) return {};
  return {.parent = number<pid_t>(fields[1]), .group = number<pid_t>(fields[2])};
}

}  // namespace

std::size_t count_processes_of(pid_t leader) {
  std::multimap<pid_t, pid_t> children;
  std::set<pid_t> counted;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = number<pid_t>(entry.path().filename().native());
    if (pid <= 0) continue;
    const auto stat = stat_of(entry.path());
    children.emplace(stat.parent, pid);
    if (stat.group == leader) counted.insert(pid);
  }
  std::vector<pid_t> open(counted.begin(), counted.end());
  while (!open.empty()) {
    const auto [first, last] = children.equal_range(open.back());
    open.pop_back();
    for (auto one = first; one != last; ++one)
      if (counted.insert(one->second).second) open.push_back(one->second);
  }
  return counted.size();
}

}  // namespace kobox
