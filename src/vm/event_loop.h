// SPDX-License-Identifier: GPL-2.0-or-later
// The loop on which everything that belongs to one test job happens: QEMU's sockets, its end,
// deadlines, and the user's interrupt. One thread each; nothing in it needs a lock.
//
//   auto wait = loop.wait_until([&] { return agent.ready(); }, Deadline::after(60s));
//
// Whatever is waited for, everything else that arrives meanwhile is taken too: console text,
// kernel log records, QMP events. So no channel can fill up and block the machine.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"

namespace kobox {

class EventLoop {
 public:
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs handlers until the predicate holds. Errors: timeout, interrupted. What has arrived when
  // the deadline passes is still taken, and time in which kobox did not run (base/sliced_wait.h)
  // does not count.
  Result<> wait_until(const std::function<bool()>& predicate, Deadline deadline);
  // The same where an interrupt has come and something must still be brought to its end. Error:
  // timeout. (A second interrupt ends the process.)
  Result<> wait_though_interrupted(const std::function<bool()>& predicate, Deadline deadline);

  // For how long kobox did not run in all waits so far, in pieces of more than a second: it or its
  // host was stopped, and perhaps the machine with it.
  Duration stopped_for() const { return stopped_for_; }

  // Takes what has already arrived, and waits for nothing. Of a peer that sends without end, a
  // bounded part.
  void run_ready();

  asio::io_context& io() { return io_; }

 private:
  Result<> wait(const std::function<bool()>& predicate, Deadline deadline,
                const std::function<bool()>& ended);

  Duration stopped_for_ = Duration::zero();
  asio::io_context io_;
  asio::posix::stream_descriptor interrupt_;  // wakes the loop; interrupted() is the truth
};

// One end of a connected stream (a socket, or a terminal's descriptor), read and written on a
// loop. Closing it, or destroying it, forgets what was not yet sent.
class Channel {
 public:
  using Sink = std::function<void(std::string_view)>;

  // `on_end` is called once when the peer has closed or reading fails; it may not destroy this.
  Channel(EventLoop& loop, Fd fd, Sink on_bytes, std::function<void()> on_end = {});
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  // Queues bytes; they go out while the loop runs. Lost if the peer is gone.
  void send(std::string bytes);
  // Sends bytes and, with them, a copy of a descriptor (SCM_RIGHTS, unix(7)) at once. For sockets;
  // ErrorKind::internal if other bytes are still queued or the socket takes no more.
  Result<> send_with_fd(std::string_view bytes, int fd);
  // Bytes queued and not yet taken by the peer.
  std::size_t unsent() const;
  // The peer has closed, or reading failed.
  bool ended() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Calls back once when the descriptor becomes readable (a pidfd: the process has ended).
class ReadableOnce {
 public:
  ReadableOnce(EventLoop& loop, int fd, std::function<void()> callback);
  ReadableOnce(const ReadableOnce&) = delete;
  ReadableOnce& operator=(const ReadableOnce&) = delete;
  ~ReadableOnce();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kobox
