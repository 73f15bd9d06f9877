// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/gdb_relay.h"

#include <sys/socket.h>

#include <array>
#include <vector>

#include <asio/post.hpp>

#include "base/text.h"
#include "vm/gdb_stub.h"

namespace kobox {
namespace {

// More than any packet; what is longer is none that is of interest.
constexpr std::size_t k_max_packet = 64 * 1024;
// So that a processor that is stepped through a loop in which it waits for another gets there.
constexpr std::size_t k_locked_steps = 1000;

bool is_step(std::string_view action) {
  return (action.starts_with('s') || action.starts_with('S')) &&
         action.find(':') != std::string_view::npos;
}

// A vCont packet's payload with nothing but its steps, if it has any.
std::string only_steps(std::string_view payload) {
  std::string kept = "vCont";
  for (const auto& action : split(payload.substr(kept.size()), ';'))
    if (is_step(action)) kept += fmt::format(";{}", action);
  return kept;
}

std::string as_packet(std::string_view payload) {
  unsigned sum = 0;
  for (const char c : payload) sum += static_cast<unsigned char>(c);
  return fmt::format("${}#{:02x}", payload, sum & 0xff);
}

}  // namespace

std::string StepFilter::feed(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    if (packet_.empty() && c != '$') {
      out += c;  // an acknowledgement, or the interrupt (0x03)
      continue;
    }
    packet_ += c;
    if (end_ > 0 || c == '#') ++end_;
    if (end_ == 3) {
      out += end_packet();
    } else if (packet_.size() > k_max_packet) {
      out += std::exchange(packet_, {});
      end_ = 0;
    }
  }
  return out;
}

std::string StepFilter::end_packet() {
  const auto packet = std::exchange(packet_, {});
  end_ = 0;
  const auto payload = std::string_view(packet).substr(1, packet.size() - 4);
  if (!payload.starts_with("vCont;")) return packet;
  const auto steps = only_steps(payload);
  steps_ = steps == "vCont" ? 0 : steps_ + 1;
  if (steps_ == 0 || steps_ % k_locked_steps == 0) return packet;
  return as_packet(steps);
}

GdbRelay::GdbRelay(EventLoop& loop, Fd listener, std::filesystem::path server)
    : loop_(loop), listener_(std::move(listener)), server_(std::move(server)) {
  await_client();
}

GdbRelay::~GdbRelay() = default;

void GdbRelay::await_client() {
  client_.reset();
  qemu_.reset();
  filter_ = {};
  client_comes_ = std::make_unique<ReadableOnce>(loop_, listener_.get(), [this] { take_client(); });
}

void GdbRelay::take_client() {
  Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  auto server = connect_to_path(server_);
  // One callback may not take away the channel that has called it.
  const auto start_again = [this, alive = std::weak_ptr<int>(alive_)] {
    asio::post(loop_.io(), [this, alive] {
      if (alive.lock()) await_client();
    });
  };
  if (!client || !server) return start_again();
  client_ = std::make_unique<Channel>(
      loop_, std::move(client),
      [this](std::string_view bytes) { qemu_->send(filter_.feed(bytes)); }, start_again);
  qemu_ = std::make_unique<Channel>(
      loop_, std::move(*server),
      [this](std::string_view bytes) { client_->send(std::string(bytes)); }, start_again);
}

}  // namespace kobox
