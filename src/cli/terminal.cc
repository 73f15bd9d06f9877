// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/interrupt.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr int k_last_write_ms = 1000;

// Waits until a non-blocking descriptor takes more. False if kobox was interrupted and it does not
// within a second.
bool wait_writable(int fd) {
  while (true) {
    const bool last = interrupted();
    std::array<pollfd, 2> waits = {pollfd{fd, POLLOUT, 0},
                                   pollfd{last ? -1 : interrupt_fd(), POLLIN, 0}};
    const int ready = ::poll(waits.data(), waits.size(), last ? k_last_write_ms : -1);
    if (waits[0].revents != 0) return true;
    if (ready == 0 || (ready < 0 && errno != EINTR)) return false;
  }
}

// All of it; 0, or an errno. The descriptor may be non-blocking: by our choice, or because whoever
// started kobox made it so.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto wrote = ::write(fd, text.data(), text.size());
    if (wrote >= 0) {
      text.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno == EAGAIN) {
      if (!wait_writable(fd)) return EAGAIN;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

void write_error(std::string_view text) { write_all(STDERR_FILENO, text); }

std::size_t terminal_width() {
  winsize size = {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
  return 80;
}

bool is_dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || std::strcmp(term, "dumb") == 0;
}

// "[#####     ] 45 %"
std::string bar(std::uint64_t done, std::uint64_t total) {
  constexpr std::uint64_t k_width = 20;
  const auto share = std::min<std::uint64_t>(done, total);
  const auto filled = share * k_width / total;
  return fmt::format("[{}{}] {:3} %", std::string(filled, '#'), std::string(k_width - filled, ' '),
                     share * 100 / total);
}

}  // namespace

Fd open_terminal_again(int fd, int access) {
  unsigned number = 0;
  // To open a pseudoterminal's master again would make another one.
  if (::isatty(fd) != 1 || ::ioctl(fd, TIOCGPTN, &number) == 0) return {};
  const auto path = fmt::format("/proc/self/fd/{}", fd);
  return Fd(::open(path.c_str(), access | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
}

Output Output::open_standard() {
  Output output;
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (fd == STDOUT_FILENO) output.closed_ = true;
    [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
  }
  output.terminal_ = ::isatty(STDOUT_FILENO) == 1;
  output.own_terminal_ = open_terminal_again(STDOUT_FILENO, O_WRONLY);
  return output;
}

void Output::write(std::string_view text) {
  if (closed_ && !text.empty()) error_ = EBADF;
  if (error_ == 0) error_ = write_all(own_terminal_ ? own_terminal_.get() : STDOUT_FILENO, text);
}

Result<> Output::check() const {
  if (error_ == 0) return {};
  return fail(
      ErrorKind::environment,
      "cannot write the results to standard output: {}; --output FILE writes them to a file",
      std::strerror(error_));
}

StatusLine::StatusLine(Output& output, Loudness loudness)
    : output_(output),
      loudness_(loudness),
      live_(loudness != Loudness::quiet && ::isatty(STDERR_FILENO) == 1 && !is_dumb()) {}

StatusLine::~StatusLine() { clear(); }

void StatusLine::stage(const std::string& key, const std::string& what) {
  const std::lock_guard lock(mutex_);
  entries_[key] = Entry{.what = what};
  draw();
}

void StatusLine::amount(const std::string& key, std::uint64_t done, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[key];
  const bool same =
      entry.total == total && total != 0 && entry.done * 100 / total == done * 100 / total;
  entry.done = done;
  entry.total = total;
  if (!same) draw();
}

void StatusLine::done(const std::string& key) {
  const std::lock_guard lock(mutex_);
  entries_.erase(key);
  draw();
}

void StatusLine::note(const std::string& sentence) {
  if (loudness_ != Loudness::quiet) error(sentence);
}

void StatusLine::error(const std::string& sentence) {
  const std::lock_guard lock(mutex_);
  clear();
  write_error("kobox: " + printable(sentence) + "\n");
  draw();
}

void StatusLine::detail(const std::string& sentence) {
  if (loudness_ == Loudness::verbose) note(sentence);
}

void StatusLine::print(std::string_view text) {
  const std::lock_guard lock(mutex_);
  clear();
  output_.write(text);
  draw();
}

void StatusLine::clear() {
  if (drawn_) write_error("\r\033[K");
  drawn_ = false;
}

void StatusLine::draw() {
  if (!live_) return;
  std::string line;
  for (const auto& [key, entry] : entries_) {
    line += (line.empty() ? "" : "  |  ") + key + ": " + entry.what;
    if (entry.total > 0) line += " " + bar(entry.done, entry.total);
  }
  line = printable(line);
  const auto width = terminal_width() - 1;
  if (line.size() > width) line.resize(width);
  if (line.empty()) return clear();
  write_error("\r\033[K" + line);
  drawn_ = true;
}

void print_error(std::string_view message) { write_error("kobox: " + printable(message) + "\n"); }

bool use_color(ColorChoice choice, bool terminal) {
  if (choice == ColorChoice::always) return true;
  if (choice == ColorChoice::never || !terminal || is_dumb()) return false;
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || no_color[0] == '\0';
}

}  // namespace kobox
