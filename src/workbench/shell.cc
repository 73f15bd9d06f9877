// SPDX-License-Identifier: GPL-2.0-or-later
#include "workbench/shell.h"

#include <chrono>

#include "base/text.h"
#include "guest/guest_files.h"
#include "harness/guest_build.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_shutdown_limit = 1min;

// "" if there is a module to build, else why there is none.
std::string why_no_module(const ShellOptions& options, const Kernel& kernel) {
  if (!holds_module(options.project))
    return options.project.source.string() + " has no Kbuild and no Makefile";
  if (kernel.headers.empty()) return "the kernel has no headers to build with";
  return "";
}

// A bare machine has no module. Nor has a shell's where there is none to build.
Result<PrepareOutcome> prepare_for(const ShellOptions& options, const Kernel& kernel,
                                   Progress& progress) {
  const auto without = options.use == Machines::Use::tests ? why_no_module(options, kernel) : "";
  if (!options.bare && !without.empty()) progress.note("the machine has no module: " + without);
  if (!options.bare && without.empty())
    return prepare(options.lab, options.project, options.project.tests, kernel, options.selector,
                   progress, options.accel);
  KOBOX_TRY(auto prepared, prepare_bare(options.lab, options.project, kernel, progress));
  return prepared;
}

}  // namespace

Result<std::variant<std::unique_ptr<ShellMachine>, Failure>> ShellMachine::open(
    const ShellOptions& options, Progress& progress) {
  progress.stage(options.selector, "looking for the kernel");
  KOBOX_TRY(const auto kernel, resolve_kernel(options.lab, options.selector, progress));
  KOBOX_TRY(auto outcome, prepare_for(options, kernel, progress));
  if (auto* failure = std::get_if<Failure>(&outcome)) return std::move(*failure);
  KOBOX_TRY(auto directory, RunDirectory::make(options.lab.state, options.keep));
  std::unique_ptr<ShellMachine> shell(new ShellMachine(
      options.project, std::get<Prepared>(std::move(outcome)), std::move(directory)));
  if (!options.persist.empty()) {
    auto& prepared = shell->prepared_;
    KOBOX_TRY(shell->kept_,
              open_kept_disk(options.lab.state, options.persist, prepared.disk->info));
    prepared.kept_layer = shell->kept_->layer;
  }
  KOBOX_TRY(auto failure, shell->get_machine(options, progress));
  if (!failure && !options.bare) {
    KOBOX_TRY(failure, shell->load_modules(options.use, progress));
  }
  if (!failure) KOBOX_CHECK(shell->fill_home(options));
  progress.done(options.selector);
  if (!failure) return shell;
  shell->directory_.keep();
  return std::move(*failure);
}

Result<std::optional<Failure>> ShellMachine::get_machine(const ShellOptions& options,
                                                         Progress& progress) {
  progress.stage(options.selector, "booting");
  machines_.emplace(project_, prepared_,
                    Session::Options{.accel = options.accel,
                                     .cache = options.lab.cache,
                                     .state = options.lab.state,
                                     .directory = directory_.path(),
                                     .timeout = {},
                                     .tracing = options.tracing},
                    // What a saved machine knows of its disk is not what is on a kept one.
                    kept_ ? Isolation::fresh_boot : Isolation::forked, progress);
  KOBOX_TRY(auto failure, machines_->make_ready());
  if (failure) return failure;
  KOBOX_TRY(auto opened,
            machines_->open(loop_, directory_.path(), options.use, project_.test_limit));
  if (auto* boot_failure = std::get_if<Failure>(&opened)) return std::move(*boot_failure);
  auto& machine = std::get<Machines::Opened>(opened);
  if (!machine.note.empty()) progress.note(machine.note);
  session_ = std::move(machine.session);
  return std::optional<Failure>();
}

Result<std::optional<Failure>> ShellMachine::load_modules(Machines::Use use, Progress& progress) {
  KOBOX_CHECK(session_->install_files());
  for (const auto& test : project_.tests) KOBOX_CHECK(session_->install_programs(test.programs));
  if (!project_.load || use == Machines::Use::debugging) return std::optional<Failure>();
  KOBOX_TRY(auto loaded, session_->load_modules(prepared_.modules));
  switch (loaded.kind) {
    case LoadOutcome::Kind::loaded:
      return std::optional<Failure>();
    case LoadOutcome::Kind::refused:
    case LoadOutcome::Kind::no_device:
      progress.note("the module is not loaded: " + loaded.failure.message);
      return std::optional<Failure>();
    case LoadOutcome::Kind::failed:
      break;
  }
  if (loaded.init_error) {
    session_.reset();
    KOBOX_CHECK(machines_->explain(*loaded.init_error, directory_.path(), loaded.failure));
  }
  loaded.failure.message += "; [module] load = false in kobox.toml leaves it unloaded";
  return std::move(loaded.failure);
}

// The user's work on a kept disk is not written over.
Result<> ShellMachine::fill_home(const ShellOptions& options) {
  const std::string user = options.bare ? options.user : "root";
  home_ = user == "root" ? "/root" : "/home/" + user;
  work_directory_ = home_;
  if (options.bare && holds_module(project_)) {
    work_directory_ = home_ + "/" + project_.source.filename().string();
    KOBOX_TRY(const auto there,
              agent().run({.command = "test -e " + shell_quote(work_directory_)}));
    if (there.status != 0) {
      KOBOX_TRY(const auto sources, list_sources(project_.source, options.lab.cache));
      KOBOX_CHECK(copy_in(agent(), as_files(sources), work_directory_, user));
    }
  }
  for (const auto& path : options.put) {
    const auto source = absolute_directory(path);
    KOBOX_TRY(const auto files, files_below(source.parent_path(), {source.filename().string()}));
    // Only what is put in becomes the user's: the home has other files too.
    KOBOX_CHECK(copy_in(agent(), files, home_, user));
  }
  return {};
}

ShellMachine::~ShellMachine() {
  if (!kept_ || !session_) return;
  [[maybe_unused]] const auto done = power_off();
}

Result<> ShellMachine::power_off() {
  if (machine().end()) return {};
  agent().power_off();
  // What was written is not lost because the user has had enough.
  const auto over =
      loop_.wait_though_interrupted([this] { return machine().end() || guest().out_of_disk(); },
                                    Deadline::after(k_shutdown_limit));
  if (over && !machine().end())
    return std::unexpected(
        std::move(*guest().out_of_disk()).while_doing("what the guest wrote last is lost"));
  if (over || over.error().kind() != ErrorKind::timeout) return over;
  return fail(ErrorKind::timeout,
              "the guest did not shut down within {}; what it wrote last may "
              "be missing from its disk",
              format_duration(k_shutdown_limit));
}

}  // namespace kobox
