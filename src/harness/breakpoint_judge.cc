// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/breakpoint_judge.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/text.h"

namespace kobox {
namespace {

constexpr std::size_t k_shown_places = 24;
// GDB's whole answer where the compiler keeps a value in no place.
constexpr std::string_view k_optimized_out = "<optimized out>";

std::string hits_of(int count) { return count == 1 ? "1 hit" : fmt::format("{} hits", count); }

int number_in(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::optional<std::string> judge_hits(const BreakpointSpec& spec, int hits) {
  const std::string wanted = spec.hits.empty() ? ">=1" : spec.hits;
  const bool at_least = wanted.starts_with(">=");
  const int number = number_in(at_least ? std::string_view(wanted).substr(2) : wanted);
  if (at_least ? hits >= number : hits == number) return std::nullopt;
  return fmt::format("was {}, expected {} {}",
                     hits == 0   ? std::string("never hit")
                     : hits == 1 ? std::string("hit once")
                                 : fmt::format("hit {} times", hits),
                     at_least ? "at least" : "exactly", hits_of(number));
}

std::optional<std::string> judge_value(const std::string& expression, const std::string& expected,
                                       const BreakpointSeen::Value& got) {
  if (!got.error.empty())
    return fmt::format("GDB cannot evaluate '{}': {}", expression, printable(got.error));
  if (got.text == k_optimized_out)
    return fmt::format(
        "'{}' is optimised out: at this place the compiler keeps its value nowhere (another line, "
        "or -Og, may have it)",
        expression);
  if (trim(got.text) == trim(expected)) return std::nullopt;
  return fmt::format("'{}' is {}, expected {}", expression, printable(got.text),
                     printable(expected));
}

// "dev_read, vfs_read, ksys_read", or with lines "dev_read (driver.c:84), kmalloc (slab.h:563)".
std::string describe(const std::vector<CodePlace>& places, bool with_lines) {
  std::vector<std::string> names;
  for (const auto& place : places) {
    const auto function = place.function.empty() ? std::string("??") : place.function;
    const auto file = place.file.substr(place.file.rfind('/') + 1);
    auto name = with_lines && place.line > 0 ? fmt::format("{} ({}:{})", function, file, place.line)
                                             : function;
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  const auto more = names.size() > k_shown_places ? names.size() - k_shown_places : 0;
  names.resize(names.size() - more);
  return join(names, ", ") + (more > 0 ? fmt::format(" and {} more", more) : "");
}

}  // namespace

bool is_at(const CodePlace& place, const std::string& wanted) {
  const auto colon = wanted.rfind(':');
  if (colon == std::string::npos) return place.function == wanted;
  if (place.line != number_in(std::string_view(wanted).substr(colon + 1))) return false;
  const auto file = std::string_view(wanted).substr(0, colon);
  if (!std::string_view(place.file).ends_with(file)) return false;
  return place.file.size() == file.size() || place.file[place.file.size() - file.size() - 1] == '/';
}

std::size_t count_passed(const std::vector<CodePlace>& path,
                         const std::vector<std::string>& wanted) {
  std::size_t found = 0;
  for (const auto& place : path)
    if (found < wanted.size() && is_at(place, wanted[found])) ++found;
  return found;
}

std::optional<std::string> judge_breakpoint(const BreakpointSpec& spec,
                                            const BreakpointSeen& seen) {
  const auto saying = [&](std::string_view what) {
    return fmt::format("the breakpoint at {} {}", spec.at, what);
  };
  if (!seen.has_place)
    return fmt::format(
        "the breakpoint at {} has no place: neither the module nor the kernel has {}", spec.at,
        spec.at.find(':') == std::string::npos ? "such a function" : "code of such a line");
  if (const auto wrong = judge_hits(spec, seen.hits)) return saying(*wrong);
  for (std::size_t i = 0; i < spec.expect.size() && i < seen.values.size(); ++i)
    if (const auto wrong = judge_value(spec.expect[i].first, spec.expect[i].second, seen.values[i]))
      return fmt::format("at the breakpoint at {}: {}", spec.at, *wrong);
  if (const auto found = count_passed(seen.backtrace, spec.backtrace);
      found < spec.backtrace.size())
    return fmt::format("the backtrace at {} has no {}{}; it is {}", spec.at, spec.backtrace[found],
                       found > 0 ? " above " + spec.backtrace[found - 1] : "",
                       describe(seen.backtrace, /*with_lines=*/false));
  if (const auto found = count_passed(seen.path, spec.step); found < spec.step.size())
    return fmt::format("stepping from {} did not come to {}{}{}; it went through {}", spec.at,
                       spec.step[found], found > 0 ? " after " + spec.step[found - 1] : "",
                       seen.path_end.empty() ? "" : " before " + seen.path_end,
                       describe(seen.path, /*with_lines=*/true));
  return std::nullopt;
}

}  // namespace kobox
