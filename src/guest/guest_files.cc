// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/guest_files.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_tar_limit = 60s;
// Another kobox holds a directory only while it looks and renames.
constexpr Duration k_lock_limit = 60s;
constexpr const char* k_incoming = "/kobox/incoming.tar";
constexpr const char* k_outgoing = "/kobox/outgoing.tar";
constexpr const char* k_tar_errors = "/kobox/outgoing.err";
constexpr const char* k_copies = "/kobox/outgoing";
// Of what files_below takes.
constexpr std::uint64_t k_max_bytes_in = std::uint64_t{200} << 20;
constexpr std::size_t k_max_files_in = 20'000;
// The files' own limit, and what a tar has besides.
constexpr UnpackLimits k_limits;
constexpr std::uint64_t k_max_tar = k_limits.bytes + k_limits.entries * 1024 + (1U << 20);
constexpr std::size_t k_longest_directory = 60;
constexpr const char* k_mark = ".collected-by-kobox";
constexpr std::size_t k_max_mark = std::size_t{64} << 20;

Result<> add_file(std::vector<TarFile>& files, const fs::path& directory, const fs::path& path) {
  std::error_code error;
  const auto status = fs::symlink_status(path, error);
  TarFile file{.relative = path.lexically_relative(directory)};
  if (fs::is_symlink(status)) {
    file.link = fs::read_symlink(path, error).string();
  } else if (fs::is_regular_file(status)) {
    file.origin = path;
    file.executable = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
  } else {
    return {};
  }
  if (error) return fail(ErrorKind::usage, "cannot read {}: {}", path.string(), error.message());
  files.push_back(std::move(file));
  return {};
}

// All that is no directory, by its path from here.
std::set<std::string> files_in(const fs::path& directory) {
  std::set<std::string> names;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(directory, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error))
    if (!fs::is_directory(at->symlink_status(error)))
      names.insert(at->path().lexically_relative(directory).string());
  return names;
}

// Which files were collected, behind a line that says what this is.
Result<> write_mark(const fs::path& directory) {
  std::string text =
      "kobox replaces this directory when it collects again, as long as these are all:\n";
  for (const auto& name : files_in(directory)) text += name + '\0';
  return write_file(directory / k_mark, text);
}

// Something in the directory that is the user's own; nothing if all is collected.
fs::path not_collected(const fs::path& directory) {
  const auto text = read_file(directory / k_mark, k_max_mark).value_or("");
  const auto list = std::string_view(text).substr(std::min(text.size(), text.find('\n') + 1));
  const auto names = split(list, '\0');
  std::set<std::string> collected(names.begin(), names.end());
  if (!text.empty()) collected.insert(k_mark);
  for (const auto& name : files_in(directory))
    if (!collected.contains(name)) return directory / name;
  return {};
}

// Two kobox may collect into one directory: whoever looks at what is there, or replaces it, holds
// the directory above, which needs no file for that.
Result<FileLock> lock_places_in(const fs::path& parent) {
  return FileLock::acquire(parent, LockMode::exclusive, Deadline::after(k_lock_limit));
}

Result<> check_replaceable(const fs::path& directory) {
  std::error_code error;
  const auto there = fs::symlink_status(directory, error);
  if (there.type() == fs::file_type::not_found) return {};
  const auto foreign =
      there.type() == fs::file_type::directory ? not_collected(directory) : directory;
  if (foreign.empty()) return {};
  return fail(
      ErrorKind::usage,
      "{} holds what kobox has not collected and will not replace ({}); name another directory "
      "with --collect-into",
      directory.string(), printable(foreign.filename().string()));
}

struct GuestTar {
  std::string bytes;
};

// What tar says that it could not; a file that changed meanwhile does not count.
std::string tar_error_of(const std::string& status_and_words) {
  const auto end = status_and_words.find('\n');
  const auto words =
      trim(std::string_view(status_and_words).substr(std::min(status_and_words.size(), end)));
  if (status_and_words.starts_with("0") || words.find("changed as we read") != std::string::npos)
    return "";
  return words.empty() ? "it failed" : std::string(words.substr(0, 200));
}

