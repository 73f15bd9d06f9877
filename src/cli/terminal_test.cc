// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/terminal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>

#include <cstdlib>
#include <optional>
#include <thread>

#include "base/fd.h"
#include "base/files.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class UseColorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("NO_COLOR");
  }
  void TearDown() override { SetUp(); }
};

TEST_F(UseColorTest, OnATerminalOnly) {
  EXPECT_TRUE(use_color(ColorChoice::automatic, true));
  EXPECT_FALSE(use_color(ColorChoice::automatic, false));
}

TEST_F(UseColorTest, AWishBeatsEverything) {
  ::setenv("NO_COLOR", "1", 1);
  ::setenv("TERM", "dumb", 1);
  EXPECT_TRUE(use_color(ColorChoice::always, false));
  EXPECT_FALSE(use_color(ColorChoice::never, true));
}

TEST_F(UseColorTest, NoColorIsKeptUnlessItIsEmpty) {
  for (const char* value : {"1", "0", "no"}) {
    ::setenv("NO_COLOR", value, 1);
    EXPECT_FALSE(use_color(ColorChoice::automatic, true));
  }
  ::setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(use_color(ColorChoice::automatic, true));
}

TEST_F(UseColorTest, ADumbTerminalHasNone) {
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(use_color(ColorChoice::automatic, true));
  ::unsetenv("TERM");
  EXPECT_FALSE(use_color(ColorChoice::automatic, true));
}

// Puts another file in a descriptor's place for a while.
class Redirected {
 public:
  Redirected(int fd, int to) : fd_(fd), saved_(::fcntl(fd, F_DUPFD_CLOEXEC, 10)) {
    std::fflush(nullptr);
    if (to < 0)
      ::close(fd);
    else
      ::dup2(to, fd);
  }
  ~Redirected() { ::dup2(saved_.get(), fd_); }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  int fd_;
  Fd saved_;
};

// What a status line writes while it is told of everything.
std::string written_to(int out, int err, Loudness loudness) {
  const Redirected output_there(1, out), errors_there(2, err);
  auto output = Output::open_standard();
  {
    StatusLine status(output, loudness);
    status.stage("6.1", "fetching");
    status.amount("6.1", 50, 100);
    status.note("a note with \x1b[2J");
    status.detail("a detail");
    status.print("result\n");
    status.stage("6.1", "booting");
    status.done("6.1");
  }
  EXPECT_TRUE(output.check());
  return "";
}

std::string drained(const Fd& fd) {
  std::string text(65536, '\0');
  const auto got = ::read(fd.get(), text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

TEST(StatusLine, DrawsNothingOnAPipe) {
  auto out = make_pipe().value(), err = make_pipe().value();
  written_to(out.second.get(), err.second.get(), Loudness::normal);
  EXPECT_EQ(drained(out.first), "result\n");
  EXPECT_EQ(drained(err.first), "kobox: a note with \\x1b[2J\n");
}

TEST(StatusLine, LoudnessDecidesOnNotes) {
  auto out = make_pipe().value(), err = make_pipe().value();
  written_to(out.second.get(), err.second.get(), Loudness::verbose);
  EXPECT_EQ(drained(err.first), "kobox: a note with \\x1b[2J\nkobox: a detail\n");
  auto other = make_pipe().value();
  ASSERT_EQ(::fcntl(other.first.get(), F_SETFL, O_NONBLOCK), 0);
  written_to(out.second.get(), other.second.get(), Loudness::quiet);
  EXPECT_EQ(drained(other.first), "");
}

class PtyTest : public ::testing::Test {
 protected:
  PtyTest() {
    int ours = -1, theirs = -1;
    winsize size = {.ws_row = 24, .ws_col = 60, .ws_xpixel = 0, .ws_ypixel = 0};
    if (::openpty(&ours, &theirs, nullptr, nullptr, &size) == 0) {
      ours_ = Fd(ours);
      theirs_ = Fd(theirs);
    }
    ::setenv("TERM", "xterm", 1);
  }

  // All that was written to the terminal. One read need not give all of it: the kernel hands it
  // over in pieces. With the other side closed, the end is an error (EIO).
  std::string drawn() {
    theirs_ = Fd();
    std::string text;
    for (std::string piece; !(piece = drained(ours_)).empty();) text += piece;
    return text;
  }
  Fd ours_, theirs_;
};

TEST_F(PtyTest, AStatusLineIsDrawnAndTakenAwayAgain) {
  ASSERT_TRUE(theirs_);
  written_to(theirs_.get(), theirs_.get(), Loudness::normal);
  const auto text = drawn();
  EXPECT_THAT(text, HasSubstr("6.1: fetching"));
  EXPECT_THAT(text, HasSubstr("50 %"));
  EXPECT_THAT(text, HasSubstr("\r\033[Kresult\r\n"));
  EXPECT_TRUE(text.ends_with("\r\033[K")) << text;
  EXPECT_THAT(text, Not(HasSubstr("\x1b[2J")));
}

TEST_F(PtyTest, ALineIsNeverWiderThanTheTerminal) {
  ASSERT_TRUE(theirs_);
  {
    const Redirected errors_there(2, theirs_.get());
    auto output = Output::open_standard();
    StatusLine status(output, Loudness::normal);
    status.stage("6.1", std::string(500, 'w'));
  }
  const auto text = drawn();
  EXPECT_THAT(text, HasSubstr("ww"));
  EXPECT_LE(std::ranges::count(text, 'w'), 60);
}

TEST(OutputTest, AClosedStandardOutputIsAnError) {
  std::optional<Output> output;
  bool reused = false;
  {
    const Redirected closed(1, -1);
    output.emplace(Output::open_standard());
    output->write("lost");
    reused = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)).get() == 1;
  }
  EXPECT_FALSE(reused) << "the next file must not become standard output";
  const auto written = output->check();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind(), ErrorKind::environment);
  EXPECT_THAT(written.error().to_string(), HasSubstr("Bad file descriptor"));
}

TEST(OutputTest, AFullDiskIsAnError) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  std::optional<Output> output;
  {
    const Redirected there(1, full.get());
    output.emplace(Output::open_standard());
    output->write("lost");
    output->write("too");
  }
  ASSERT_FALSE(output->check());
  EXPECT_THAT(output->check().error().to_string(), HasSubstr("No space left"));
}

TEST(OutputTest, APipeThatSomebodyMadeNonBlockingTakesEverything) {
  auto pipe = make_pipe().value();
  ASSERT_EQ(::fcntl(pipe.second.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string burst(std::size_t{1} << 20, 'x');
  std::string seen;
  std::thread reader([&] {
    for (std::string piece; !(piece = drained(pipe.first)).empty();) seen += piece;
  });
  {
    const Redirected there(1, pipe.second.get());
    auto output = Output::open_standard();
    output.write(burst);
    EXPECT_TRUE(output.check());
  }
  pipe.second.reset();
  reader.join();
  EXPECT_EQ(seen, burst);
}

}  // namespace
}  // namespace kobox
