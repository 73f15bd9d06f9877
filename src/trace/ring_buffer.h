// SPDX-License-Identifier: GPL-2.0-or-later
// The pages of the kernel's ring buffer, as tracefs' trace_pipe_raw gives them
// (Documentation/trace/ring-buffer-design.rst; struct ring_buffer_event in
// include/linux/ring_buffer.h; kernel/trace/ring_buffer.c).
//
// RingPage is for a guest's pages, which may hold anything: nothing outside of a page is ever read,
// and what is no record ends the page. The host's are for HostPage.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kobox {

inline constexpr std::size_t k_ring_page = 4096;  // bytes

struct RingRecord {
  std::uint64_t time = 0;  // in the buffer's clock
  std::string_view data;   // begins with the event's common fields
};

// How many events the kernel dropped before this page; it does not always know how many (then 1).
std::uint64_t missed_events(std::string_view page);

class RingPage {
 public:
  // `bytes` must stay; what is not a whole page holds nothing, and is malformed.
  explicit RingPage(std::string_view bytes);

  std::optional<RingRecord> next();
  std::uint64_t lost() const { return lost_; }
  bool malformed() const { return malformed_; }

 private:
  std::optional<std::string_view> take(std::size_t size);
  std::optional<std::uint32_t> take_word();

  std::string_view rest_;
  std::uint64_t time_ = 0;
  std::uint64_t lost_ = 0;
  bool malformed_ = false;
};

}  // namespace kobox
