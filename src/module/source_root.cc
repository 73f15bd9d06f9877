// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/source_root.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"
#include "module/toolchain.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t k_largest_script = 1 << 20;

int depth_of(const fs::path& relative) {
  return static_cast<int>(std::distance(relative.begin(), relative.end()));
}

// The longest run of ".." in a row in a text: "$(src)/../../include" has 2. Those in "..." do not
// count.
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
  std::error_code error;
  return !is_below(fs::weakly_canonical(home, error), top);
}

std::optional<fs::path> git_top(const fs::path& directory) {
  std::error_code ignored;
  for (auto top = directory; may_be_copied(top); top = top.parent_path())
    if (fs::exists(top / ".git", ignored)) return top;
  return std::nullopt;
}

// What git does not ignore below a directory, relative to it. Nothing if git cannot say. The work
// tree's own configuration must not run a program here, and a hook's GIT_DIR names another one.
std::optional<std::set<fs::path>> seen_by_git(const fs::path& top) {
  const CommandLine command{
      .argv = {"git", "-c", "core.fsmonitor=false", "-C", top.string(), "ls-files", "-z",
               "--cached", "--others", "--exclude-standard"},
      .environment = build_environment(top)};
  const auto done = run_command(command, {.deadline = Deadline::after(1min)});
  if (!done || !done->status.success()) return std::nullopt;
  std::set<fs::path> files;
  for (auto& name : split(done->output, '\0')) {
    // A repository in this one that is no submodule: "lib/".
    if (name.ends_with('/')) name.pop_back();
    if (!name.empty()) files.emplace(std::move(name));
  }
  return files;
}

Result<Sources> sources_below(const fs::path& top, const fs::path& directory,
                              const fs::path& skip) {
  Sources sources{.top = top, .inside = directory.lexically_relative(top), .entries = {}};
  if (sources.inside == ".") sources.inside.clear();
  const auto in_git = git_top(top) ? seen_by_git(top) : std::nullopt;
  const auto is_wanted = [&](const fs::path& relative) {
    if (!in_git) return true;
    // Of a repository in this one git names only the directory.
    for (auto path = relative; !path.empty(); path = path.parent_path())
      if (in_git->contains(path)) return true;
    return is_below(relative, sources.inside);
  };
  KOBOX_TRY(sources.entries,
            list_sources(top, skip, {.inside = sources.inside, .is_wanted = is_wanted}));
  return sources;
}

// The directories to begin at if nobody has said, the best first. Those that reach too far get what
// they may have: a "../../../.." in a script need not be a path that the build takes.
std::vector<fs::path> possible_tops(const fs::path& directory, int levels) {
  std::vector<fs::path> tops;
  auto up = directory;
  int left = levels;
  for (; left > 0 && may_be_copied(up.parent_path()); --left)
    tops.insert(tops.begin(), up = up.parent_path());
  const auto git = git_top(directory);
  if (git && *git != directory && (left > 0 || is_below(up, *git))) {
    std::erase(tops, *git);
    tops.insert(tops.begin(), *git);
  }
  return tops;
}

}  // namespace

int levels_reached(const fs::path& directory, const std::vector<SourceEntry>& entries) {
  int most = 0;
  for (const auto& entry : entries) {
    const int depth = depth_of(entry.relative.parent_path());
    const auto place = directory / entry.relative;
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(place, error))) {
      if (fs::is_regular_file(place, error)) continue;  // it is copied as a file
      const auto target = (place.parent_path() / fs::read_symlink(place, error)).lexically_normal();
      const auto rest = target.lexically_relative(directory);
      most = std::max(most, static_cast<int>(std::ranges::count(rest, fs::path(".."))));
      continue;
    }
    if (!is_script(entry.relative) && !is_code(entry.relative)) continue;
    const auto text = read_file(place, k_largest_script);
    if (!text) continue;
    const int up = is_code(entry.relative) ? dots_in_includes(*text) : dots_in(*text);
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
    if (!is_below(own, top))
      return fail(ErrorKind::usage,
                  "root in [module] is {}, which does not hold the module's directory {}",
                  root->string(), directory.string());
    return sources_below(top, own, skip);
  }
  KOBOX_TRY(const auto survey, list_sources(own, skip, {.outer_links = OuterLinks::listed}));
  for (const auto& top : possible_tops(own, levels_reached(own, survey))) {
    auto found = sources_below(top, own, skip);
    if (found || found.error().kind() != ErrorKind::usage) return found;
  }
  // What is missing in the directory alone is the compiler's to say.
  KOBOX_TRY(auto entries, list_sources(own, skip));
  return Sources{.top = own, .inside = {}, .entries = std::move(entries)};
}

}  // namespace kobox
