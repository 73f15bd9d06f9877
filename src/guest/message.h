// SPDX-License-Identifier: GPL-2.0-or-later
// From a frame's bytes to a message, on the host's side: the guest is not trusted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace kobox {

struct AgentHello {
  std::int64_t protocol = 0;
  std::string release;
};
struct AgentKmsg {
  std::vector<std::string> records;  // raw /dev/kmsg records
};
struct AgentOutput {
  std::uint64_t id = 0;
  std::string data;
};
// A modprobe process in the guest waits for this module.
struct AgentModprobe {
  std::uint64_t id = 0;
  std::string name;        // or an alias; any bytes
  std::string parameters;  // for the module
};
struct AgentReply {
  std::uint64_t id = 0;
  bool ok = false;
  int error_number = 0;  // errno in the guest, when not ok
  std::string error;
  nlohmann::json members;  // an object

  // Members by type; what is absent or of another type reads as the default.
  std::string text(const char* key) const;  // a text or byte string
  std::int64_t number(const char* key) const;
  bool flag(const char* key) const;
};
using AgentMessage = std::variant<AgentHello, AgentKmsg, AgentOutput, AgentModprobe, AgentReply>;

// ErrorKind::protocol for anything that is not one message of src/guest/wire.h: malformed or
// deeply nested CBOR, indefinite lengths, tags, missing members. Any bytes may be given.
Result<AgentMessage> decode_message(std::string_view payload);

}  // namespace kobox
