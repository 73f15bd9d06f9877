// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/ring_buffer.h"

#include <algorithm>

namespace kobox {
namespace {

constexpr std::size_t k_page_header = 16;  // the time of the first record, and the length
constexpr std::uint64_t k_missed_events = 1U << 31;
constexpr std::uint64_t k_missed_stored = 1U << 30;  // the number stands behind the records

// enum ring_buffer_type; what is below is the data's length in words, or 0: the length follows.
constexpr unsigned k_padding = 29, k_time_extend = 30, k_time_stamp = 31;
constexpr unsigned k_length_bits = 5, k_delta_bits = 27;
// A time stamp has 59 bits; those above are as they were.
constexpr std::uint64_t k_kept_of_stamp = std::uint64_t{0x1f} << 59;

template <typename Number>
Number load(std::string_view bytes) {
  Number number = 0;
  bytes.copy(reinterpret_cast<char*>(&number), sizeof number);
  return number;
}

}  // namespace

std::uint64_t missed_events(std::string_view page) {
  if (page.size() != k_ring_page) return 0;
  const auto commit = load<std::uint64_t>(page.substr(8));
  if ((commit & k_missed_events) == 0) return 0;
  const auto number = k_page_header + (commit & (k_missed_stored - 1));
  if ((commit & k_missed_stored) == 0 || number + 8 > page.size()) return 1;
  return std::max<std::uint64_t>(load<std::uint64_t>(page.substr(number)), 1);
}

RingPage::RingPage(std::string_view bytes) : lost_(missed_events(bytes)) {
  if (bytes.size() != k_ring_page) {
    malformed_ = true;
    return;
  }
  time_ = load<std::uint64_t>(bytes);
  const auto size = load<std::uint64_t>(bytes.substr(8)) & (k_missed_stored - 1);
  malformed_ = size > k_ring_page - k_page_header;
  if (!malformed_) rest_ = bytes.substr(k_page_header, size);
}

std::optional<std::string_view> RingPage::take(std::size_t size) {
  if (size > rest_.size()) {
    malformed_ = true;
    rest_ = {};
    return std::nullopt;
  }
  const auto taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

std::optional<std::uint32_t> RingPage::take_word() {
  const auto bytes = take(4);
  return bytes ? std::optional(load<std::uint32_t>(*bytes)) : std::nullopt;
}

std::optional<RingRecord> RingPage::next() {
  while (!rest_.empty()) {
    const auto head = take_word();
    if (!head) break;
    const unsigned type = *head & ((1U << k_length_bits) - 1);
    const std::uint64_t delta = *head >> k_length_bits;
    if (type == k_padding && delta == 0) break;  // the rest of the page is empty
    std::size_t size = std::size_t{type} * 4;
    if (type == 0 || type >= k_padding) {
      const auto word = take_word();
      if (!word) break;
      if (type == k_time_extend) {
        time_ += (std::uint64_t{*word} << k_delta_bits) + delta;
        continue;
      }
      if (type == k_time_stamp) {
        time_ = (time_ & k_kept_of_stamp) | ((std::uint64_t{*word} << k_delta_bits) + delta);
        continue;
      }
      if (*word < 4) {  // the length counts its own word
        malformed_ = true;
        break;
      }
      size = *word - 4;
    }
    const auto data = take(size);
    if (!data) break;
    time_ += delta;
    if (type != k_padding) return RingRecord{time_, *data};
  }
  rest_ = {};
  return std::nullopt;
}

}  // namespace kobox
