// SPDX-License-Identifier: GPL-2.0-or-later
// The agent's end of the virtio-serial port: frames in, frames out.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "guest/wire.h"

namespace kobox::agent {

using Json = nlohmann::json;

// Waits for the port to appear (kernel uevents tell) and opens it; never returns without.
int open_port();

class Port {
 public:
  explicit Port(int fd) : fd_(fd) {}

  int fd() const { return fd_; }
  // Queues one message.
  void send(const Json& message);
  // Writes what the port takes now.
  void flush();
  bool wants_to_write() const { return !out_.empty(); }
  // So much is queued that producers should wait.
  bool congested() const { return out_.size() > (std::size_t{8} << 20); }
  // Reads what is there and hands each message on, with the data that follows it as its "data".
  // What is not a CBOR map is dropped.
  void receive(const std::function<void(const Json&)>& handle);

 private:
  int fd_;
  std::string out_;
  wire::FrameReader reader_;
  std::optional<Json> awaits_data_;
};

}  // namespace kobox::agent
