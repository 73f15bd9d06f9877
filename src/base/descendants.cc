// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/descendants.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <vector>

#include "base/files.h"

namespace kobox {
namespace {

template <class Number>
Number number(std::string_view text) {
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// proc_pid_stat(5): "pid (name) state ppid …"; the name may hold anything.
pid_t parent_of(const fs::path& process) {
  const auto text = read_file(process / "stat", 4096);
  if (!text) return 0;
  const auto end = text->rfind(") ");
  return end == std::string::npos || end + 4 > text->size()
             ? 0
             : number<pid_t>(std::string_view(*text).substr(end + 4));
}

}  // namespace

std::size_t count_descendants() {
  std::multimap<pid_t, pid_t> children;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = number<pid_t>(entry.path().filename().native());
    if (pid > 0) children.emplace(parent_of(entry.path()), pid);
  }
  std::size_t count = 0;
  std::vector<pid_t> open = {::getpid()};
  while (!open.empty()) {
    const auto [first, last] = children.equal_range(open.back());
    open.pop_back();
    for (auto one = first; one != last; ++one, ++count) open.push_back(one->second);
  }
  return count;
}

}  // namespace kobox
