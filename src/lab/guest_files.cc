// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/guest_files.h"

#include <chrono>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_tar_limit = 60s;
constexpr const char* k_incoming = "/kobox/incoming.tar";
constexpr const char* k_outgoing = "/kobox/outgoing.tar";
// The files' own limit, and what a tar has besides.
constexpr UnpackLimits k_limits;
constexpr std::uint64_t k_max_tar = k_limits.bytes + k_limits.entries * 1024 + (1U << 20);
constexpr std::size_t k_longest_folder = 60;
constexpr const char* k_mark = ".collected-by-kobox";

Result<> add_file(std::vector<TarFile>& files, const fs::path& folder, const fs::path& path) {
  std::error_code error;
  const auto status = fs::symlink_status(path, error);
  TarFile file{.relative = path.lexically_relative(folder)};
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

}  // namespace

Result<std::vector<TarFile>> files_below(const fs::path& folder,
                                         const std::vector<std::string>& paths) {
  const SourceLimits limits;
  std::vector<TarFile> files;
  std::uint64_t bytes = 0;
  for (const auto& relative : paths) {
    const auto path = (folder / relative).lexically_normal();
    std::error_code error;
    if (!fs::is_directory(fs::symlink_status(path, error))) {
      KOBOX_CHECK(add_file(files, folder, path));
      continue;
    }
    for (auto at = fs::recursive_directory_iterator(path, error);
         !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
      KOBOX_CHECK(add_file(files, folder, at->path()));
      if (at->is_regular_file(error) && !at->is_symlink(error)) bytes += at->file_size(error);
      if (files.size() > limits.files || bytes > limits.bytes)
        return fail(ErrorKind::usage, "{} has more than {} files, or more than {}", path.string(),
                    limits.files, format_bytes(limits.bytes));
    }
    if (error) return fail(ErrorKind::usage, "cannot read {}: {}", path.string(), error.message());
  }
  return files;
}

std::vector<TarFile> as_files(const std::vector<SourceEntry>& sources) {
  std::vector<TarFile> files;
  for (const auto& one : sources)
    files.push_back({.relative = one.relative,
                     .origin = one.origin,
                     .link = one.link,
                     .executable = one.executable});
  return files;
}

Result<> copy_in(AgentClient& agent, const std::vector<TarFile>& files, const std::string& folder,
                 const std::string& owner) {
  KOBOX_TRY(const auto tar, pack_tar(files));
  KOBOX_CHECK(agent.put(k_incoming, tar, 0600));
  const auto script = fmt::format(
      "mkdir -p {0} && tar -x -o -f {1} -C {0} && chown -R {2}: {0}; status=$?; rm -f {1}; exit "
      "$status",
      shell_quote(folder), k_incoming, shell_quote(owner));
  KOBOX_TRY(const auto reply, agent.run({.command = script, .timeout = k_tar_limit}));
  if (reply.status == 0 && !reply.timed_out && reply.signal == 0) return {};
  return fail(ErrorKind::tool, "the guest cannot take files into {}: {}", folder,
              printable(trim(reply.standard_error)));
}

Result<> may_replace(const fs::path& folder) {
  std::error_code error;
  const auto there = fs::symlink_status(folder, error);
  if (there.type() == fs::file_type::not_found) return {};
  const bool is_folder = there.type() == fs::file_type::directory;
  if (is_folder && (fs::is_empty(folder, error) || fs::exists(folder / k_mark, error))) return {};
  return fail(ErrorKind::usage,
              "{} holds what kobox has not collected and will not replace; name another folder "
              "with --collect-into",
              folder.string());
}

Result<std::variant<Unpacked, std::string>> copy_out(AgentClient& agent,
                                                     const std::vector<std::string>& paths,
                                                     const fs::path& folder) {
  if (const auto may = may_replace(folder); !may) return may.error().message();
  std::string script = "cd /\nset --\n";
  for (const auto& path : paths)
    script += fmt::format("if [ -e {0} ]; then set -- \"$@\" {1}; else echo {0}; fi\n",
                          shell_quote(path), shell_quote("./" + path.substr(1)));
  script += fmt::format("[ $# = 0 ] || tar -c -f - \"$@\" | head -c {} > {}\n", k_max_tar + 1,
                        k_outgoing);
  KOBOX_TRY(const auto reply, agent.run({.command = script, .timeout = k_tar_limit}));
  if (const auto missing = trim(reply.standard_output); !missing.empty())
    return fmt::format("there is no {} to collect", printable(missing.substr(0, 200)));
  if (reply.timed_out)
    return fmt::format("collecting files took more than {}", format_duration(k_tar_limit));
  KOBOX_TRY(const auto tar, agent.get(k_outgoing, k_max_tar + 1));
  if (tar.size() > k_max_tar)
    return fmt::format("the files to collect have more than {}", format_bytes(k_limits.bytes));

  KOBOX_TRY(auto beside, TempDir::make(folder.parent_path(), ".collecting-"));
  KOBOX_TRY(auto unpacked, unpack_tar(tar, beside.path() / "files", k_limits));
  KOBOX_CHECK(write_file(beside.path() / "files" / k_mark,
                         "kobox replaces this folder when it collects again\n"));
  KOBOX_CHECK(remove_tree(folder));
  KOBOX_CHECK(rename_path(beside.path() / "files", folder));
  return unpacked;
}

std::string folder_name(const std::string& test) {
  std::string name;
  for (const char c : test.substr(0, k_longest_folder)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       (c == '.' && !name.empty()) || c == '_';
    name += plain ? c : '-';
  }
  return name == test ? name : fmt::format("{}-{}", name, Digest().add(test).hex().substr(0, 8));
}

}  // namespace kobox
