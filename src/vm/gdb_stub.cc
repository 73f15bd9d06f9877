// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/gdb_stub.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

namespace kobox {
namespace {

constexpr const char* k_fd_name = "gdb-listener";
constexpr const char* k_chardev = "gdb";

// ErrorKind::environment for a name that is too long.
Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  const auto name = path.string();
  if (name.size() >= sizeof address.sun_path)
    return fail(ErrorKind::environment,
                "{} is too long for a socket's name; set TMPDIR to a shorter directory", name);
  std::memcpy(static_cast<char*>(address.sun_path), name.data(), name.size());
  return address;
}

}  // namespace

Result<Fd> listen_on_path(const std::filesystem::path& path) {
  KOBOX_TRY(const auto address, address_of(path));
  Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener ||
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), 1) != 0)
    return fail_errno("cannot listen for GDB on {}", path.string());
  return listener;
}

Result<Fd> connect_to_path(const std::filesystem::path& path) {
  KOBOX_TRY(const auto address, address_of(path));
  Fd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connection ||
      ::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot connect to {}", path.string());
  return connection;
}

Result<Fd> listen_on_loopback(std::uint16_t port) {
  sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  if (listener) ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (!listener ||
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), 1) != 0)
    return fail_errno("cannot listen for GDB on port {} of 127.0.0.1 (--port takes another)", port);
  return listener;
}

Result<> serve_gdb(Machine& machine, const Fd& listener, Deadline deadline) {
  auto& monitor = machine.monitor();
  KOBOX_CHECK(monitor.give_fd(k_fd_name, listener.get(), deadline));
  const nlohmann::json backend = {{"type", "socket"},
                                  {"data",
                                   {{"addr", {{"type", "fd"}, {"data", {{"str", k_fd_name}}}}},
                                    {"server", true},
                                    {"wait", false}}}};
  KOBOX_CHECK(monitor.execute("chardev-add", {{"id", k_chardev}, {"backend", backend}}, deadline));
  // The server can be started by QEMU's command line and by the human monitor, not by QMP itself.
  KOBOX_TRY(const auto answer,
            monitor.execute("human-monitor-command",
                            {{"command-line", fmt::format("gdbserver chardev:{}", k_chardev)}},
                            deadline));
  const auto said = answer.is_string() ? answer.get<std::string>() : std::string();
  if (said.find("Could not") == std::string::npos) return {};
  return fail(ErrorKind::environment, "QEMU cannot serve GDB: {}", said);
}

}  // namespace kobox
