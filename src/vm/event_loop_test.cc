// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/event_loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <csignal>
#include <optional>

#include <asio/post.hpp>

#include "base/interrupt.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

Deadline soon() { return Deadline::after(10s); }  // only a defect lets it pass
bool never() { return false; }

class EventLoopTest : public ::testing::Test {
 protected:
  // As in kobox: writing to a peer that is gone is an error, not a signal.
  void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }
  void TearDown() override { reset_interrupt_for_testing(); }
  FdPair pair() { return make_socket_pair().value(); }
  void wait_for(const std::function<bool()>& predicate) {
    const auto done = loop_.wait_until(predicate, soon());
    ASSERT_TRUE(done) << done.error().to_string();
  }

  EventLoop loop_;
};

TEST_F(EventLoopTest, TimesOut) {
  for (int i = 0; i < 3; ++i) {
    const auto waited = loop_.wait_until(never, Deadline::after(5ms));
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().kind(), ErrorKind::timeout);
  }
}

TEST_F(EventLoopTest, WhatHoldsAlreadyNeedsNoTime) {
  interrupt();
  EXPECT_TRUE(loop_.wait_until([] { return true; }, Deadline::after(0ms)));
}

TEST_F(EventLoopTest, AnInterruptEndsEveryWait) {
  interrupt();
  for (int i = 0; i < 2; ++i) {
    const auto waited = loop_.wait_until(never, soon());
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().kind(), ErrorKind::interrupted);
  }
}

TEST_F(EventLoopTest, AnInterruptWakesAWaitUnderWay) {
  int looks = 0;
  const auto waited = loop_.wait_until(
      [&] {
        if (++looks == 1) interrupt();
        return false;
      },
      Deadline::never());
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().kind(), ErrorKind::interrupted);
}

TEST_F(EventLoopTest, AnInterruptIsSeenOnALoopMadeLater) {
  interrupt();
  EventLoop later;
  EXPECT_EQ(later.wait_until(never, soon()).error().kind(), ErrorKind::interrupted);
}

TEST_F(EventLoopTest, ChannelsCarryMoreThanAPipeHoldsInBothDirections) {
  auto ends = pair();
  const std::string large(3'000'000, 'a'), other(2'000'000, 'b');
  std::string at_first, at_second;
  Channel first(loop_, std::move(ends.first), [&](std::string_view bytes) { at_first += bytes; });
  Channel second(loop_, std::move(ends.second),
                 [&](std::string_view bytes) { at_second += bytes; });
  first.send(large);
  first.send("");
  first.send("end");
  second.send(other);
  EXPECT_EQ(first.unsent(), large.size() + 3);
  wait_for([&] { return at_first.size() == other.size() && at_second.size() == large.size() + 3; });
  EXPECT_EQ(at_first, other);
  EXPECT_EQ(at_second, large + "end");
  wait_for([&] { return first.unsent() == 0 && second.unsent() == 0; });
}

TEST_F(EventLoopTest, WhatHasArrivedIsTakenThoughTheDeadlineHasPassed) {
  auto ends = pair();
  std::string got;
  Channel channel(loop_, std::move(ends.first), [&](std::string_view bytes) { got += bytes; });
  ASSERT_EQ(::write(ends.second.get(), "answer", 6), 6);
  const auto waited = loop_.wait_until([&] { return got == "answer"; }, Deadline::after(-1h));
  EXPECT_TRUE(waited) << waited.error().to_string();
}

TEST_F(EventLoopTest, APeerThatSendsWithoutEndHoldsNobodyUp) {
  std::function<void()> again = [&] { asio::post(loop_.io(), again); };
  again();
  loop_.run_ready();
  const auto waited = loop_.wait_until(never, Deadline::after(0ms));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().kind(), ErrorKind::timeout);
}

TEST_F(EventLoopTest, UnsentGrowsWhileThePeerDoesNotRead) {
  auto ends = pair();
  Channel channel(loop_, std::move(ends.first), [](std::string_view) {});
  channel.send(std::string(1 << 20, 'x'));
  EXPECT_FALSE(loop_.wait_until(never, Deadline::after(20ms)));
  EXPECT_GT(channel.unsent(), 0U);
}

