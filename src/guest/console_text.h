// SPDX-License-Identifier: GPL-2.0-or-later
// What a serial console printed, in bounded memory: of a long one the beginning, which says how the
// machine came up, and the end, which says what became of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kobox {

class ConsoleText {
 public:
  static constexpr std::size_t k_part = std::size_t{2} << 20;

  ConsoleText() = default;
  // Keeps the first `part` bytes and at least the last `part`.
  explicit ConsoleText(std::size_t part) : part_(part) {}

  void append(std::string_view text);
  // Bytes printed so far, whether or not they are still kept: a mark for since().
  std::size_t size() const { return head_.size() + cut_ + tail_.size(); }
  bool empty() const { return head_.empty(); }
  // What was printed since the mark. Where bytes of it are no longer kept, a line in square
  // brackets says how many.
  std::string since(std::size_t mark) const;
  std::string text() const { return since(0); }

 private:
  std::size_t part_ = k_part;
  std::string head_;
  std::size_t cut_ = 0;  // bytes that were dropped between the two
  std::string tail_;
};

}  // namespace kobox
