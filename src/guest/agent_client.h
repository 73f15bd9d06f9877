// SPDX-License-Identifier: GPL-2.0-or-later
// The host's side of the agent: asks, waits for answers, collects the kernel's log.
//
// Everything the guest sends is bounded: frames by the wire's limit, the kernel log by
// k_max_log_bytes (older records go first), replies to one for each request.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "guest/message.h"
#include "guest/wire.h"

namespace kobox {

class AgentClient {
 public:
  using Send = std::function<void(std::string)>;
  // Waits for a condition while the machine's events are taken; see Guest.
  using Wait = std::function<Result<>(const std::function<bool()>&, Deadline)>;

  AgentClient(Send send, Wait wait) : send_(std::move(send)), wait_(std::move(wait)) {}

  // Bytes from the port.
  void take(std::string_view bytes);
  bool ready() const { return hello_.has_value(); }
  const std::string& release() const { return hello_->release; }
  // The guest broke the protocol; nothing it says is listened to any more.
  const std::optional<Error>& broken() const { return broken_; }

  struct RunRequest {
    std::string command;
    Duration timeout = std::chrono::seconds(10);
    std::size_t max_output = std::size_t{256} << 10;  // bytes kept of each stream
  };
  struct RunReply {
    int status = 0;
    int signal = 0;
    bool timed_out = false;
    bool stuck = false;  // still there after SIGKILL
    std::string standard_output;
    std::string standard_error;
    std::uint64_t dropped_output = 0;  // bytes
    std::uint64_t dropped_error = 0;
  };
  // Errors of all calls: timeout (the agent did not answer), protocol (it broke the protocol),
  // tool (the machine ended), interrupted. What the guest's kernel refused is a value.
  Result<RunReply> run(const RunRequest& request);

  Result<> put(std::string_view path, std::string_view bytes, int mode);
  Result<> rename(std::string_view path, std::string_view to);
  // ErrorKind::tool with the guest's errno text if it cannot be read; at most max bytes.
  Result<std::string> get(std::string_view path, std::size_t max);

  // What a file that gives each byte once has to give now, without waiting for more. As get(), but
  // what the last answer brings beyond max is not thrown away. An answer without data is the end.
  Result<std::string> drain(std::string_view path, std::size_t max);

  struct KernelAnswer {
    int error_number = 0;    // 0: done
    std::string error;       // strerror
    bool killed = false;     // the process that asked the kernel was killed: an oops
    bool timed_out = false;  // the kernel did not come back within the limit
    bool done() const { return error_number == 0 && !killed && !timed_out; }
  };
  Result<KernelAnswer> load(std::string_view path, std::string_view params, Duration limit);
  Result<KernelAnswer> unload(std::string_view name, Duration limit);
  struct ModuleUsers {
    std::int64_t references = -1;    // -1: not known
    std::vector<std::string> users;  // "process 87 (sleep 1000) has opened /dev/x"
  };
  // Who uses a module, as far as it can be seen. Without a mark_inventory before it was loaded, a
  // device's users are not. Nothing is known if the guest does not come back with it in its time.
  Result<ModuleUsers> users(std::string_view name);
  Result<std::map<std::string, std::uint64_t>> sections(std::string_view name);
  // Has the agent note what the kernel has registered, and tell what has come since.
  Result<> mark_inventory();
  // What is registered between these two is not the modules' under test, and noted too.
  enum class Others { begin, end };
  Result<> note_others(Others others);
  Result<std::vector<std::string>> new_in_inventory();

  struct Settings {
    int watchdog_s = 0;     // kernel.watchdog_thresh; a soft lockup is reported after twice that
    int hung_task_s = 0;    // kernel.hung_task_timeout_secs
    int console_level = 0;  // kernel.printk: which of the kernel's messages its console shows
    bool serve_modules = false;  // the kernel's request_module() is asked of us, from now on
    bool one_cpu = false;        // from now on all that the agent starts stays on one processor
    std::int64_t epoch_us = 0;   // the time of day to set; 0: leave it
    std::string seed;            // for the kernel's random numbers; "": leave them
  };
  // Only what differs from what was configured before goes to the guest.
  Result<> configure(const Settings& settings);
  // Watchdogs that speak up well within a test's limit, and a console that shows everything.
  static Settings watchful(Duration limit);

  // An interactive command on a terminal. Output goes to on_output while anything waits.
  struct TerminalRequest {
    std::string command;
    unsigned rows = 24, columns = 80;
    std::string term;
  };
  std::uint64_t open_terminal(const TerminalRequest& request,
                              std::function<void(std::string_view)> on_output);
  void send_input(std::uint64_t terminal, std::string_view bytes);
  void resize(std::uint64_t terminal, unsigned rows, unsigned columns);
  // The reply once its process has ended, nothing before.
  std::optional<AgentReply> terminal_end(std::uint64_t terminal);

  // What a modprobe in the guest wants is loaded by this function, which may use the agent, and
  // while it does so may be called again. It gives "" or why the module is not loaded.
  using Modprobe = std::function<std::string(const AgentModprobe&)>;
  void serve_modprobe(Modprobe serve) { modprobe_ = std::move(serve); }
  // Is there one to be served? Who waits for the guest does so then, from outside of take().
  bool modprobe_waits() const {
    return modprobe_ && !modprobes_.empty() && serving_ < k_most_nested;
  }
  void serve_next_modprobe();

  void power_off();

  // How far the conversation has come, for a client that takes it up with a fork of the machine.
  // Nothing may be under way.
  struct Standing {
    AgentHello hello;
    std::string unread;                // the beginning of a frame whose rest is still to come
    std::vector<std::string> records;  // the kernel's log
    std::size_t dropped = 0;           // KernelLog::dropped
    Settings settings = {};            // the last that were configured; no epoch, no seed
  };
  Standing standing() const;
  void resume(const Standing& standing);

  // Raw /dev/kmsg records since boot, in order. `dropped` counts those that no longer are there:
  // record i of the log has index dropped + i.
  struct KernelLog {
    std::deque<std::string> records;
    std::size_t dropped = 0;
    std::size_t end() const { return dropped + records.size(); }
  };
  const KernelLog& kernel_log() const { return log_; }

 private:
  void take_message(AgentMessage message);
  void add_record(std::string record);
  void answer_modprobe(std::uint64_t id, const std::string& error);
  // `data`, if there is any, goes as a bare frame after the request.
  std::uint64_t post(std::string_view operation, nlohmann::json members,
                     std::string_view data = "");
  Result<AgentReply> ask(std::string_view operation, nlohmann::json members, Duration limit,
                         std::string_view data = "");
  Result<KernelAnswer> ask_kernel(std::string_view operation, nlohmann::json members,
                                  Duration limit);

  Send send_;
  Wait wait_;
  wire::FrameReader reader_;
  std::optional<AgentHello> hello_;
  std::optional<Error> broken_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::optional<AgentReply>> pending_;
  std::map<std::uint64_t, std::function<void(std::string_view)>> terminals_;
  // One whose init asks for the next, and so on.
  static constexpr int k_most_nested = 16;
  Modprobe modprobe_;
  std::deque<AgentModprobe> modprobes_;
  int serving_ = 0;
  Settings settings_;
  KernelLog log_;
  std::size_t log_bytes_ = 0;
};

}  // namespace kobox