// Leaves a tar of all that is there at these paths, each once; says what prevents it.
//
// What the kernel makes when it is read (in /proc, /sys and what is mounted there) has no size that
// tar could believe: of such files there are copies, in a second tar behind the first.
std::string collecting_script(const std::vector<std::string>& paths) {
  constexpr const char* k_functions = R"(
made_by_the_kernel() {
  case $(realpath "$1") in /proc | /proc/* | /sys | /sys/*) ;; *) false ;; esac
}
copy() {
  mkdir -p "$copies/${1%/*}" && head -c $((limit + 1)) "$1" > "$copies$1" 2>> $errors || bad=1
}
cd /
rm -rf $copies $errors
mkdir $copies
bad=0
set --
)";
  constexpr const char* k_take = R"(
if [ ! -e "$path" ]; then echo "there is no $path to collect"
elif ! made_by_the_kernel "$path"; then set -- "$@" ".$path"
elif [ -d "$path" ]; then echo "$path is a directory of the kernel's; name the files in it"
else copy "$path"
fi
)";
  constexpr const char* k_pack = R"(
{
  exec 2>> $errors
  [ $# = 0 ] || tar -c -f - "$@" || bad=$?
  cd $copies && tar -c -f - . || bad=$?
  echo $bad > $errors.status
} | head -c $((tar_limit + 1)) > $tar
cat $errors.status $errors >&2
rm -rf $copies $errors $errors.status
)";
  auto script = fmt::format("tar={}\ncopies={}\nerrors={}\nlimit={}\ntar_limit={}\n", k_outgoing,
                            k_copies, k_tar_errors, k_limits.bytes, k_max_tar);
  script += k_functions;
  for (const auto& path : paths) {
    const bool within = std::ranges::any_of(paths, [&](const std::string& other) {
      return other != path && path.starts_with(other + "/");
    });
    if (!within) script += fmt::format("path={}{}", shell_quote(path), k_take);
  }
  return script + k_pack;
}

// What is there at these paths, or what prevents it.
Result<std::variant<GuestTar, std::string>> tar_of(AgentClient& agent,
                                                   const std::vector<std::string>& paths) {
  KOBOX_TRY(const auto reply,
            agent.run({.command = collecting_script(paths), .timeout = k_tar_limit}));
  if (const auto obstacle = trim(reply.standard_output); !obstacle.empty())
    return printable(lines_of(obstacle).front().substr(0, 200));
  if (reply.timed_out)
    return fmt::format(
        "collecting files took more than {}; one that never ends, as trace_pipe, cannot be had",
        format_duration(k_tar_limit));
  KOBOX_TRY(auto tar, agent.get(k_outgoing, k_max_tar + 1));
  if (tar.size() > k_max_tar)
    return fmt::format("the files to collect have more than {}", format_bytes(k_limits.bytes));
  if (const auto error = tar_error_of(reply.standard_error); !error.empty())
    return fmt::format("the guest could not read all of it: {}", printable(error));
  return GuestTar{std::move(tar)};
}

}  // namespace

Result<std::vector<TarFile>> files_below(const fs::path& directory,
                                         const std::vector<std::string>& paths) {
  std::vector<TarFile> files;
  std::uint64_t bytes = 0;
  const auto take = [&](const fs::path& path, const fs::path& requested) -> Result<> {
    KOBOX_CHECK(add_file(files, directory, path));
    std::error_code error;
    if (fs::is_regular_file(fs::symlink_status(path, error))) bytes += fs::file_size(path, error);
    if (files.size() <= k_max_files_in && bytes <= k_max_bytes_in) return {};
    return fail(ErrorKind::usage, "{} has more than {} files, or more than {}", requested.string(),
                k_max_files_in, format_bytes(k_max_bytes_in));
  };
  for (const auto& relative : paths) {
    const auto path = (directory / relative).lexically_normal();
    std::error_code error;
    if (!fs::is_directory(fs::symlink_status(path, error))) {
      KOBOX_CHECK(take(path, path));
      continue;
    }
    for (auto at = fs::recursive_directory_iterator(path, error);
         !error && at != fs::recursive_directory_iterator(); at.increment(error))
      KOBOX_CHECK(take(at->path(), path));
    if (error) return fail(ErrorKind::usage, "cannot read {}: {}", path.string(), error.message());
  }
  return files;
}

Result<> copy_in(AgentClient& agent, const std::vector<TarFile>& files,
                 const std::string& directory, const std::string& owner) {
  KOBOX_TRY(const auto tar, pack_tar(files));
  KOBOX_CHECK(agent.put(k_incoming, tar, 0600));
  std::set<std::string> topmost;
  for (const auto& file : files) topmost.insert(file.relative.begin()->string());
  // A directory that was there keeps its owner.
  auto script = fmt::format(
      "directory={0}\nnew=1\n[ -d \"$directory\" ] && new=0\n"
      "mkdir -p \"$directory\" && cd \"$directory\" && tar -x -o -f {1} || {{ rm -f {1}; exit 1; "
      "}}\n"
      "rm -f {1}\n[ $new = 0 ] || chown {2}: .\n",
      shell_quote(directory), k_incoming, shell_quote(owner));
  for (const auto& one : topmost)
    script +=
        fmt::format("chown -hR {}: {} || exit 1\n", shell_quote(owner), shell_quote("./" + one));
  KOBOX_TRY(const auto reply, agent.run({.command = script, .timeout = k_tar_limit}));
  if (reply.status == 0 && !reply.timed_out && reply.signal == 0) return {};
  return fail(ErrorKind::tool, "the guest cannot take files into {}: {}", directory,
              printable(trim(reply.standard_error)));
}

fs::path default_collected(const fs::path& state, const fs::path& source) {
  const auto digest = Digest().add(source.string()).hex().substr(0, 8);
  return state / "collected" / fmt::format("{}-{}", source.filename().string(), digest);
}

Result<> may_replace(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(directory, error))) return {};
  KOBOX_TRY(const auto lock, lock_places_in(absolute_directory(directory).parent_path()));
  return check_replaceable(directory);
}

Result<std::variant<Unpacked, std::string>> copy_out(AgentClient& agent,
                                                     const std::vector<std::string>& paths,
                                                     const fs::path& directory) {
  KOBOX_CHECK(may_replace(directory));
  KOBOX_TRY(auto tar, tar_of(agent, paths));
  if (auto* obstacle = std::get_if<std::string>(&tar)) return std::move(*obstacle);

  const auto place = absolute_directory(directory);
  KOBOX_TRY(auto beside, TempDir::make(place.parent_path(), ".collecting-"));
  const auto fresh = beside.path() / "files";
  KOBOX_TRY(auto unpacked, unpack_tar(std::get<GuestTar>(tar).bytes, fresh, k_limits));
  KOBOX_CHECK(write_mark(fresh));
  KOBOX_CHECK(replace_collected(fresh, place));
  return unpacked;
}

Result<> replace_collected(const fs::path& fresh, const fs::path& place) {
  KOBOX_TRY(const auto lock, lock_places_in(place.parent_path()));
  // It may have become somebody's meanwhile.
  KOBOX_CHECK(check_replaceable(place));
  std::error_code ignored;
  if (fs::exists(place, ignored)) KOBOX_CHECK(rename_path(place, fresh.parent_path() / "before"));
  return rename_path(fresh, place);
}

std::string directory_name(const std::string& test) {
  std::string name;
  for (const char c : test.substr(0, k_longest_directory)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       (c == '.' && !name.empty()) || c == '_';
    name += plain ? c : '-';
  }
  return name == test ? name : fmt::format("{}-{}", name, Digest().add(test).hex().substr(0, 8));
}

}  // namespace kobox
