// SPDX-License-Identifier: GPL-2.0-or-later
// QEMU's monitor protocol: the messages, and a client.
//
// Source: QEMU's docs/interop/qmp-spec.rst. Messages are JSON objects; we read one a line, which
// is what QEMU writes when the monitor is not in "pretty" mode.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/deadline.h"
#include "base/line_splitter.h"
#include "base/result.h"
#include "vm/event_loop.h"

namespace kobox {

struct QmpGreeting {
  std::string version;  // "7.2.22"
};
struct QmpReply {
  std::uint64_t id = 0;
  nlohmann::json value;
};
struct QmpFailure {
  std::optional<std::uint64_t> id;
  std::string error_class;
  std::string description;
};
struct QmpEvent {
  std::string name;     // "SHUTDOWN"
  nlohmann::json data;  // an object
  // A string member of data, or "".
  std::string text(const char* key) const;
};
using QmpMessage = std::variant<QmpGreeting, QmpReply, QmpFailure, QmpEvent>;

// One line to a message; ErrorKind::protocol for anything that is not one. Any bytes may be given.
Result<QmpMessage> parse_qmp(std::string_view line);

// For how long a machine has been stopped at its monitor's or a debugger's word: the events STOP
// and RESUME (QEMU's qapi/run-state.json).
class Standstill {
 public:
  void stop() {
    if (!since_) since_ = Deadline::Clock::now();
  }
  void resume();
  bool stopped() const { return since_.has_value(); }
  Duration past() const { return past_; }  // without the one that goes on
  // Since when it has been running; from the beginning, if it was never stopped.
  Deadline::Clock::time_point running_since() const { return running_since_; }

 private:
  std::optional<Deadline::Clock::time_point> since_;
  Duration past_ = {};
  Deadline::Clock::time_point running_since_ = Deadline::Clock::now();
};

// The client's side of one monitor.
class QmpClient {
 public:
  QmpClient(EventLoop& loop, Fd monitor);

  // Reads the greeting and leaves negotiation mode.
  Result<> negotiate(Deadline deadline);
  // Runs a command and waits for its answer. ErrorKind::tool with QEMU's own words if it refuses,
  // protocol if QEMU talks garbage or hangs up.
  Result<nlohmann::json> execute(std::string_view command, nlohmann::json arguments,
                                 Deadline deadline);

  // Hands QEMU a copy of an open descriptor, under a name that a later command uses ("fd:NAME").
  Result<> give_fd(std::string_view name, int fd, Deadline deadline);

  // All that came, but STOP and RESUME, of which a debugger makes thousands.
  const std::vector<QmpEvent>& events() const { return events_; }
  const Standstill& standstill() const { return standstill_; }
  bool ended() const { return channel_.ended(); }

 private:
  void take(std::string_view bytes);
  void take_line(std::string_view line);
  void take_event(QmpEvent event);
  Result<nlohmann::json> await_answer(std::uint64_t id, std::string_view command,
                                      Deadline deadline);

  EventLoop& loop_;
  LineSplitter lines_;
  std::optional<Error> broken_;
  bool greeted_ = false;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, QmpMessage> answers_;
  std::vector<QmpEvent> events_;
  Standstill standstill_;
  Channel channel_;  // last: its callbacks use the members above
};

}  // namespace kobox
