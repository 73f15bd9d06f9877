// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/build.h"

#include <fcntl.h>

#include <algorithm>
#include <thread>

#include "base/descendants.h"
#include "base/files.h"
#include "base/text.h"
#include "module/build_record.h"
#include "module/build_site.h"
#include "module/choose_modules.h"
#include "module/compiler_output.h"
#include "module/source_tree.h"

namespace kobox {
namespace {

// make takes blanks and colons in these paths for separators, and quoting does not help.
Result<> check_path(std::string_view what, const fs::path& path) {
  if (path.native().find_first_of(" \t:#$%") == std::string::npos) return {};
  return fail(ErrorKind::environment,
              "{} is {}, and the kernel's build system cannot work in a path with a space or one "
              "of : # $ %",
              what, shell_quote(path.string()));
}

Result<> check_headers(const Kernel& kernel) {
  if (kernel.headers.empty() && !kernel.distribution.empty())
    return fail(ErrorKind::usage,
                "nothing can be built for the kernel {}: Debian has its image but not its headers; "
                "a .ko that was built for it can be loaded in `kobox shell`, or name a build tree "
                "with --headers DIR",
                kernel.release);
  if (kernel.headers.empty())
    return fail(ErrorKind::usage,
                "kernel {} has no build tree to build modules with; name one with --headers DIR",
                kernel.release);
  std::error_code ignored;
  if (!fs::exists(kernel.headers / "Makefile", ignored))
    return fail(ErrorKind::usage,
                "{} is no build tree of a kernel: it has no Makefile (a tree must have been "
                "prepared with 'make modules_prepare', or come from a linux-headers package)",
                kernel.headers.string());
  return check_path("the kernel's build tree", kernel.headers);
}

Result<CommandLine> make_in(const BuildPlace& place, const BuildSite& site) {
  const auto jobs = std::max(1U, std::thread::hardware_concurrency());
  return site.command(
      place, {"make", "-C", site.headers().string(), "M=" + site.sources(place).string(),
              "CC=" + site.compiler(),
              // BTF for a module needs pahole and the kernel's vmlinux in the build tree.
              "CONFIG_DEBUG_INFO_BTF_MODULES=", "--no-print-directory", "--output-sync=target",
              fmt::format("-j{}", jobs), "modules"});
}

// The command names the place, and the place's name has the kernel's identity in it.
std::string key_of(const std::string& sources, const BuildSite& site, const CommandLine& command) {
  Digest digest;
  digest.add(sources).add(site.identity());
  for (const auto& word : command.argv)
    if (!word.starts_with("-j")) digest.add(word);
  return digest.hex();
}

struct MakeResult {
  ExitStatus status;
  std::string output;
};

Result<> check_processes(pid_t make) {
  if (count_processes_of(make) <= k_max_processes) return {};
  return fail(ErrorKind::environment,
              "the build was stopped: it has more than {} processes at a time; look in the "
              "module's Kbuild or Makefile for a command that starts itself again",
              k_max_processes);
}

// make's output goes into the log as it comes, so that a build stopped half way leaves it too.
Result<MakeResult> run_make(const CommandLine& command, const fs::path& log, Deadline deadline) {
  Fd file(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return fail_errno("cannot write {}", log.string());
  int log_error = 0;
  const auto sink = [&](std::string_view bytes) {
    while (!bytes.empty() && log_error == 0) {
      const auto wrote = ::write(file.get(), bytes.data(), bytes.size());
      if (wrote < 0 && errno != EINTR) log_error = errno;
      if (wrote > 0) bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
  };
  const RunLimits limits{.deadline = deadline, .check = check_processes};
  KOBOX_TRY(auto done, run_command(command, limits, Streams::merged, sink));
  if (log_error != 0) {
    errno = log_error;
    return fail_errno("cannot write {}", log.string());
  }
  if (done.status.signal != 0)
    return fail(ErrorKind::environment, "make {}; its output is in {}", done.status.to_string(),
                log.string());
  return MakeResult{done.status, std::move(done.output)};
}

Result<BuildPlace> checked_place(const BuildRequest& request, const Kernel& kernel,
                                 const BuildSite& site) {
  auto place = BuildPlace::of(request.cache, request.source, kernel, site.name());
  KOBOX_CHECK(check_path("kobox's cache", place.directory));
  return place;
}

Result<BuildOutcome> build_at(const BuildSite& site, const BuildRequest& request,
                              const Kernel& kernel) {
  KOBOX_TRY(const auto place, checked_place(request, kernel, site));
  KOBOX_TRY(auto lock, FileLock::acquire(place.lock(), LockMode::exclusive, request.deadline));
  KOBOX_TRY(auto entries, list_sources(request.source, request.cache));
  KOBOX_TRY(auto sources, sync_sources(entries, place.copy(), place.manifest()));
  KOBOX_CHECK(site.prepare(place));
  KOBOX_TRY(const auto command, make_in(place, site));
  const auto key = key_of(sources, site, command);

  auto modules = read_build_record(place, key);
  const bool fresh = !modules;
  if (fresh) {
    KOBOX_TRY(auto made, run_make(command, place.log(), request.deadline));
    if (!made.status.success()) {
      if (const auto fault = host_fault(made.output))
        return fail(ErrorKind::environment, "{}; make's output is in {}", *fault,
                    place.log().string());
      auto failure = first_error(made.output, site.sources(place));
      failure.full_log = place.log();
      return failure;
    }
    KOBOX_TRY(modules, write_build_record(place, key, request.source, kernel, site.sources(place)));
  }
  KOBOX_TRY(auto built, built_modules(*modules, request.source, site.sources(place)));
  KOBOX_TRY(auto chosen, choose_modules(built, request.source, request.modules));
  return BuiltModules{.modules = std::move(chosen), .fresh = fresh, .log = place.log()};
}

Result<BuildSite> checked_site(const BuildRequest& request, const Kernel& kernel) {
  KOBOX_CHECK(check_module_source(request.source));
  KOBOX_CHECK(check_headers(kernel));
  return BuildSite::choose(request, kernel);
}

}  // namespace

Result<> check_module_source(const fs::path& directory) {
  std::error_code error;
  const auto status = fs::status(directory, error);
  if (!fs::exists(status))
    return fail(ErrorKind::usage, "{}: there is no such directory", directory.string());
  if (!fs::is_directory(status))
    return fail(ErrorKind::usage, "{} is not a directory", directory.string());
  if (fs::exists(directory / "Kbuild", error) || fs::exists(directory / "Makefile", error))
    return {};
  const auto object = example_object(directory);
  return fail(ErrorKind::usage,
              "{0} has no Kbuild and no Makefile, so there is no module to build; for {1}.c write "
              "this into {0}/Kbuild:\n  obj-m := {1}.o\n  ccflags-y := -Wall",
              directory.string(), object);
}

Result<BuildIn> parse_build_in(std::string_view text) {
  if (text == "auto") return BuildIn::automatic;
  if (text == "host") return BuildIn::host;
  if (text == "root") return BuildIn::root;
  return fail(ErrorKind::usage, "--build-in is auto, host or root, not '{}'", printable(text));
}

Result<CommandLine> make_command(const BuildRequest& request, const Kernel& kernel) {
  auto offline = request;
  offline.network = Network::forbidden;
  KOBOX_TRY(const auto site, checked_site(offline, kernel));
  KOBOX_TRY(const auto place, checked_place(request, kernel, site));
  return make_in(place, site);
}

Result<BuildOutcome> build_modules(const BuildRequest& request, const Kernel& kernel) {
  KOBOX_TRY(const auto site, checked_site(request, kernel));
  auto outcome = build_at(site, request, kernel);
  if (!outcome)
    return std::unexpected(
        std::move(outcome).error().while_doing("building the module for " + kernel.release));
  return outcome;
}

}  // namespace kobox
