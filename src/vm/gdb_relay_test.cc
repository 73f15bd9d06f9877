// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/gdb_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/files.h"
#include "vm/gdb_stub.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

std::string packet(std::string_view payload) {
  unsigned sum = 0;
  for (const char c : payload) sum += static_cast<unsigned char>(c);
  return fmt::format("${}#{:02x}", payload, sum & 0xff);
}

class GdbRelayTest : public testing::Test {
 protected:
  // What arrives at the descriptor while the loop runs.
  std::string read_from(const Fd& fd, std::size_t size) {
    std::string got;
    const Channel channel(loop_, Fd(::dup(fd.get())),
                          [&](std::string_view bytes) { got += bytes; });
    EXPECT_TRUE(loop_.wait_until([&] { return got.size() >= size || channel.ended(); },
                                 Deadline::after(10s)));
    return got;
  }
  Fd accepted() {
    EXPECT_TRUE(loop_.wait_until([&] { return client_is_there(); }, Deadline::after(10s)));
    return Fd(::accept4(server_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  bool client_is_there() {
    bool there = false;
    const ReadableOnce watch(loop_, server_.get(), [&] { there = true; });
    loop_.run_ready();
    return there;
  }
  static void write_to(const Fd& fd, const std::string& bytes) {
    ASSERT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-relay-test-").value();
  Fd server_ = listen_on_path(directory_.path() / "qemu").value();
  EventLoop loop_;
  GdbRelay relay_{loop_, listen_on_path(directory_.path() / "gdb").value(),
                  directory_.path() / "qemu"};
};

TEST_F(GdbRelayTest, PassesBothWaysAndTakesOneClientAfterTheOther) {
  for (int round = 0; round < 2; ++round) {
    const auto client = connect_to_path(directory_.path() / "gdb");
    ASSERT_TRUE(client);
    const auto qemu = accepted();
    ASSERT_TRUE(qemu);
    write_to(*client, packet("vCont;s:p1.1;c"));
    EXPECT_EQ(read_from(qemu, 16), packet("vCont;s:p1.1"));
    write_to(qemu, "+" + packet("T05"));
    EXPECT_EQ(read_from(*client, 8), "+" + packet("T05"));
  }
}

TEST_F(GdbRelayTest, WhenQemuEndsGdbHearsOfIt) {
  const auto client = connect_to_path(directory_.path() / "gdb");
  ASSERT_TRUE(client);
  {
    const auto qemu = accepted();
  }
  std::array<char, 1> byte;
  bool ended = false;
  const ReadableOnce watch(loop_, client->get(), [&] { ended = true; });
  ASSERT_TRUE(loop_.wait_until([&] { return ended; }, Deadline::after(10s)));
  EXPECT_EQ(::read(client->get(), byte.data(), byte.size()), 0);
}

TEST(GdbStub, APortThatIsTakenIsAnErrorThatSaysSo) {
  // Any free port, then the same again.
  for (std::uint16_t port = 20000; port < 20100; ++port) {
    const auto first = listen_on_loopback(port);
    if (!first) continue;
    const auto second = listen_on_loopback(port);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind(), ErrorKind::environment);
    EXPECT_THAT(second.error().message(), testing::HasSubstr(fmt::format("port {}", port)));
    EXPECT_THAT(second.error().message(), testing::HasSubstr("--port takes another"));
    return;
  }
  FAIL() << "no free port";
}

TEST(GdbStub, ANameThatIsTooLongForASocketIsAnErrorThatSaysWhatToDo) {
  const auto listener = listen_on_path("/tmp/" + std::string(200, 'x'));
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().message(), testing::HasSubstr("set TMPDIR to a shorter directory"));
}

}  // namespace
}  // namespace kobox
