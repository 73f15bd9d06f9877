// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/event_loop.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include <asio/buffer.hpp>
#include <asio/write.hpp>

#include "base/interrupt.h"
#include "base/sliced_wait.h"

namespace kobox {

EventLoop::EventLoop() : interrupt_(io_) {
  const int copy = ::fcntl(interrupt_fd(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return;
  interrupt_.assign(copy);
  interrupt_.async_wait(asio::posix::descriptor_base::wait_read, [](const asio::error_code&) {});
}

Result<> EventLoop::wait_until(const std::function<bool()>& predicate, Deadline deadline) {
  return wait(predicate, deadline, interrupted);
}

Result<> EventLoop::wait_though_interrupted(const std::function<bool()>& predicate,
                                            Deadline deadline) {
  return wait(predicate, deadline, [] { return false; });
}

Result<> EventLoop::wait(const std::function<bool()>& predicate, Deadline deadline,
                         const std::function<bool()>& ended) {
  SlicedWait slices(deadline);
  const auto before = stopped_for_;
  bool passed = slices.passed();
  while (true) {
    if (predicate()) return {};
    if (ended()) return fail_interrupted();
    if (passed) break;
    if (io_.stopped()) io_.restart();
    // Bounded, so that an interrupt that came before its handler was armed is still seen.
    io_.run_one_until(slices.next().time());
    passed = slices.passed();
    stopped_for_ = before + slices.lost();
  }
  // It may have arrived in time, and only this process came too late to take it.
  run_ready();
  if (predicate()) return {};
  return fail(ErrorKind::timeout, "it did not happen in its time");
}

void EventLoop::run_ready() {
  // What a pipe or a socket holds is read in a few turns. Who sends without end must not hold this.
  constexpr int k_most = 1000;
  for (int turns = 0; turns < k_most; ++turns) {
    if (io_.stopped()) io_.restart();
    if (io_.poll_one() == 0) return;
  }
}

struct Channel::State {
  explicit State(EventLoop& loop) : stream(loop.io()) {}

  static void read(const std::shared_ptr<State>& self) {
    auto& state = *self;
    state.stream.async_read_some(asio::buffer(state.buffer),
                                 [self](const asio::error_code& error, std::size_t size) {
                                   if (self->closed) return;
                                   if (error) {
                                     self->ended = true;
                                     if (self->on_end) self->on_end();
                                     return;
                                   }
                                   self->on_bytes(std::string_view(self->buffer.data(), size));
                                   if (!self->closed) read(self);
                                 });
  }

  static void write(const std::shared_ptr<State>& self) {
    auto& state = *self;
    asio::async_write(state.stream, asio::buffer(state.queue.front()),
                      [self](const asio::error_code& error, std::size_t) {
                        if (self->closed) return;
                        self->unsent -= self->queue.front().size();
                        self->queue.pop_front();
                        if (error) {  // reading will notice the end; nothing more can go out
                          self->queue.clear();
                          self->unsent = 0;
                        }
                        if (!self->queue.empty()) write(self);
                      });
  }

  asio::posix::stream_descriptor stream;
  Sink on_bytes;
  std::function<void()> on_end;
  std::array<char, 65536> buffer;
  std::deque<std::string> queue;
  std::size_t unsent = 0;
  bool ended = false;
  bool closed = false;
};

Channel::Channel(EventLoop& loop, Fd fd, Sink on_bytes, std::function<void()> on_end)
    : state_(std::make_shared<State>(loop)) {
  state_->on_bytes = std::move(on_bytes);
  state_->on_end = std::move(on_end);
  asio::error_code ignored;
  state_->stream.assign(fd.release(), ignored);
  State::read(state_);
}

Channel::~Channel() {
  state_->closed = true;
  state_->on_bytes = nullptr;
  asio::error_code ignored;
  state_->stream.close(ignored);
}

void Channel::send(std::string bytes) {
  if (bytes.empty() || state_->ended) return;
  state_->unsent += bytes.size();
  state_->queue.push_back(std::move(bytes));
  if (state_->queue.size() == 1) State::write(state_);
}

Result<> Channel::send_with_fd(std::string_view bytes, int fd) {
  if (!state_->queue.empty()) return fail(ErrorKind::internal, "a descriptor cannot be queued");
  iovec piece = {const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fd)> control = {};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  const auto sent = ::sendmsg(state_->stream.native_handle(), &message, MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size()))
    return fail(ErrorKind::internal, "cannot send a descriptor: {}",
                sent < 0 ? std::strerror(errno) : "the socket is full");
  return {};
}

std::size_t Channel::unsent() const { return state_->unsent; }

bool Channel::ended() const { return state_->ended; }

struct ReadableOnce::State {
  explicit State(EventLoop& loop) : stream(loop.io()) {}
  asio::posix::stream_descriptor stream;
  std::function<void()> callback;
};

ReadableOnce::ReadableOnce(EventLoop& loop, int fd, std::function<void()> callback)
    : state_(std::make_shared<State>(loop)) {
  state_->callback = std::move(callback);
  asio::error_code ignored;
  state_->stream.assign(::fcntl(fd, F_DUPFD_CLOEXEC, 0), ignored);
  state_->stream.async_wait(asio::posix::descriptor_base::wait_read,
                            [state = state_](const asio::error_code& error) {
                              if (!error && state->callback) state->callback();
                            });
}

ReadableOnce::~ReadableOnce() {
  state_->callback = nullptr;
  asio::error_code ignored;
  state_->stream.close(ignored);
}

}  // namespace kobox
