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
  progress.stage(options.selector, "booting");
  KOBOX_TRY(auto opened, Session::open(shell->loop_, shell->project_, shell->prepared_,
                                       {.accel = options.accel,
                                        .cache = options.lab.cache,
                                        .folder = shell->folder_.path()}));
  if (auto* failure = std::get_if<Failure>(&opened)) {
    shell->folder_.keep();
    return std::move(*failure);
  }
  shell->session_ = std::move(std::get<Session::Opened>(opened).session);
  KOBOX_TRY(auto failure, shell->load_module());
  progress.done(options.selector);
  if (failure) return std::move(*failure);
  return shell;
}

Result<std::optional<Failure>> ShellMachine::load_module() {
  KOBOX_CHECK(session_->set_clock());
  for (const auto& test : project_.tests) KOBOX_CHECK(session_->install_programs(test.programs));
  if (!prepared_.module || !project_.load) return std::optional<Failure>();
  KOBOX_TRY(const auto answer, session_->load());
  if (answer.done()) return std::optional<Failure>();
  folder_.keep();
  return Failure{.kind = FailureKind::load,
                 .message = fmt::format("the kernel refused the module or its init failed: {}; "
                                        "[module] load = false in kobox.toml leaves it unloaded",
                                        answer.error),
                 .console = session_->guest().console_log().string()};
}

}  // namespace kobox
