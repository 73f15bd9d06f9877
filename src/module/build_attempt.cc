// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/build_attempt.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/descendants.h"
#include "base/text.h"
#include "module/choose_modules.h"
#include "module/compiler_output.h"

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

Result<BuildSite> site_for(BuildMethod method, const BuildRequest& request, const Kernel& kernel) {
  if (method == BuildMethod::kbuild) return BuildSite::choose(request, kernel);
  if (method == BuildMethod::dkms && request.where == BuildIn::host)
    return fail(ErrorKind::usage,
                "{} has a dkms.conf, and dkms builds in a build root alone, not on the host; "
                "build = \"kbuild\" in [module] of kobox.toml leaves dkms out",
                request.source.string());
  if (method == BuildMethod::make && request.where == BuildIn::host)
    return BuildSite::choose(request, kernel);
  // There `uname -r` and /lib/modules are the kernel's.
  return BuildSite::in_root(
      request, kernel,
      method == BuildMethod::dkms ? std::vector<std::string>{"dkms"} : std::vector<std::string>{});
}

// The command names the place, and the place's name has the kernel's identity in it.
Result<std::string> key_of(const std::string& sources, const BuildSite& site,
                           const CommandLine& command, const BuildRequest& request) {
  Digest digest;
  digest.add(sources).add(site.identity());
  for (const auto& word : command.argv)
    if (!word.starts_with("-j")) digest.add(word);
  for (const auto& file : request.symbols) KOBOX_CHECK(digest.add_file(file));
  for (const auto& package : request.packages) digest.add(package.identity);
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

constexpr std::uint64_t k_largest_list = 16 << 20;

// Without "-jN": a Makefile need not bear that its goals are made at once.
CommandLine one_at_a_time(CommandLine command) {
  std::erase_if(command.argv, [](const std::string& word) { return word.starts_with("-j"); });
  return command;
}

}  // namespace

Result<> make_sites(const BuildRequest& request, const Kernel& kernel) {
  for (const auto method : methods_for(request.source, request.method))
    KOBOX_CHECK(site_for(method, request, kernel));
  return {};
}

Result<BuildAttempt> BuildAttempt::make(BuildMethod method, const BuildRequest& request,
                                        const Kernel& kernel) {
  KOBOX_CHECK(check_path("the kernel's build tree", kernel.headers));
  KOBOX_TRY(auto site, site_for(method, request, kernel));
  auto how = site.name();
  if (method != BuildMethod::kbuild) how += fmt::format(" by {}", describe(method));
  // What is needed is built at a path of its own, or one could not tell its sources from those of
  // what needs it.
  if (request.is_need) how += " as a need";
  auto place = BuildPlace::of(request.cache, request.source, kernel, how);
  if (request.is_need) place.in_root = fs::path("/needs") / request.source.filename();
  KOBOX_CHECK(check_path("kobox's cache", place.directory));
  KOBOX_CHECK(check_path("the module's directory", place.in_root));
  return BuildAttempt(method, request, kernel, std::move(site), std::move(place));
}

BuildJob BuildAttempt::job() const {
  auto job = job_of_method();
  hand_on_needs(job);
  return job;
}

// Symbols by the variable that kbuild reads (Documentation/kbuild/modules.rst).
void BuildAttempt::hand_on_needs(BuildJob& job) const {
  if (package_)
    for (const auto& package : request_.packages)
      job.mounts.push_back(
          {Sandbox::Step::Kind::show, package.directory, fs::path("/usr/src") / package.name});
  if (request_.symbols.empty()) return;
  std::vector<std::string> files;
  for (const auto& file : request_.symbols) {
    if (site_.name().empty()) {
      files.push_back(file.string());
      continue;
    }
    files.push_back(fmt::format("/symbols/{}/Module.symvers", files.size()));
    job.mounts.push_back({Sandbox::Step::Kind::show, file, files.back()});
  }
  job.environment.emplace_back("KBUILD_EXTRA_SYMBOLS", join(files, " "));
}

BuildJob BuildAttempt::job_of_method() const {
  if (package_) return dkms_job(*package_, place_, kernel_);
  const auto jobs = fmt::format("-j{}", std::max(1U, std::thread::hardware_concurrency()));
  if (method_ == BuildMethod::make) {
    BuildJob job{.words = {"make", "--no-print-directory", "--output-sync=target", jobs},
                 .environment = kernel_variables(request_.source, kernel_, site_.headers())};
    job.words.insert(job.words.end(), request_.make.begin(), request_.make.end());
    return job;
  }
  BuildJob job{
      .words = {"make", "-C", site_.headers().string(), "M=" + site_.sources(place_).string(),
                "CC=" + site_.compiler(),
                // BTF for a module needs pahole and the kernel's vmlinux in the build tree.
                "CONFIG_DEBUG_INFO_BTF_MODULES=", "--no-print-directory", "--output-sync=target",
                jobs}};
  job.words.insert(job.words.end(), request_.make.begin(), request_.make.end());
  if (request_.make.empty()) job.words.emplace_back("modules");
  return job;
}

// dkms sees the directory alone, in /usr/src.
Result<Sources> BuildAttempt::taken_along() const {
  const auto root = method_ == BuildMethod::dkms ? request_.source : request_.root;
  return find_sources(request_.source, root, request_.cache);
}

