// SPDX-License-Identifier: GPL-2.0-or-later
// Reading kobox.report/1 (docs/report.md), which may come from another machine or from anybody.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "verdict/verdict.h"

namespace kobox {

// A report with every log in it is far smaller.
inline constexpr std::uint64_t k_max_report_bytes = std::uint64_t{64} << 20;

// What render_json() wrote, as it was, but for times, which have milliseconds. Keys that it does
// not know are passed over. ErrorKind::usage for all else: no JSON, another schema, a key that is
// missing or of the wrong type ("runs[0].tests[3].seconds"), a verdict that does not follow from
// what it is the verdict of.
Result<Report> read_report(std::string_view text);

}  // namespace kobox
