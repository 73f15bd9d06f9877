// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/shell.h"

namespace kobox {

Result<std::variant<std::unique_ptr<ShellMachine>, Failure>> ShellMachine::open(
    const ShellOptions& options, Progress& progress) {
  progress.stage(options.selector, "looking for the kernel");
  KOBOX_TRY(const auto kernel, resolve_kernel(options.lab, options.selector, progress));
  KOBOX_TRY(auto outcome, prepare(options.lab, options.project, options.project.tests, kernel,
                                  options.selector, progress));
  if (auto* failure = std::get_if<Failure>(&outcome)) return std::move(*failure);
  KOBOX_TRY(auto folder, RunFolder::make(options.lab.state, options.keep));
  std::unique_ptr<ShellMachine> shell(
      new ShellMachine(options.project, std::get<Prepared>(std::move(outcome)), std::move(folder)));
  KOBOX_TRY(auto failure, shell->get_machine(options, progress));
  if (!failure) {
    KOBOX_TRY(failure, shell->load_module(options.use));
  }
  progress.done(options.selector);
  if (!failure) return shell;
  shell->folder_.keep();
  return std::move(*failure);
}

// A fork if one wakes, else a boot.
Result<std::optional<Failure>> ShellMachine::get_machine(const ShellOptions& options,
                                                         Progress& progress) {
  progress.stage(options.selector, "booting");
  machines_.emplace(project_, prepared_,
                    Session::Options{.accel = options.accel,
                                     .cache = options.lab.cache,
                                     .state = options.lab.state,
                                     .folder = folder_.path(),
                                     .timeout = {},
                                     .tracing = options.tracing},
                    Isolation::forked, progress);
  KOBOX_TRY(auto failure, machines_->make_ready());
  if (failure) return failure;
  const auto forked = start_fork(options.use);
  if (forked) return std::optional<Failure>();
  if (forked.error().kind() == ErrorKind::interrupted) return std::unexpected(forked.error());
  machines_->distrust_forks();
  progress.note(fmt::format("the saved machine does not wake, so another is booted: {}",
                            forked.error().message()));
  KOBOX_TRY(auto opened, machines_->boot(loop_, folder_.path(), options.use));
  if (auto* boot_failure = std::get_if<Failure>(&opened)) return std::move(*boot_failure);
  session_ = std::move(std::get<std::unique_ptr<Session>>(opened));
  KOBOX_CHECK(session_->wake(project_.test_limit));
  return std::optional<Failure>();
}

Result<> ShellMachine::start_fork(Machines::Use use) {
  KOBOX_TRY(session_, machines_->fork(loop_, folder_.path(), use));
  return session_->wake(project_.test_limit);
}

Result<std::optional<Failure>> ShellMachine::load_module(Machines::Use use) {
  KOBOX_CHECK(session_->install_files());
  for (const auto& test : project_.tests) KOBOX_CHECK(session_->install_programs(test.programs));
  if (!prepared_.module || !project_.load || use == Machines::Use::debugging)
    return std::optional<Failure>();
  KOBOX_TRY(const auto answer, session_->load());
  if (answer.done()) return std::optional<Failure>();
  return Failure{.kind = FailureKind::load,
                 .message = fmt::format("the kernel refused the module or its init failed: {}; "
                                        "[module] load = false in kobox.toml leaves it unloaded",
                                        answer.error),
                 .console = session_->guest().console_log().string()};
}

}  // namespace kobox
