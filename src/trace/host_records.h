// SPDX-License-Identifier: GPL-2.0-or-later
// Records of the host's own tracing, read with libtraceevent.
//
// The library takes the kernel's word: a mutated description of an event makes it crash, a mutated
// page leads it out of the page. That is well for the kernel that kobox runs on, and not for a
// guest's; those are for RingPage and parse_event_format.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "trace/event_format.h"
#include "trace/ring_buffer.h"

struct kbuffer;

namespace kobox {

// As parse_event_format.
Result<EventFormat> parse_host_event_format(std::string_view text);

// As RingPage.
class HostPage {
 public:
  explicit HostPage(std::string_view bytes);

  std::optional<RingRecord> next();
  std::uint64_t lost() const { return lost_; }
  bool malformed() const { return reader_ == nullptr; }

 private:
  struct Free {
    void operator()(kbuffer* reader) const;
  };
  std::unique_ptr<kbuffer, Free> reader_;
  std::uint64_t lost_ = 0;
  bool begun_ = false;
};

}  // namespace kobox
