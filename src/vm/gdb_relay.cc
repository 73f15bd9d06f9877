// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/gdb_relay.h"

#include <sys/socket.h>

#include <asio/post.hpp>

#include "vm/gdb_stub.h"

namespace kobox {

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
      [this](std::string_view bytes) { pass_on(filter_.from_gdb(bytes)); }, start_again);
  qemu_ = std::make_unique<Channel>(
      loop_, std::move(*server),
      [this](std::string_view bytes) { pass_on(filter_.from_qemu(bytes)); }, start_again);
}

void GdbRelay::pass_on(const GdbFilter::Onward& onward) {
  if (!onward.to_qemu.empty()) qemu_->send(onward.to_qemu);
  if (!onward.to_gdb.empty()) client_->send(onward.to_gdb);
}

}  // namespace kobox
