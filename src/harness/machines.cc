// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/machines.h"

#include "base/files.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "harness/cache_use.h"
#include "harness/init_error.h"

namespace kobox {

Session::Options Machines::options_for(const std::filesystem::path& directory, Use use) const {
  auto options = options_;
  options.directory = directory;
  if (use == Use::debugging) options.tcg_threads = TcgThreads::one;
  if (use != Use::tracing) options.tracing.reset();
  return options;
}

std::optional<AccelDecision> Machines::decision() const {
  if (template_) return template_->decision;
  return std::nullopt;
}

Result<std::optional<Failure>> Machines::make_ready() {
  if (isolation_ == Isolation::fresh_boot) return std::optional<Failure>();
  EventLoop loop;
  KOBOX_TRY(
      auto outcome,
      ensure_template(loop, guest_spec(project_, prepared_, options_.directory), options_.accel,
                      options_.cache, [&](const std::string& notice) { progress_.note(notice); }));
  if (const auto* failed = std::get_if<BootFailure>(&outcome)) return to_failure(*failed);
  template_ = std::get<std::shared_ptr<const Template>>(std::move(outcome));
  if (template_->fresh) {
    KOBOX_TRY(const auto removed, trim_saved_machines(options_.cache));
    for (const auto& item : removed)
      progress_.detail(fmt::format("saved machines are over their limit: removed {} ({})",
                                   item.directory.filename().string(), format_bytes(item.bytes)));
  }
  return std::optional<Failure>();
}

Result<std::optional<Failure>> Machines::load_once() {
  EventLoop loop;
  auto session = Session::fork(loop, project_, prepared_, options_, template_->snapshot,
                               template_->decision, GuestMemory::saveable);
  const auto resumed = session ? (*session)->resume(options_.timeout.value_or(project_.test_limit))
                               : Result<>(std::unexpected(session.error()));
  if (!resumed) {
    if (resumed.error().kind() == ErrorKind::interrupted) return std::unexpected(resumed.error());
    note_failed_fork();
    return std::optional<Failure>();
  }
  auto saved = (*session)->save_loaded();
  if (!saved) {
    if (saved.error().kind() == ErrorKind::interrupted) return std::unexpected(saved.error());
    progress_.detail(saved.error().to_string());
    return std::optional<Failure>();
  }
  if (auto* outcome = std::get_if<Session::Outcome>(&*saved)) {
    session->reset();
    auto& failure = outcome->result.failure;
    if (outcome->init_error && failure)
      KOBOX_CHECK(explain(*outcome->init_error, options_.directory, *failure));
    return std::move(failure);
  }
  loaded_ = std::get<LoadedSnapshot>(std::move(*saved));
  return std::optional<Failure>();
}

// Running. Any Error but interrupted means that a boot may help.
Result<std::unique_ptr<Session>> Machines::fork(EventLoop& loop,
                                                const std::filesystem::path& directory, Use use,
                                                Duration limit) {
  const auto options = options_for(directory, use);
  auto session =
      loaded_ && use == Use::tests
          ? Session::fork(loop, project_, prepared_, options, *loaded_, template_->decision)
          : Session::fork(loop, project_, prepared_, options, template_->snapshot,
                          template_->decision);
  if (session) KOBOX_CHECK((*session)->resume(limit));
  return session;
}

Result<std::variant<Machines::Opened, Failure>> Machines::open(
    EventLoop& loop, const std::filesystem::path& directory, Use use, Duration limit,
    const std::function<void()>& before_boot) {
  Opened opened;
  if (forks()) {
    auto forked = fork(loop, directory, use, limit);
    if (forked) return Opened{.session = std::move(*forked), .note = ""};
    if (forked.error().kind() == ErrorKind::interrupted) return std::unexpected(forked.error());
    note_failed_fork();
    opened.note = fmt::format(
        "run from a fresh boot, because its fork of the saved machine did not resume: {}",
        forked.error().message());
  }
  if (before_boot) before_boot();
  if (interrupted()) return fail_interrupted();
  KOBOX_TRY(auto booted,
            Session::boot(loop, project_, prepared_, options_for(directory, use), limit));
  if (auto* failure = std::get_if<Failure>(&booted)) return std::move(*failure);
  opened.session = std::get<std::unique_ptr<Session>>(std::move(booted));
  return opened;
}

Result<> Machines::explain(const InitError& error, const std::filesystem::path& directory,
                           Failure& failure) {
  // A second machine on a kept disk would write over what the first one did there.
  if (!prepared_.kept_layer.empty()) return {};
  const auto again = directory / "again";
  if (!make_directories(again)) return {};
  EventLoop loop;
  auto opened = open(loop, again, Use::debugging, options_.timeout.value_or(project_.test_limit));
  if (!opened && opened.error().kind() == ErrorKind::interrupted)
    return std::unexpected(opened.error());
  Result<> explained;
  if (opened)
    if (auto* machine = std::get_if<Opened>(&*opened)) {
      explained = explain_init_error(*machine->session, project_, prepared_, error, failure);
      machine->session.reset();
    }
  [[maybe_unused]] const auto removed = remove_tree(again);
  return explained;
}

void Machines::note_failed_fork() {
  ++failed_forks_;
  require_check(*template_);
}

}  // namespace kobox
