// SPDX-License-Identifier: GPL-2.0-or-later
// A modprobe and the agent's end of its socket, in one process.
#include "modprobe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

namespace kobox::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class ModprobeTest : public ::testing::Test {
 protected:
  ModprobeTest() {
    std::string name = "/tmp/kobox-modprobe.XXXXXX";
    directory_ = ::mkdtemp(name.data());
    socket_ = directory_ + "/socket";
  }
  ~ModprobeTest() override { std::filesystem::remove_all(directory_); }

  // Serves one request.
  void serve(const std::function<std::string(const ModprobeRequest&)>& load) {
    bool served = false;
    while (!served) {
      std::vector<pollfd> waits;
      for (const int fd : requests_.descriptors()) waits.push_back({fd, POLLIN, 0});
      ASSERT_GT(::poll(waits.data(), waits.size(), 10'000), 0);
      std::vector<std::pair<std::uint64_t, ModprobeRequest>> taken;
      requests_.take([&](auto id, const auto& request) { taken.emplace_back(id, request); });
      for (const auto& [id, request] : taken) {
        requests_.answer(id, load(request));
        served = true;
      }
    }
  }

  Fd raw_client() {
    Fd client(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    socket_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    return client;
  }
  void take_all() {
    requests_.take([](auto, const auto&) { ADD_FAILURE() << "it asks for nothing"; });
  }

  std::string directory_, socket_;
  ModprobeRequests requests_;
};

TEST_F(ModprobeTest, AsksAndIsAnswered) {
  ASSERT_EQ(requests_.listen(socket_.c_str()), 0);
  for (const std::string error : {"", "it is not there"}) {
    std::string answer = "none";
    std::thread process([&] {
      answer = ask_modprobe(socket_.c_str(), {.name = "fs-erofs", .parameters = "a=1 b=2"});
    });
    serve([&](const ModprobeRequest& request) {
      EXPECT_EQ(request.name, "fs-erofs");
      EXPECT_EQ(request.parameters, "a=1 b=2");
      return error;
    });
    process.join();
    EXPECT_EQ(answer, error);
  }
  EXPECT_THAT(requests_.descriptors(), SizeIs(1));
}

TEST_F(ModprobeTest, WithoutAnAgentItFailsAtOnce) {
  EXPECT_THAT(ask_modprobe(socket_.c_str(), {.name = "x"}), HasSubstr("cannot be asked"));
}

// The socket that an agent before this one left, and processes that say nothing of use.
TEST_F(ModprobeTest, ServesOnWhateverItMeets) {
  ASSERT_EQ(requests_.listen(socket_.c_str()), 0);
  ASSERT_EQ(requests_.listen(socket_.c_str()), 0);
  for (const auto& packet : {std::string("no end"), std::string("\0x", 2), std::string()}) {
    const auto asking = raw_client();
    ASSERT_EQ(::send(asking.get(), packet.data(), packet.size(), 0),
              static_cast<ssize_t>(packet.size()));
    take_all();
    char answer = 0;
    EXPECT_EQ(::recv(asking.get(), &answer, 1, 0), 0) << "it is sent away";
  }
  std::vector<Fd> silent;
  for (int i = 0; i < 64; ++i) {
    silent.push_back(raw_client());
    take_all();
  }
  EXPECT_THAT(requests_.descriptors(), SizeIs(65));
  const auto one_more = raw_client();
  take_all();
  char answer = 0;
  EXPECT_EQ(::recv(one_more.get(), &answer, 1, 0), 0) << "so many wait and no more";
  silent.clear();
  take_all();
  EXPECT_THAT(requests_.descriptors(), SizeIs(1));
  requests_.answer(7, "nobody is there");
}

TEST_F(ModprobeTest, Arguments) {
  const auto kernel = parse_modprobe({"-q", "--", "fs-erofs"});
  EXPECT_TRUE(kernel.quiet);
  EXPECT_EQ(kernel.request.name, "fs-erofs");
  EXPECT_EQ(kernel.mistake, "");
  const auto loud = parse_modprobe({"brd", "rd_nr=1", "-x"});
  EXPECT_FALSE(loud.quiet);
  EXPECT_EQ(loud.request.parameters, "rd_nr=1 -x");
  EXPECT_TRUE(parse_modprobe({"-r", "brd"}).remove);
  EXPECT_THAT(parse_modprobe({"--all", "brd"}).mistake, HasSubstr("--all"));
  EXPECT_THAT(parse_modprobe({"-q"}).mistake, HasSubstr("which module"));
}

}  // namespace
}  // namespace kobox::agent
