// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/release.h"

// libdpkg asks whoever uses it to state that its interface may change.
#define LIBDPKG_VOLATILE_API
#include <dpkg/dpkg.h>
#include <dpkg/version.h>

#include <charconv>

#include "arch/arch.h"
#include "base/regex.h"
#include "base/text.h"

namespace kobox {
namespace {

// [epoch:]version[-revision]. The version as dpkg takes it points into this one.
struct Version {
  unsigned epoch = 0;
  std::string upstream;
  std::string revision;

  explicit Version(std::string_view text) {
    if (const auto colon = text.find(':'); colon != std::string_view::npos) {
      std::from_chars(text.data(), text.data() + colon, epoch);
      text.remove_prefix(colon + 1);
    }
    if (const auto dash = text.rfind('-'); dash != std::string_view::npos) {
      revision = text.substr(dash + 1);
      text = text.substr(0, dash);
    }
    upstream = text;
  }
  dpkg_version view() const {
    return {.epoch = epoch, .version = upstream.c_str(), .revision = revision.c_str()};
  }
};

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
  // bookworm: 6.1.0-56-cloud-amd64, and for bullseye 6.1.0-0.deb11.52-cloud-amd64; since 2023:
  // 6.12.117+deb12-cloud-amd64. With two numbers
  // only ("6.12-amd64") it is a package without contents that depends on the newest one.
  static const auto pattern =
      Regex::compile(R"((([0-9]{1,4}\.[0-9]{1,4})\.[0-9]{1,9}(?:\+[a-z0-9.]{1,20})?)"
                     R"((?:-[0-9]{1,9}(?:\.deb[0-9]+\.[0-9]+)?)?)(?:-(cloud|rt))?-)" +
                     std::string(default_arch().debian))
          .value();
  const auto parts = pattern.match(release);
  if (!parts) return std::nullopt;
  return DebianRelease{.line = std::string((*parts)[2]),
                       .version = std::string((*parts)[1]),
                       .flavour = std::string((*parts)[3])};
}

int compare_versions(std::string_view left, std::string_view right) {
  const Version a(left);
  const Version b(right);
  const auto a_view = a.view();
  const auto b_view = b.view();
  return ::dpkg_version_compare(&a_view, &b_view);
}

bool is_newer_release(std::string_view left, std::string_view right) {
  const auto left_parts = parse_debian_release(left);
  const auto right_parts = parse_debian_release(right);
  const int order = compare_versions(left_parts ? left_parts->version : left,
                                     right_parts ? right_parts->version : right);
  return order != 0 ? order > 0 : left < right;
}

}  // namespace kobox
