// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/console_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace kobox {

void ConsoleText::append(std::string_view text) {
  const auto first = text.substr(0, part_ - head_.size());
  head_ += first;
  tail_ += text.substr(first.size());
  // Not at every piece, of which there are many.
  if (tail_.size() <= 2 * part_) return;
  const auto surplus = tail_.size() - part_;
  tail_.erase(0, surplus);
  cut_ += surplus;
}

std::string ConsoleText::since(std::size_t mark) const {
  const auto tail_begins = head_.size() + cut_;
  if (mark >= tail_begins) return tail_.substr(std::min(mark - tail_begins, tail_.size()));
  auto text = head_.substr(std::min(mark, head_.size()));
  if (cut_ > 0)
    text += fmt::format("\n[kobox: {} bytes of the console are left out here]\n",
                        tail_begins - std::max(mark, head_.size()));
  return text + tail_;
}

}  // namespace kobox
