// SPDX-License-Identifier: GPL-2.0-or-later
// What the guest's agent sends: frames, and the messages in them. The first byte says in which
// pieces the rest arrives; that must make no difference.
#include "fuzz_target.h"
#include "guest/message.h"
#include "guest/wire.h"

using namespace kobox;

FUZZ_TARGET(input) {
  if (input.empty()) return;
  const auto piece = static_cast<std::size_t>(static_cast<unsigned char>(input[0])) + 1;
  input.remove_prefix(1);
  wire::FrameReader whole, pieces;
  whole.feed(input);
  std::vector<std::string> payloads, others;
  while (auto payload = whole.next()) payloads.push_back(std::move(*payload));
  for (std::size_t at = 0; at < input.size(); at += piece) {
    pieces.feed(input.substr(at, piece));
    while (auto payload = pieces.next()) others.push_back(std::move(*payload));
  }
  REQUIRE(payloads == others);
  REQUIRE(whole.broken() == pieces.broken());
  for (const auto& payload : payloads) {
    const auto message = decode_message(payload);
    if (!message) {
      REQUIRE(message.error().kind() == ErrorKind::protocol);
    } else if (const auto* reply = std::get_if<AgentReply>(&*message)) {
      REQUIRE(reply->members.is_object());
      (void)reply->text("stdout");
      (void)reply->number("status");
      (void)reply->flag("timed_out");
    }
  }
}
