// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/release.h"

#include <charconv>

#include "base/regex.h"
#include "base/text.h"

namespace kobox {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// deb-version(7): '~' before everything, the end included; letters before other characters.
int weight(std::string_view text, std::size_t at) {
  if (at >= text.size() || is_digit(text[at])) return 0;
  const char c = text[at];
  if (c == '~') return -1;
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return static_cast<unsigned char>(c) + (letter ? 0 : 256);
}

std::string_view take_number(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  auto number = text.substr(0, end);
  text.remove_prefix(end);
  while (number.starts_with('0')) number.remove_prefix(1);
  return number;
}

int sign(int value) { return (value > 0) - (value < 0); }

int compare_part(std::string_view left, std::string_view right) {
  while (!left.empty() || !right.empty()) {
    while ((!left.empty() && !is_digit(left[0])) || (!right.empty() && !is_digit(right[0]))) {
      const int difference = weight(left, 0) - weight(right, 0);
      if (difference != 0) return sign(difference);
      left.remove_prefix(1);
      right.remove_prefix(1);
    }
    const auto left_number = take_number(left);
    const auto right_number = take_number(right);
    if (left_number.size() != right_number.size())
      return left_number.size() < right_number.size() ? -1 : 1;
    if (const int order = left_number.compare(right_number); order != 0) return sign(order);
  }
  return 0;
}

// Takes "epoch:" off the front.
std::string_view take_epoch(std::string_view& version) {
  const auto colon = version.find(':');
  if (colon == std::string_view::npos) return "0";
  const auto epoch = version.substr(0, colon);
  version.remove_prefix(colon + 1);
  return epoch;
}

// Takes "-revision" off the end.
std::string_view take_revision(std::string_view& version) {
  const auto dash = version.rfind('-');
  if (dash == std::string_view::npos) return "";
  const auto revision = version.substr(dash + 1);
  version = version.substr(0, dash);
  return revision;
}

}  // namespace

std::optional<std::vector<int>> version_numbers(std::string_view text) {
  std::vector<int> numbers;
  for (const auto& part : split(text, '.')) {
    int number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc() || end != part.data() + part.size() || number < 0) return std::nullopt;
    numbers.push_back(number);
  }
  return numbers;
}

std::optional<DebianRelease> parse_debian_release(std::string_view release) {
  // bookworm: 6.1.0-56-cloud-amd64; since 2023: 6.12.117+deb12-cloud-amd64. With two numbers
  // only ("6.12-amd64") it is a package without contents that depends on the newest one.
  static const auto pattern =
      Regex::compile(
          R"((([0-9]{1,4}\.[0-9]{1,4})\.[0-9]{1,9}(?:\+[a-z0-9.]{1,20})?(?:-[0-9]{1,9})?))"
          R"((?:-(cloud))?-amd64)")
          .value();
  const auto parts = pattern.match(release);
  if (!parts) return std::nullopt;
  return DebianRelease{.line = std::string((*parts)[2]),
                       .version = std::string((*parts)[1]),
                       .flavour = std::string((*parts)[3])};
}

int compare_versions(std::string_view left, std::string_view right) {
  const auto left_epoch = take_epoch(left);
  const auto right_epoch = take_epoch(right);
  if (const int order = compare_part(left_epoch, right_epoch); order != 0) return order;
  const auto left_revision = take_revision(left);
  const auto right_revision = take_revision(right);
  if (const int order = compare_part(left, right); order != 0) return order;
  return compare_part(left_revision, right_revision);
}

bool is_newer_release(std::string_view left, std::string_view right) {
  const auto left_parts = parse_debian_release(left);
  const auto right_parts = parse_debian_release(right);
  const int order = compare_versions(left_parts ? left_parts->version : left,
                                     right_parts ? right_parts->version : right);
  return order != 0 ? order > 0 : left < right;
}

}  // namespace kobox
