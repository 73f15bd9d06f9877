// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/breakpoint_watch.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <future>

#include "base/catching.h"
#include "base/text.h"
#include "debug/gdb_setup.h"
#include "harness/breakpoint_session.h"
#include "harness/test_modules.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

Result<Fd> make_event() {
  Fd event(::eventfd(0, EFD_CLOEXEC));
  if (!event) return fail_errno("cannot make an eventfd");
  return event;
}

void set(const Fd& event) {
  const std::uint64_t one = 1;
  while (::write(event.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace

struct BreakpointWatch::Started {
  std::promise<void> machine_goes_on;
};

BreakpointWatch::BreakpointWatch(Guest& guest, const TestSpec& test, GdbTarget target,
                                 Fd end_request, Fd wake)
    : guest_(guest),
      test_(test),
      target_(std::move(target)),
      end_request_(std::move(end_request)),
      wake_(std::move(wake)),
      started_(std::make_unique<Started>()),
      seen_(test.breakpoints.size()) {
  // Nothing is done: that the loop runs a handler makes every wait look again.
  waker_.emplace(guest.loop(), wake_.get(), [] {});
}

BreakpointWatch::~BreakpointWatch() { end_thread(); }

Result<std::unique_ptr<BreakpointWatch>> BreakpointWatch::start(Guest& guest,
                                                                const Prepared& prepared,
                                                                const std::filesystem::path& cache,
                                                                const TestSpec& test,
                                                                Duration limit) {
  const auto modules = modules_for(prepared, &test);
  KOBOX_TRY(auto target,
            GdbTarget::open(guest, prepared.kernel, {.cache = cache, .modules = modules}));
  KOBOX_TRY(auto end_request, make_event());
  KOBOX_TRY(auto wake, make_event());
  std::unique_ptr<BreakpointWatch> watch(
      new BreakpointWatch(guest, test, std::move(target), std::move(end_request), std::move(wake)));
  watch->hint_ = missing_debug_info(modules);
  std::vector<std::string> locations;
  for (const auto& breakpoint : test.breakpoints)
    locations.push_back(qualified_location(breakpoint.at, modules));
  auto goes_on = watch->started_->machine_goes_on.get_future();
  if (!watch->thread_.add([&self = *watch, locations, limit] { self.work(locations, limit); }))
    return fail(ErrorKind::environment, "this host gives no more threads");
  goes_on.wait();  // GDB has deadlines of its own
  if (!watch->broken_) return watch;
  watch->end_thread();
  return std::unexpected(*watch->error_);
}

void BreakpointWatch::work(const std::vector<std::string>& locations, Duration limit) {
  bool told = false;
  const auto done = catching([&] { return serve(locations, Deadline::after(limit), told); });
  if (!done) {
    error_ = done.error();
    broken_ = true;
  }
  if (!told) started_->machine_goes_on.set_value();
  set(wake_);
}

// `told`: start() knows that the machine goes on.
Result<> BreakpointWatch::serve(const std::vector<std::string>& locations, Deadline deadline,
                                bool& told) {
  EventLoop loop;
  struct Relay {
    GdbTarget& target;
    Relay(GdbTarget& relayed, EventLoop& on) : target(relayed) { target.relay(on); }
    ~Relay() { target.end_relay(); }
  } relay(target_, loop);
  bool should_end = false;
  const ReadableOnce choice(loop, end_request_.get(), [&] { should_end = true; });
  BreakpointSession session(loop, test_.breakpoints, seen_, deadline);
  KOBOX_CHECK(session.connect(target_.program(), target_.setup_script(), locations));
  KOBOX_CHECK(session.go_on());
  told = true;
  started_->machine_goes_on.set_value();
  return session.watch([&] { return should_end; });
}

void BreakpointWatch::end_thread() {
  set(end_request_);
  thread_.join();
}

std::optional<Failure> BreakpointWatch::finish() {
  end_thread();
  return judge();
}

std::optional<Failure> BreakpointWatch::judge() const {
  if (error_ && error_->kind() == ErrorKind::timeout) {
    std::string hits;
    for (std::size_t i = 0; i < seen_.size(); ++i)
      hits += fmt::format("{}{}: {}", i > 0 ? ", " : "", test_.breakpoints[i].at, seen_[i].hits);
    return Failure{.kind = FailureKind::hang,
                   .message = fmt::format("under the debugger the test did not end in its time "
                                          "(hits so far: {})",
                                          hits)};
  }
  if (error_ && !guest_.machine().end())
    return Failure{.kind = FailureKind::environment,
                   .message = "the debugger could not go on: " + error_->message()};
  std::vector<std::string> wrong;
  for (std::size_t i = 0; i < seen_.size(); ++i)
    if (auto sentence = judge_breakpoint(test_.breakpoints[i], seen_[i]))
      wrong.push_back(std::move(*sentence));
  if (wrong.empty()) return std::nullopt;
  if (!hint_.empty()) wrong.push_back(hint_);
  return Failure{.kind = FailureKind::assertion, .message = join(wrong, "; ")};
}

}  // namespace kobox
