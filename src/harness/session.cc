// SPDX-License-Identifier: GPL-2.0-or-later
// Getting a machine, waking it, putting the module into it.
#include "harness/session.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/files.h"
#include "base/text.h"
#include "guest/disk_guest.h"
#include "harness/disk.h"
#include "harness/log_part.h"
#include "harness/surroundings.h"
#include "harness/test_modules.h"
#include "image/layout.h"
#include "module/parameters.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_load_limit = 20s;
constexpr std::size_t k_max_state = 64;  // bytes of a module's initstate
constexpr std::size_t k_seed_bytes = 64;
constexpr std::size_t k_shown_console = 20;  // lines

std::int64_t epoch_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string random_seed() {
  std::string seed(k_seed_bytes, '\0');
  // From 256 bytes down it never blocks for long and is never interrupted (getrandom(2)).
  const auto got = ::getrandom(seed.data(), seed.size(), 0);
  seed.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return seed;
}

}  // namespace

Failure to_failure(const BootFailure& failed) {
  Failure failure{.kind = failed.host_at_fault ? FailureKind::environment
                          : failed.agent_spoke ? FailureKind::lost
                                               : FailureKind::boot,
                  .message = failed.message,
                  .console = failed.console_log.string()};
  const auto lines = lines_of(failed.console);
  const auto first = lines.size() - std::min(lines.size(), k_shown_console);
  for (auto i = first; i < lines.size(); ++i) failure.log.emplace_back(printable(trim(lines[i])));
  return failure;
}

std::string guest_module_path(const BuiltModule& module) {
  return fmt::format("{}/{}.ko", layout::k_module_directory, module.name);
}

GuestSpec guest_spec(const Project& project, const Prepared& prepared,
                     const std::filesystem::path& directory) {
  GuestSpec spec{.kernel = prepared.kernel,
                 .initramfs = prepared.initramfs,
                 .memory = machine_memory(project),
                 .cpus = project.cpus,
                 .boot_limit = machine_boot_limit(project),
                 .directory = directory};
  add_devices(spec, project);
  if (prepared.disk) spec.disk = guest_disk(project, *prepared.disk, prepared.kept_layer);
  return spec;
}

Result<std::variant<std::unique_ptr<Session>, Failure>> Session::boot(EventLoop& loop,
                                                                      const Project& project,
                                                                      const Prepared& prepared,
                                                                      const Options& options,
                                                                      Duration limit) {
  auto spec = guest_spec(project, prepared, options.directory);
  spec.tcg_threads = options.tcg_threads;
  spec.tracing = options.tracing;
  KOBOX_TRY(auto booted, boot_guest(loop, spec, options.accel, options.cache));
  if (const auto* failed = std::get_if<BootFailure>(&booted)) return to_failure(*failed);
  std::unique_ptr<Session> session(new Session(project, prepared, options));
  auto& booted_guest = std::get<BootedGuest>(booted);
  session->guest_ = std::move(booted_guest.guest);
  session->decision_ = std::move(booted_guest.decision);
  auto& guest = *session->guest_;
  auto ready = prepared.disk ? settle_disk_guest(guest) : Result<>();
  if (ready) ready = session->resume(limit);
  if (ready) return session;
  if (ready.error().kind() == ErrorKind::interrupted) return std::unexpected(ready.error());
  return to_failure({.message = "while the guest was prepared: " + ready.error().message(),
                     .console = guest.console().text(),
                     .console_log = guest.console_log(),
                     .host_at_fault = host_at_fault(guest, ready.error()),
                     .agent_spoke = true});
}

Result<std::unique_ptr<Session>> Session::fork(EventLoop& loop, const Project& project,
                                               const Prepared& prepared, const Options& options,
                                               const GuestSnapshot& snapshot,
                                               const AccelDecision& decision, GuestMemory kind) {
  std::unique_ptr<Session> session(new Session(project, prepared, options));
  KOBOX_TRY(session->guest_, Guest::fork(loop, snapshot,
                                         {.directory = options.directory,
                                          .kind_of_memory = kind,
                                          .tcg_threads = options.tcg_threads,
                                          .tracing = options.tracing}));
  session->decision_ = decision;
  session->is_fork_ = true;
  return session;
}

