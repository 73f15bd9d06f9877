// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/line_splitter.h"

#include <utility>

namespace kobox {

void LineSplitter::feed(std::string_view bytes, const Sink& sink) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto piece = bytes.substr(0, end);
    if (end == std::string_view::npos) return keep(piece);
    bytes.remove_prefix(end + 1);
    if (partial_.empty()) {  // a whole line needs no copy
      sink({piece.substr(0, max_line_), piece.size() > max_line_});
    } else {
      keep(piece);
      hand_on(sink);
    }
  }
}

void LineSplitter::finish(const Sink& sink) {
  if (!partial_.empty()) hand_on(sink);
}

void LineSplitter::keep(std::string_view piece) {
  const auto room = max_line_ - partial_.size();
  cut_ = cut_ || piece.size() > room;
  partial_ += piece.substr(0, room);
}

void LineSplitter::hand_on(const Sink& sink) {
  const auto line = std::exchange(partial_, {});
  sink({line, std::exchange(cut_, false)});
}

}  // namespace kobox
