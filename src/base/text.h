// SPDX-License-Identifier: GPL-2.0-or-later
// Small text helpers: splitting, quoting, and the units people write.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"

namespace kobox {

std::vector<std::string> split(std::string_view text, char separator);
// Lines without their '\n'; a last line without one counts.
std::vector<std::string_view> lines_of(std::string_view text);
std::string_view trim(std::string_view text);
std::string join(std::span<const std::string> parts, std::string_view separator);

// Quoted for a POSIX shell only where it needs to be.
std::string shell_quote(std::string_view word);
// Control characters and bytes that are not UTF-8 become \xNN, so that nothing from a guest can
// drive a terminal. Newline and tab stay.
std::string printable(std::string_view text);

// All of the text as a hexadecimal number, without "0x".
std::optional<std::uint64_t> parse_hex(std::string_view digits);
// "500ms", "10s", "2m", "1h"; a bare number is seconds. More than zero.
Result<Duration> parse_duration(std::string_view text);
// "256M", "1G", "512K"; a bare number is bytes. More than zero.
Result<std::uint64_t> parse_size(std::string_view text);
// "1.4 MB" (decimal units, as apt prints them).
std::string format_bytes(std::uint64_t bytes);
// "0.21 s", "2 min 5 s"
std::string format_duration(Duration duration);

// The candidates that a misspelt word most likely meant, nearest first, three at most: those at the
// least distance, and where that is more than one slip, those one slip further too. A slip is a
// letter too much, missing or wrong, or two neighbours swapped; more than a third of the word's
// length, rounded up, are too many.
std::vector<std::string> nearest(std::string_view word, std::span<const std::string> candidates);
// " (did you mean 'x'?)", " (did you mean 'x', 'y' or 'z'?)" or "".
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace kobox
