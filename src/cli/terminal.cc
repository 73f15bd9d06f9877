// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/text.h"

namespace kobox {
namespace {

void write_error(std::string_view text) {
  while (!text.empty()) {
    const auto wrote = ::write(STDERR_FILENO, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

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

Output Output::open_standard() {
  Output output;
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (fd == STDOUT_FILENO) output.closed_ = true;
    [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
  }
  output.terminal_ = ::isatty(STDOUT_FILENO) == 1;
  return output;
}

void Output::write(std::string_view text) {
  if (closed_ && !text.empty()) error_ = EBADF;
  while (!text.empty() && error_ == 0) {
    const auto wrote = ::write(STDOUT_FILENO, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      error_ = errno;
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
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
  if (loudness_ == Loudness::quiet) return;
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

bool use_color(ColorWish wish, bool terminal) {
  if (wish == ColorWish::always) return true;
  if (wish == ColorWish::never || !terminal || is_dumb()) return false;
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || no_color[0] == '\0';
}

}  // namespace kobox