Result<std::unique_ptr<Session>> Session::fork(EventLoop& loop, const Project& project,
                                               const Prepared& prepared, const Options& options,
                                               const LoadedSnapshot& snapshot,
                                               const AccelDecision& decision) {
  KOBOX_TRY(auto session, fork(loop, project, prepared, options, snapshot.snapshot, decision));
  session->loaded_ = snapshot.loaded;
  return session;
}

Result<> Session::resume(Duration limit) {
  server_ = std::make_unique<ModuleServer>(*guest_, prepared_, project_.module_params,
                                           loaded_ ? loaded_->on_request : LoadedOnRequest());
  auto settings = AgentClient::watchful(limit);
  settings.serve_modules = serves_modules(prepared_);
  settings.epoch_us = epoch_microseconds();
  if (is_fork_) {
    // All forks of one machine would draw the same random numbers.
    settings.seed = random_seed();
    KOBOX_CHECK(guest_->run());
  }
  KOBOX_CHECK(guest_->agent().configure(settings));
  if (guest_->restored() && !project_.devices.empty()) KOBOX_CHECK(rescan_devices());
  return {};
}

// Not every device of QEMU's can be saved: edu and pci-testdev, for two, forget their addresses and
// say nothing. So the project's own devices, which no driver has yet, are found again, as if they
// had just been plugged in. Host and ISA bridges (class 06) stay.
Result<> Session::rescan_devices() {
  constexpr const char* k_script =
      "for d in /sys/bus/pci/devices/*; do\n"
      "  [ -e $d/driver ] && continue\n"
      "  case $(cat $d/class) in 0x06*) ;; *) echo 1 > $d/remove;; esac\n"
      "done\n"
      "echo 1 > /sys/bus/pci/rescan\n";
  KOBOX_TRY(const auto reply, guest_->agent().run({.command = k_script, .timeout = k_load_limit}));
  if (reply.status == 0 && !reply.timed_out) return {};
  return fail(ErrorKind::tool, "the fork's PCI devices could not be rescanned: {}",
              trim(reply.standard_error));
}

Duration limit_of(const TestSpec& test, const Project& project, std::optional<Duration> timeout) {
  return timeout.value_or(test.timeout.value_or(project.test_limit));
}

Result<> Session::install_files(const TestSpec* test) {
  auto& agent = guest_->agent();
  KOBOX_CHECK(install_surroundings(agent, project_));
  for (const auto& driver : prepared_.module_drivers) {
    KOBOX_TRY(const auto bytes, read_module(driver.path));
    const auto path = fmt::format("/kobox/driver/{}.ko", driver.name);
    KOBOX_CHECK(agent.put(path, bytes, 0644));
    KOBOX_TRY(const auto answer, agent.load(path, "", k_load_limit));
    if (!answer.done() && answer.error_number != EEXIST)
      return fail(ErrorKind::tool, "cannot load {}, which a module depends on: {}", driver.name,
                  answer.error);
  }
  for (const auto& module : modules_for(prepared_, test)) {
    KOBOX_TRY(const auto bytes, read_file(module.bare));
    KOBOX_CHECK(agent.put(guest_module_path(module), bytes, 0644));
  }
  if (prepared_.disk) return displace_twins();
  return {};
}

// A disk guest has all of the kernel's modules, and udev may have loaded one that has the name of
// one of ours. kmod is told to leave ours to kobox.
Result<> Session::displace_twins() {
  auto& agent = guest_->agent();
  std::string lines;
  for (const auto& module : prepared_.modules) {
    lines += fmt::format("install {0} {1} -- {0} $CMDLINE_OPTS\n", module.name, layout::k_modprobe);
    if (is_loaded(module.name)) KOBOX_CHECK(agent.unload(module.name, k_load_limit));
  }
  KOBOX_TRY(const auto made,
            agent.run({.command = "mkdir -p /run/modprobe.d", .timeout = k_load_limit}));
  if (made.status != 0) return fail(ErrorKind::tool, "{}", trim(made.standard_error));
  return agent.put("/run/modprobe.d/kobox.conf", lines, 0644);
}

