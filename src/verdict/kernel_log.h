// SPDX-License-Identifier: GPL-2.0-or-later
// One record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg). Input is untrusted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kobox {

struct KmsgLine {
  std::uint64_t sequence = 0;      // counts up; a gap means that records were lost
  std::uint64_t microseconds = 0;  // since the guest's boot
  int level = 0;                   // 0 (emergency) to 7 (debug)
  int facility = 0;                // 0 is the kernel itself; user space writes as another
  std::string text;                // unescaped: may hold any byte, newlines too
};

// "6,339,5140900,-;the text\n SUBSYSTEM=block\n": the text alone, the "KEY=value" lines after it
// dropped, "\xNN" turned back. Fields that later kernels add before the ';' are allowed. Nothing
// if it is not of that form.
std::optional<KmsgLine> parse_kmsg_record(std::string_view record);

}  // namespace kobox
