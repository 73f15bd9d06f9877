// SPDX-License-Identifier: GPL-2.0-or-later
// Pages of the kernel's ring buffer, made by hand, for tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "trace/ring_buffer.h"

namespace kobox {

template <typename... Numbers>
std::string bytes_of(Numbers... numbers) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char*>(&numbers), sizeof numbers), ...);
  return bytes;
}

class RingPageMaker {
 public:
  explicit RingPageMaker(std::uint64_t time) : time_(time) {}

  RingPageMaker& word(std::uint32_t value) {
    records_ += bytes_of(value);
    return *this;
  }
  RingPageMaker& head(unsigned type, std::uint32_t delta) { return word(delta << 5 | type); }
  RingPageMaker& record(std::uint32_t delta, std::string data) {
    data.resize((data.size() + 3) / 4 * 4);
    head(static_cast<unsigned>(data.size() / 4), delta);
    records_ += data;
    return *this;
  }
  // `flags`: of the page's length.
  std::string page(std::uint64_t flags = 0, std::string_view behind = {}) const {
    auto page = bytes_of(time_, records_.size() | flags) + records_;
    page += behind;
    page.resize(k_ring_page);
    return page;
  }

 private:
  std::uint64_t time_;
  std::string records_;
};

// A record's common fields: type, flags, preempt count, pid.
inline std::string common_fields(unsigned id, unsigned pid) {
  return bytes_of(static_cast<std::uint16_t>(id), std::uint16_t{0},
                  static_cast<std::uint32_t>(pid));
}

}  // namespace kobox
