// SPDX-License-Identifier: GPL-2.0-or-later
#include "port.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "system.h"

namespace kobox::agent {
namespace {

// The device node of the port that carries our name, opened, or -1.
int try_open() {
  constexpr const char* k_ports = "/sys/class/virtio-ports";
  DIR* directory = ::opendir(k_ports);
  if (directory == nullptr) return -1;
  int fd = -1;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (!read_text(std::string(k_ports) + "/" + name + "/name").starts_with(wire::k_port_name))
      continue;
    fd = ::open(("/dev/" + name).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) break;
  }
  ::closedir(directory);
  return fd;
}

}  // namespace

int open_port() {
  // The port is announced over the device's control queue, some time after the driver is loaded.
  // Listening before the first look makes sure that no announcement is missed.
  const int uevents = ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;
  ::bind(uevents, reinterpret_cast<sockaddr*>(&address), sizeof address);
  while (true) {
    const int fd = try_open();
    if (fd >= 0) {
      ::close(uevents);
      return fd;
    }
    // The node of devtmpfs and the uevent come in no promised order, hence the time limit.
    pollfd wait = {uevents, POLLIN, 0};
    ::poll(&wait, 1, 100);
    std::array<char, 4096> dropped;
    while (::recv(uevents, dropped.data(), dropped.size(), MSG_DONTWAIT) > 0) {
    }
  }
}

void Port::send(const Json& message) {
  std::string payload;
  Json::to_cbor(message, payload);
  out_ += wire::frame(payload);
  flush();
}

void Port::flush() {
  while (!out_.empty()) {
    const auto wrote = ::write(fd_, out_.data(), std::min<std::size_t>(out_.size(), 32768));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    out_.erase(0, static_cast<std::size_t>(wrote));
  }
}

void Port::receive(const std::function<void(const Json&)>& handle) {
  std::array<char, 65536> buffer;
  while (true) {
    const auto got = ::read(fd_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    reader_.feed({buffer.data(), static_cast<std::size_t>(got)});
  }
  while (auto payload = reader_.next()) {
    if (awaits_data_) {
      auto message = *std::exchange(awaits_data_, std::nullopt);
      message["data"] = *std::move(payload);
      handle(message);
      continue;
    }
    auto message = Json::from_cbor(*payload, /*strict=*/true, /*allow_exceptions=*/false);
    if (!message.is_object()) continue;
    if (message.value("data_follows", Json(false)) == true)
      awaits_data_ = std::move(message);
    else
      handle(message);
  }
}

}  // namespace kobox::agent