Result<CommandLine> BuildAttempt::command() {
  KOBOX_TRY(const auto sources, taken_along());
  place_.inside = sources.inside;
  if (method_ == BuildMethod::dkms) package_ = DkmsPackage{"NAME", "VERSION"};
  return site_.command(place_, job());
}

fs::path BuildAttempt::built_at() const {
  return package_ ? dkms_built_at(*package_) : site_.sources(place_);
}

std::vector<fs::path> BuildAttempt::built_files() const {
  if (package_) return modules_below(place_, dkms_modules(*package_, place_, kernel_));
  if (method_ == BuildMethod::make) return modules_below(place_, place_.copy());
  return modules_in_order(place_, place_.sources(), built_at());
}

// What is there afterwards has been built by this build.
Result<> BuildAttempt::clear_products() const {
  if (package_) {
    KOBOX_CHECK(remove_tree(place_.dkms()));
    return make_directories(place_.dkms());
  }
  // kbuild writes it anew, and only the modules that it lists are taken.
  if (method_ == BuildMethod::kbuild) return remove_tree(place_.sources() / "modules.order");
  for (const auto& ko : all_module_files(place_, place_.copy())) KOBOX_CHECK(remove_tree(ko));
  return {};
}

// What the modules export, of all directories that were built.
std::string BuildAttempt::exported() const {
  const auto built =
      package_ ? place_.dkms() / package_->name / package_->version / "build" : place_.sources();
  std::string all;
  for (const auto& file : files_named(place_, built, "Module.symvers")) {
    const auto text = read_regular_file(file, k_largest_list);
    if (text && all.size() < k_largest_list) all += *text;
  }
  return all;
}

Result<std::optional<BuildFailure>> BuildAttempt::run(const CommandLine& command) {
  KOBOX_CHECK(clear_products());
  KOBOX_TRY(auto made, run_make(command, place_.log(), request_.deadline));
  auto failure = failure_of(made.status, made.output);
  // A Makefile need not bear that its goals are made at once; a compiler's error is one anyway.
  if (failure && method_ == BuildMethod::make && failure->file.empty()) {
    KOBOX_TRY(made, run_make(one_at_a_time(command), place_.log(), request_.deadline));
    failure = failure_of(made.status, made.output);
  }
  if (!failure) {
    KOBOX_TRY(record_, write_build_record(place_, key_, request_.source, kernel_, built_files(),
                                          built_at(), exported()));
    return failure;
  }
  if (const auto fault = host_fault(made.output))
    return fail(ErrorKind::environment, "{}; make's output is in {}", *fault,
                place_.log().string());
  return failure;
}

std::optional<BuildFailure> BuildAttempt::failure_of(const ExitStatus& status,
                                                     const std::string& output) const {
  if (status.success()) return std::nullopt;
  auto failure = first_error(
      output, package_ ? SeenPaths(built_at()) : SeenPaths(built_at(), site_.top(place_)));
  failure.full_log = place_.log();
  if (auto excluded = package_ ? why_excluded(*package_, kernel_, output) : std::nullopt) {
    failure.message = std::move(*excluded);
    return failure;
  }
  if (!site_.name().empty()) failure.message += missing_in_root(output);
  // It may be kobox's choice that is wrong, not the code.
  if (failure.file.empty() && method_ != BuildMethod::kbuild)
    failure.message +=
        fmt::format(" (built by {}; to build it another way, set build in [module] of kobox.toml)",
                    describe(method_));
  return failure;
}

Result<> BuildAttempt::forget() const {
  KOBOX_TRY(const auto lock,
            FileLock::acquire(place_.lock(), LockMode::exclusive, request_.deadline));
  KOBOX_TRY([[maybe_unused]] const auto none,
            write_build_record(place_, key_, request_.source, kernel_, {}, built_at()));
  return {};
}

Result<BuildOutcome> BuildAttempt::go() {
  KOBOX_TRY(const auto lock,
            FileLock::acquire(place_.lock(), LockMode::exclusive, request_.deadline));
  KOBOX_TRY(const auto sources, taken_along());
  place_.inside = sources.inside;
  KOBOX_CHECK(check_path("the module's directory", place_.inside));
  KOBOX_TRY(const auto digest, sync_sources(sources.entries, place_.copy(), place_.manifest()));
  KOBOX_CHECK(site_.prepare(place_));
  if (method_ == BuildMethod::dkms) {
    KOBOX_TRY(package_, read_dkms_conf(site_, place_, kernel_, request_.deadline));
  }
  KOBOX_TRY(const auto command, site_.command(place_, job()));
  KOBOX_TRY(key_, key_of(digest, site_, command, request_));
  auto known = read_build_record(place_, key_);
  const bool fresh = !known;
  if (known) record_ = std::move(*known);
  if (fresh) {
    KOBOX_TRY(auto failure, run(command));
    if (failure) return std::move(*failure);
  }
  KOBOX_TRY(auto modules, built_modules(record_.modules, request_.source, record_.built_at,
                                        package_ ? fs::path() : site_.top(place_)));
  BuiltModules built{.modules = std::move(modules),
                     .method = method_,
                     .fresh = fresh,
                     .log = place_.log(),
                     .symbols = record_.symbols};
  if (package_)
    built.package = SourcePackage{.name = package_->name + "-" + package_->version,
                                  .directory = place_.sources(),
                                  .identity = key_};
  return built;
}

}  // namespace kobox
