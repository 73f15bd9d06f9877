// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/source_root.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t k_largest_script = 1 << 20;

int depth_of(const fs::path& relative) {
  return static_cast<int>(std::distance(relative.begin(), relative.end()));
}

// The longest run of ".." in a row in a text: "$(src)/../../include" has 2. A "..." is none.
int dots_in(std::string_view text) {
  int most = 0;
  int run = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto at = text.find("..", i);
    if (at == std::string_view::npos) break;
    const bool begins =
        at == 0 || std::string_view(".\"\\").find(text[at - 1]) == text.npos || text[at - 1] == '"';
    const auto end = at + 2;
    const bool ends = end == text.size() || std::string_view("/ \t\n\"')").contains(text[end]);
    if (at > i || !begins) run = 0;
    if (begins && ends) most = std::max(most, ++run);
    i = ends && end < text.size() && text[end] == '/' ? end + 1 : end;
    if (!ends) run = 0;
  }
  return most;
}

bool is_script(const fs::path& file) {
  const auto name = file.filename().string();
  return name == "Makefile" || name == "Kbuild" || name == "dkms.conf" || name.ends_with(".mk") ||
         name.starts_with("Makefile.");
}

bool is_code(const fs::path& file) { return file.extension() == ".c" || file.extension() == ".h"; }

// Of C code only the includes count.
int dots_in_includes(std::string_view text) {
  int most = 0;
  for (const auto line : lines_of(text)) {
    auto rest = trim(line);
    if (!rest.starts_with('#')) continue;
    rest = trim(rest.substr(1));
    if (rest.starts_with("include")) most = std::max(most, dots_in(rest));
  }
  return most;
}

// Not the user's home or what holds it, nor a directory of the whole system's.
bool may_be_copied(const fs::path& top) {
  if (depth_of(top) <= 2) return false;
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return true;
  const auto rest = fs::path(home).lexically_normal().lexically_relative(top);
  return rest.empty() || (rest != "." && *rest.begin() == "..");
}

std::optional<fs::path> git_top(const fs::path& directory) {
  std::error_code ignored;
  for (auto top = directory; may_be_copied(top); top = top.parent_path())
    if (fs::exists(top / ".git", ignored)) return top;
  return std::nullopt;
}

// What git does not ignore below a directory, relative to it. Nothing if git cannot say.
std::optional<std::set<fs::path>> seen_by_git(const fs::path& top) {
  const auto done = run_command({.argv = {"git", "-C", top.string(), "ls-files", "-z", "--cached",
                                          "--others", "--exclude-standard"}},
                                {.deadline = Deadline::after(1min)});
  if (!done || !done->status.success()) return std::nullopt;
  std::set<fs::path> files;
  for (auto& name : split(done->output, '\0'))
    if (!name.empty()) files.emplace(std::move(name));
  return files;
}

Result<Sources> sources_below(const fs::path& top, const fs::path& directory,
                              const fs::path& skip) {
  Sources sources{.top = top, .inside = directory.lexically_relative(top), .entries = {}};
  if (sources.inside == ".") sources.inside.clear();
  const auto in_git = git_top(top) ? seen_by_git(top) : std::nullopt;
  const auto is_wanted = [&](const fs::path& relative) {
    if (!in_git) return true;
    // Of a submodule git names only the directory.
    for (auto path = relative; !path.empty(); path = path.parent_path())
      if (in_git->contains(path)) return true;
    const auto rest = relative.lexically_relative(sources.inside);
    return !rest.empty() && *rest.begin() != "..";
  };
  KOBOX_TRY(sources.entries, list_sources(top, skip, {}, is_wanted));
  return sources;
}

// From where on it is copied if nobody has said.
Result<Sources> reached_sources(Sources own, const fs::path& skip) {
  const auto& directory = own.top;
  const int levels = levels_reached(directory, own.entries);
  if (levels == 0) return own;
  auto up = directory;
  for (int i = 0; i < levels; ++i) up = up.parent_path();
  const auto top = git_top(directory);
  const bool git_holds_it = top && depth_of(*top) <= depth_of(up);
  std::vector<fs::path> tops;
  if (git_holds_it) tops.push_back(*top);
  tops.push_back(up);
  for (const auto& one : tops) {
    if (!may_be_copied(one)) continue;
    auto found = sources_below(one, directory, skip);
    if (found || found.error().kind() != ErrorKind::usage) return found;
  }
  return own;  // what is missing is the compiler's to say
}

}  // namespace

int levels_reached(const fs::path& directory, const std::vector<SourceEntry>& entries) {
  int most = 0;
  for (const auto& entry : entries) {
    const int depth = depth_of(entry.relative.parent_path());
    int up = 0;
    const auto place = directory / entry.relative;
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(place, error))) {
      const auto target = (place.parent_path() / fs::read_symlink(place, error)).lexically_normal();
      const auto rest = target.lexically_relative(directory);
      up = static_cast<int>(std::ranges::count(rest, fs::path("..")));
      most = std::max(most, up);
      continue;
    }
    if (!is_script(entry.relative) && !is_code(entry.relative)) continue;
    const auto text = read_file(place, k_largest_script);
    if (!text) continue;
    up = is_code(entry.relative) ? dots_in_includes(*text) : dots_in(*text);
    most = std::max(most, up - depth);
  }
  return most;
}

Result<Sources> find_sources(const fs::path& directory, const std::optional<fs::path>& root,
                             const fs::path& skip) {
  std::error_code error;
  const auto own = fs::canonical(directory, error);
  if (error) return fail(ErrorKind::usage, "{}: {}", directory.string(), error.message());
  if (root) {
    const auto top = fs::canonical(*root, error);
    if (error) return fail(ErrorKind::usage, "{}: {}", root->string(), error.message());
    const auto rest = own.lexically_relative(top);
    if (rest.empty() || *rest.begin() == "..")
      return fail(ErrorKind::usage,
                  "root in [module] is {}, which does not hold the module's directory {}",
                  root->string(), directory.string());
    return sources_below(top, own, skip);
  }
  KOBOX_TRY(auto entries, list_sources(own, skip));
  return reached_sources({.top = own, .inside = {}, .entries = std::move(entries)}, skip);
}

}  // namespace kobox