TEST_F(EventLoopTest, WhatThePeerSaidBeforeItClosedArrives) {
  auto ends = pair();
  std::string got;
  Channel channel(loop_, std::move(ends.first), [&](std::string_view bytes) { got += bytes; });
  ASSERT_EQ(::write(ends.second.get(), "bye", 3), 3);
  ends.second.reset();
  EXPECT_FALSE(channel.ended());
  wait_for([&] { return channel.ended(); });
  EXPECT_EQ(got, "bye");
  channel.send("into the void");
  EXPECT_EQ(channel.unsent(), 0U);
}

TEST_F(EventLoopTest, APeerThatClosesWhileMuchIsUnsent) {
  auto ends = pair();
  Channel channel(loop_, std::move(ends.first), [](std::string_view) {});
  channel.send(std::string(1 << 20, 'x'));
  channel.send("and more");
  ends.second.reset();
  wait_for([&] { return channel.ended() && channel.unsent() == 0; });
}

TEST_F(EventLoopTest, ABadDescriptorHasEnded) {
  Channel channel(loop_, Fd(), [](std::string_view) {});
  wait_for([&] { return channel.ended(); });
}

TEST_F(EventLoopTest, AChannelMayGoWithItsReadAndWriteUnderWay) {
  auto ends = pair();
  int calls = 0;
  {
    Channel channel(loop_, std::move(ends.first), [&](std::string_view) { ++calls; });
    channel.send(std::string(1 << 20, 'x'));
    channel.send("more");
    ASSERT_EQ(::write(ends.second.get(), "hello", 5), 5);
  }
  EXPECT_FALSE(loop_.wait_until(never, Deadline::after(20ms)));
  EXPECT_EQ(calls, 0);
}

TEST_F(EventLoopTest, AChannelMayGoFromAnothersCallback) {
  auto one = pair(), two = pair();
  int calls = 0;
  std::optional<Channel> first, second;
  first.emplace(loop_, std::move(one.first), [&](std::string_view) {
    ++calls;
    second.reset();
  });
  second.emplace(loop_, std::move(two.first), [&](std::string_view) {
    ++calls;
    first.reset();
  });
  ASSERT_EQ(::write(one.second.get(), "x", 1), 1);
  ASSERT_EQ(::write(two.second.get(), "x", 1), 1);
  EXPECT_FALSE(loop_.wait_until(never, Deadline::after(20ms)));
  EXPECT_EQ(calls, 1) << "the one that went must not be called any more";
}

TEST_F(EventLoopTest, AChannelMayGoFromItsOwnCallback) {
  auto ends = pair();
  std::optional<Channel> channel;
  channel.emplace(loop_, std::move(ends.first), [&](std::string_view) { channel.reset(); });
  ASSERT_EQ(::write(ends.second.get(), "x", 1), 1);
  wait_for([&] { return !channel; });
  char byte = 0;
  EXPECT_EQ(::read(ends.second.get(), &byte, 1), 0) << "its descriptor is closed";
}

TEST_F(EventLoopTest, AChannelMaySendFromItsCallback) {
  auto ends = pair();
  std::string echoed;
  std::optional<Channel> echo;
  echo.emplace(loop_, std::move(ends.first),
               [&](std::string_view bytes) { echo->send(std::string(bytes)); });
  Channel channel(loop_, std::move(ends.second), [&](std::string_view bytes) { echoed += bytes; });
  const std::string text(500'000, 'e');
  channel.send(text);
  wait_for([&] { return echoed.size() == text.size(); });
}

TEST_F(EventLoopTest, ReadableOnceCallsOnce) {
  const Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  int calls = 0;
  ReadableOnce watch(loop_, event.get(), [&] { ++calls; });
  EXPECT_FALSE(loop_.wait_until([&] { return calls > 0; }, Deadline::after(10ms)));
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(event.get(), &one, sizeof one), 8);
  wait_for([&] { return calls > 0; });
  EXPECT_FALSE(loop_.wait_until(never, Deadline::after(10ms)));
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, ReadableOnceMayGoBeforehand) {
  const Fd event(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  int calls = 0;
  {
    ReadableOnce watch(loop_, event.get(), [&] { ++calls; });
  }
  EXPECT_FALSE(loop_.wait_until(never, Deadline::after(10ms)));
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace kobox
