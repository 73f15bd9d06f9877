// SPDX-License-Identifier: GPL-2.0-or-later
// Cuts a stream that comes in pieces of any size into lines. Memory is bounded, whatever comes.
// For a text that is there as a whole, see lines_of() in base/text.h.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace kobox {

// Without its '\n'.
struct StreamLine {
  std::string_view text;  // until the sink returns
  bool cut = false;       // it is longer; `text` is its beginning
};

class LineSplitter {
 public:
  using Sink = std::function<void(StreamLine)>;

  // max_line: how many bytes of a line are kept.
  explicit LineSplitter(std::size_t max_line) : max_line_(max_line) {}

  // Hands on each line that the bytes complete. The sink must not feed this splitter.
  void feed(std::string_view bytes, const Sink& sink);
  // No more is coming: a last line without '\n' is handed on.
  void finish(const Sink& sink);
  // The line that has begun is already longer than what is kept. A peer that sends such a line need
  // not be listened to any longer, for it may never end.
  bool is_overlong() const { return cut_; }

 private:
  void keep(std::string_view piece);
  void hand_on(const Sink& sink);

  std::size_t max_line_;
  std::string partial_;  // the line that has begun
  bool cut_ = false;
};

}  // namespace kobox
