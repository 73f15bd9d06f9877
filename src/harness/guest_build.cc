// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/guest_build.h"

#include <algorithm>
#include <chrono>

#include "base/files.h"
#include "base/text.h"
#include "guest/guest_files.h"
#include "harness/machines.h"
#include "harness/run_directory.h"
#include "module/build_record.h"
#include "module/choose_modules.h"
#include "module/compiler_output.h"
#include "module/source_tree.h"
#include "module/symbol_origin.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// Under emulation a compiler takes a hundred times as long as on the host.
constexpr Duration k_make_limit = 1h;
constexpr std::size_t k_max_output = std::size_t{2} << 20;
constexpr std::size_t k_max_module = std::size_t{512} << 20;
constexpr std::size_t k_max_modules = 100;

// Where the sources are in the guest.
std::string guest_directory(const Project& project) {
  return "/kobox/build/" + directory_name(project.source.filename().string());
}

// A guest-built module has another place in the cache than one that the host built.
Kernel place_key(const Prepared& prepared) {
  auto kernel = prepared.kernel;
  kernel.identity += " built in " + prepared.disk->info.identity;
  return kernel;
}

class GuestBuild {
 public:
  GuestBuild(const LabOptions& options, const Project& project, const Prepared& prepared,
             Progress& progress)
      : options_(options), project_(project), prepared_(prepared), progress_(progress) {}

  // make's output, and whether it succeeded.
  Result<std::pair<std::string, bool>> make(AccelChoice accel, const BuildPlace& place,
                                            const std::vector<SourceEntry>& sources) {
    KOBOX_TRY(const auto directory, RunDirectory::make(options_.state, /*keep=*/false));
    KOBOX_CHECK(get_machine(accel, directory.path()));
    KOBOX_CHECK(copy_in(agent(), as_files(sources), guest_directory(project_), "root"));
    KOBOX_TRY(const auto reply, agent().run({.command = guest_make_command(project_) + " 2>&1",
                                             .timeout = k_make_limit,
                                             .max_output = k_max_output}));
    if (reply.timed_out)
      return fail(ErrorKind::timeout, "make did not end in the guest within {}",
                  format_duration(k_make_limit));
    KOBOX_CHECK(write_file(place.log(), reply.standard_output));
    const bool good = reply.status == 0 && reply.signal == 0;
    if (good) KOBOX_CHECK(fetch_modules(place));
    return std::pair(reply.standard_output, good);
  }

 private:
  Result<> get_machine(AccelChoice accel, const fs::path& directory) {
    machines_.emplace(project_, prepared_,
                      Session::Options{.accel = accel,
                                       .cache = options_.cache,
                                       .state = options_.state,
                                       .directory = directory,
                                       .timeout = {}},
                      Isolation::forked, progress_);
    KOBOX_TRY(auto failure, machines_->make_ready());
    if (failure) return not_booted(*failure);
    KOBOX_TRY(auto opened,
              machines_->open(loop_, directory, Machines::Use::tests, project_.test_limit));
    if (const auto* failed = std::get_if<Failure>(&opened)) return not_booted(*failed);
    auto& machine = std::get<Machines::Opened>(opened);
    if (!machine.note.empty()) progress_.note(machine.note);
    session_ = std::move(machine.session);
    return {};
  }
  static std::unexpected<Error> not_booted(const Failure& failure) {
    return fail(ErrorKind::environment, "the guest that is to build the module did not boot: {}",
                failure.message);
  }
  AgentClient& agent() { return session_->guest().agent(); }

  // The modules that kbuild lists, and the list itself, to where write_build_record looks.
  Result<> fetch_modules(const BuildPlace& place) {
    const auto here = guest_directory(project_) + "/";
    KOBOX_TRY(const auto order, agent().get(here + "modules.order", 1 << 20));
    std::string list;
    if (lines_of(order).size() > k_max_modules)
      return fail(ErrorKind::protocol, "the guest names more than {} modules", k_max_modules);
    for (const auto line : lines_of(order)) {
      fs::path ko = std::string(trim(line));
      // Below the directory, or absolute: as kbuild's age has it.
      if (ko.is_absolute()) ko = ko.lexically_relative(guest_directory(project_));
      ko = ko.lexically_normal().replace_extension(".ko");
      if (ko.empty() || ko.is_absolute() || ko.begin()->string() == "..")
        return fail(ErrorKind::protocol, "the guest names a module outside of its directory: {}",
                    printable(line));
      KOBOX_TRY(const auto bytes, agent().get(here + ko.string(), k_max_module));
      KOBOX_CHECK(write_file(place.copy() / ko, bytes));
      list += ko.string() + "\n";
    }
    return write_file(place.copy() / "modules.order", list);
  }

  const LabOptions& options_;
  const Project& project_;
  const Prepared& prepared_;
  Progress& progress_;
  EventLoop loop_;
  std::optional<Machines> machines_;
  std::unique_ptr<Session> session_;
};

}  // namespace

std::vector<TarFile> as_files(const std::vector<SourceEntry>& sources) {
  std::vector<TarFile> files;
  files.reserve(sources.size());
  for (const auto& one : sources)
    files.push_back({.relative = one.relative,
                     .origin = one.origin,
                     .link = one.link,
                     .executable = one.executable});
  return files;
}

std::string guest_make_command(const Project& project) {
  return fmt::format(
      "cd {0} && LC_ALL=C make -C /lib/modules/$(uname -r)/build M={0} "
      "--no-print-directory --output-sync=target -j$(nproc) modules",
      guest_directory(project));
}

Result<BuildOutcome> build_in_guest(const LabOptions& options, const Project& project,
                                    const Prepared& prepared, AccelChoice accel,
                                    const std::string& progress_key, Progress& progress) {
  KOBOX_CHECK(check_module_source(project.source));
  const auto kernel = place_key(prepared);
  const auto place = BuildPlace::of(options.cache, project.source, kernel);
  KOBOX_TRY(const auto lock,
            FileLock::acquire(place.lock(), LockMode::exclusive, Deadline::after(k_make_limit)));
  KOBOX_TRY(const auto entries, list_sources(project.source, options.cache));
  KOBOX_TRY(const auto sources, sync_sources(entries, place.copy(), place.manifest()));
  const auto key = Digest().add(sources).add(guest_make_command(project)).hex();
  auto record = read_build_record(place, key);
  const bool fresh = !record;
  if (fresh) {
    progress.stage(progress_key, "building in the guest");
    GuestBuild build(options, project, prepared, progress);
    KOBOX_TRY(const auto made, build.make(accel, place, entries));
    if (!made.second) {
      if (const auto fault = host_fault(made.first))
        return fail(ErrorKind::environment, "in the guest: {}; make's output is in {}", *fault,
                    place.log().string());
      auto failure = first_error(made.first, fs::path(guest_directory(project)));
      failure.full_log = place.log();
      failure.message +=
          symbol_hint(failure.message, project.source, prepared.kernel, options.cache);
      return failure;
    }
    KOBOX_TRY(record, write_build_record(place, key, project.source, kernel,
                                         modules_in_order(place, place.copy(), place.copy()),
                                         guest_directory(project)));
  }
  KOBOX_TRY(const auto built, built_modules(record->modules, project.source, record->built_at));
  KOBOX_TRY(auto chosen, choose_modules(built, project.source, project.modules));
  return BuiltModules{.modules = std::move(chosen), .fresh = fresh, .log = place.log()};
}

}  // namespace kobox