bool Session::is_loaded(const std::string& module) {
  return guest_->agent()
      .get(fmt::format("/sys/module/{}/initstate", module), k_max_state)
      .has_value();
}

Result<> Session::install_programs(const std::vector<std::string>& sources) {
  for (const auto& source : sources) {
    const auto name = fs::path(source).stem().string();
    const auto program = std::ranges::find(prepared_.programs, name, &BuiltProgram::name);
    if (program == prepared_.programs.end() || !installed_.insert(name).second) continue;
    const auto place = fmt::format("{}/{}", layout::k_program_directory, name);
    if (loaded_ && loaded_->stored.contains(name)) {
      KOBOX_CHECK(
          guest_->agent().rename(fmt::format("{}/{}", layout::k_program_store, name), place));
      continue;
    }
    KOBOX_TRY(const auto bytes, read_file(program->path));
    KOBOX_CHECK(guest_->agent().put(place, bytes, 0755));
  }
  return {};
}

// A megabyte on its way through the agent costs a fork more than all else that it does.
Result<> Session::store_programs() {
  for (const auto& program : prepared_.programs) {
    KOBOX_TRY(const auto bytes, read_file(program.path));
    KOBOX_CHECK(guest_->agent().put(fmt::format("{}/{}", layout::k_program_store, program.name),
                                    bytes, 0755));
    loaded_->stored.insert(program.name);
  }
  return {};
}

Result<std::optional<LoadFailure>> Session::load_module(const BuiltModule& module) {
  auto& agent = guest_->agent();
  bring_soft(module.soft_before);
  if (server_->loaded().ours.contains(module.name)) return std::optional<LoadFailure>();
  const auto log_mark = agent.kernel_log().end();
  const auto parameters = load_parameters(module, prepared_, project_.module_params);
  LoadAttempt attempt{.answer = {}, .said = {}, .limit = k_load_limit};
  KOBOX_TRY(attempt.answer, agent.load(guest_module_path(module), parameters, k_load_limit));
  if (attempt.answer.error_number == EEXIST) attempt.is_loaded = is_loaded(module.name);
  attempt.said = log_part(agent.kernel_log(), log_mark).lines;
  auto failure = load_failure(attempt, module, prepared_.kernel);
  if (failure) {
    failure->failure.console = guest_->console_log().string();
    if (const auto missing = missing_modules(); failure->init_error != 0 && !missing.empty())
      failure->failure.message += "; " + missing;
  }
  if (!failure) bring_soft(module.soft_after);
  return failure;
}

// A clause for the reader of a failure; "" if all that was asked for is there.
std::string Session::missing_modules() const {
  const auto& missing = server_->missing();
  if (missing.empty()) return "";
  return fmt::format(
      "the guest asked for the module{} {}, which {} does not have; where your module cannot do "
      "without, name the directory of its source in [module] needs of kobox.toml, or take a "
      "flavour "
      "of the kernel that has it",
      missing.size() == 1 ? "" : "s", join(missing, ", "), prepared_.kernel.release);
}

// What is not there is not needed (modprobe.d(5)).
void Session::bring_soft(const std::vector<std::string>& names) {
  if (!serves_modules(prepared_)) return;
  for (const auto& name : names) server_->bring(name);
}

Result<LoadOutcome> Session::load_modules(std::span<const BuiltModule> modules) {
  for (const auto& module : modules) {
    KOBOX_TRY(auto failure, load_module(module));
    if (failure) return judge_load(std::move(failure), modules, project_);
  }
  KOBOX_CHECK(settle_udev());
  return judge_load(std::nullopt, modules, project_);
}

// udev learns of a device after it is there, and then gives its node another mode, owner or names.
Result<> Session::settle_udev() {
  if (!prepared_.disk) return {};
  return kobox::settle_udev(*guest_, k_udev_limit);
}

}  // namespace kobox
