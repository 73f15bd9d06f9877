// SPDX-License-Identifier: GPL-2.0-or-later
// A GDB that is driven over its machine interface (GDB's manual, "The GDB/MI Interface").
//
//   KOBOX_TRY(auto gdb, GdbClient::start(loop, command));
//   KOBOX_CHECK(gdb->command("-break-insert dev_read", deadline));
//   KOBOX_CHECK(gdb->command("-exec-continue", deadline));
//   KOBOX_TRY(const auto stop, gdb->wait_for_stop(deadline));
//
// The program that is debugged either runs or is stopped; commands, but for -exec-interrupt, are
// for when it is stopped.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/child.h"
#include "base/deadline.h"
#include "base/line_splitter.h"
#include "base/result.h"
#include "debug/mi.h"
#include "vm/event_loop.h"

namespace kobox {

class GdbClient {
 public:
  // Starts `command`, which must ask for --interpreter=mi3, and waits until it listens. Errors:
  // environment (it cannot be started), tool (it ended at once: its words), timeout, interrupted.
  static Result<std::unique_ptr<GdbClient>> start(EventLoop& loop, const CommandLine& command,
                                                  Deadline deadline);
  GdbClient(const GdbClient&) = delete;
  GdbClient& operator=(const GdbClient&) = delete;
  ~GdbClient();  // kills it

  // Runs one MI command, without its newline. ErrorKind::tool with GDB's own words if it refuses or
  // has ended; protocol, timeout, interrupted. With an -exec command what stopped before is
  // forgotten.
  Result<MiTuple> command(std::string_view text, Deadline deadline);

  // The next *stopped record; with an early end also nothing. Errors as above.
  Result<std::optional<MiTuple>> wait_for_stop(Deadline deadline,
                                               const std::function<bool()>& end_early = {});

  // Called for each =name,… record as it comes, while anything is waited for.
  void on_notify(std::function<void(const MiAsync&)> sink) { on_notify_ = std::move(sink); }

  // Has it ended, or said something that is not MI?
  bool ended() const { return error_.has_value(); }

 private:
  explicit GdbClient(EventLoop& loop) : loop_(loop) {}
  void take(std::string_view bytes);
  void take_line(std::string_view line);
  void take_async(MiAsync async);
  void take_result(MiResult result);
  void take_end();
  Result<> wait(const std::function<bool()>& predicate, Deadline deadline);

  EventLoop& loop_;
  LineSplitter lines_{k_mi_max_line};
  std::string error_text_;  // its standard error, and what came before it spoke MI; bounded
  std::optional<Error> error_;
  bool listens_ = false;  // it has prompted
  std::uint64_t next_token_ = 1;
  bool asked_ = false;  // a command's answer is waited for
  std::optional<MiResult> answer_;
  std::deque<MiTuple> stops_;
  std::function<void(const MiAsync&)> on_notify_;
  std::optional<Child> child_;
  std::unique_ptr<ReadableOnce> end_;
  std::unique_ptr<Channel> errors_;
  std::unique_ptr<Channel> channel_;
};

}  // namespace kobox
