// SPDX-License-Identifier: GPL-2.0-or-later
// What people see: results on standard output, a status line and notes on standard error.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/progress.h"
#include "base/result.h"

namespace kobox {

enum class ColorChoice { automatic, always, never };
enum class Loudness { quiet, normal, verbose };

// An open file description of kobox's own of the terminal that `fd` is, non-blocking; empty if it
// is no terminal or may not be opened. Descriptors 0, 1 and 2 mostly share one description with
// each other and with the shell that kobox returns to: O_NONBLOCK on it is O_NONBLOCK for them all.
Fd open_terminal_again(int fd, int access);

// Results. Every failure to write is remembered: a result that nobody could read is an error.
class Output {
 public:
  // Call before anything opens a descriptor: one of 0, 1, 2 that is closed would be reused.
  static Output open_standard();
  // Blocks until all of it is written, however slow the reader is. After an interrupt it waits a
  // second at most for a reader that takes nothing, and the rest is lost.
  void write(std::string_view text);
  // ErrorKind::environment if anything could not be written.
  Result<> check() const;
  bool is_terminal() const { return terminal_; }

 private:
  bool terminal_ = false;
  Fd own_terminal_;      // written instead of standard output where that is a terminal
  bool closed_ = false;  // from the start: an error only if something is to be written
  int error_ = 0;
};

// Draws one line with what is going on, on a terminal; on a pipe it draws nothing. Notes are
// printed in both cases. Safe from any thread.
class StatusLine : public Progress {
 public:
  StatusLine(Output& output, Loudness loudness);
  ~StatusLine() override;

  void stage(const std::string& key, const std::string& what) override;
  void amount(const std::string& key, std::uint64_t done, std::uint64_t total) override;
  void done(const std::string& key) override;
  void note(const std::string& sentence) override;
  void detail(const std::string& sentence) override;

  // A note that is printed even when only failures are to be.
  void error(const std::string& sentence);

  // Writes results with the status line out of the way.
  void print(std::string_view text);

 private:
  struct Entry {
    std::string what;
    std::uint64_t done = 0;
    std::uint64_t total = 0;
  };
  void clear();
  void draw();

  Output& output_;
  Loudness loudness_;
  bool live_;
  bool drawn_ = false;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

// "kobox: what went wrong" on standard error.
void print_error(std::string_view message);

// NO_COLOR (no-color.org) and TERM=dumb are kept.
bool use_color(ColorChoice choice, bool terminal);

}  // namespace kobox
