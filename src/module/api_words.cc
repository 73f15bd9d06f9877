// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/api_words.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace kobox {
namespace {

constexpr std::size_t k_longest_body = 60;  // of a macro that is quoted in a clause

std::string number_word(std::size_t number) {
  constexpr std::array<std::string_view, 11> k_words = {
      "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"};
  return number < k_words.size() ? std::string(k_words[number]) : std::to_string(number);
}

std::string count_words(std::size_t number) {
  return number_word(number) + (number == 1 ? " argument" : " arguments");
}

// "S VERB A from 6.12 on, B until 6.1"
std::string both(const std::string& subject, std::string_view verb, const std::string& here,
                 const std::string& there, const ApiSides& sides) {
  return fmt::format("{} {} {} {}, {} {}", subject, verb, here, sides.here, there, sides.there);
}

std::string kind_words(const CDeclaration& one) {
  switch (one.kind) {
    case CDeclaration::Kind::function:
      return "a function";
    case CDeclaration::Kind::macro:
    case CDeclaration::Kind::call_macro:
      return "a macro";
    case CDeclaration::Kind::constant:
      return "an enum constant";
    case CDeclaration::Kind::type:
      return one.type.starts_with("typedef") ? "a typedef"
                                             : (one.type == "enum" ? "an enum" : "a " + one.type);
    case CDeclaration::Kind::variable:
      return one.parameters ? "a pointer to a function" : "a variable";
  }
  return "";
}

// What a call gives: of a pointer to a function what stands before "(*)(".
std::string returned(const CDeclaration& one) {
  auto type = one.type.substr(0, one.type.find("(*)("));
  return std::string(trim(type));
}

std::optional<std::string> call_difference(const std::string& subject, const CDeclaration& here,
                                           const CDeclaration& there, const ApiSides& sides) {
  const auto& mine = *here.parameters;
  const auto& theirs = *there.parameters;
  const bool countable = !here.variadic() && !there.variadic();
  if (countable && mine.size() != theirs.size()) {
    auto other = number_word(theirs.size());
    if (theirs.empty()) other = "none";
    return both(subject, "takes", count_words(mine.size()), other, sides);
  }
  if (here.kind != there.kind)
    return both(subject, "is", kind_words(here), kind_words(there), sides);
  if (here.kind == CDeclaration::Kind::call_macro) return std::nullopt;
  for (std::size_t i = 0; i < std::min(mine.size(), theirs.size()); ++i)
    if (mine[i] != theirs[i])
      return both(fmt::format("argument {} of {}", i + 1, subject), "is", mine[i], theirs[i],
                  sides);
  if (returned(here) != returned(there))
    return both(subject, "returns", returned(here), returned(there), sides);
  return std::nullopt;
}

std::string have(const std::string& subject, const std::string& is, const std::string& when,
                 const std::string& where) {
  return subject + " " + is + " " + when + where;
}

}  // namespace

KernelLine KernelLine::of(std::string_view release) {
  constexpr int k_most = 10'000;  // a release may be a user's own
  int major = 0, minor = 0;
  const auto [dot, error] = std::from_chars(release.data(), release.data() + release.size(), major);
  const auto* end = release.data() + release.size();
  if (error == std::errc() && dot != end && *dot == '.') std::from_chars(dot + 1, end, minor);
  return {std::clamp(major, 0, k_most), std::clamp(minor, 0, k_most)};
}

ApiSides ApiSides::of(std::string_view here, std::string_view there) {
  const auto mine = KernelLine::of(here);
  const auto theirs = KernelLine::of(there);
  if (mine.ordinal() == theirs.ordinal())
    return {fmt::format("on {}", here), fmt::format("on {}", there), here > there};
  const auto newer = [](const KernelLine& line) {
    return fmt::format("from {}.{} on", line.major, line.minor);
  };
  const auto older = [](const KernelLine& line) {
    return fmt::format("until {}.{}", line.major, line.minor);
  };
  if (mine.ordinal() > theirs.ordinal()) return {newer(mine), older(theirs), true};
  return {older(mine), newer(theirs), false};
}

std::optional<std::string> difference(const std::string& subject, const CDeclaration& here,
                                      const CDeclaration& there, const ApiSides& sides) {
  using Kind = CDeclaration::Kind;
  if (here.same_as(there)) return std::nullopt;
  if (here.parameters && there.parameters)
    if (auto words = call_difference(subject, here, there, sides)) return words;
  const bool macros =
      here.kind == there.kind && (here.kind == Kind::macro || here.kind == Kind::call_macro);
  if (macros) {
    if (here.type.size() > k_longest_body || there.type.size() > k_longest_body ||
        here.type.empty() || there.type.empty())
      return fmt::format("{} is another macro {} than {}", subject, sides.here, sides.there);
    return both(subject, "is", here.type, there.type, sides);
  }
  if (here.kind != there.kind)
    return both(subject, "is", kind_words(here), kind_words(there), sides);
  if (here.kind == Kind::variable) return both(subject, "is", here.type, there.type, sides);
  if (here.kind == Kind::type && here.type.starts_with("typedef") &&
      there.type.starts_with("typedef"))
    return both(subject, "is", here.type.substr(8), there.type.substr(8), sides);
  if (here.kind == Kind::type)
    return both(subject, "is", kind_words(here), kind_words(there), sides);
  return std::nullopt;
}

std::string gone_from_here(const std::string& subject, const std::string& where,
                           const ApiSides& sides) {
  if (!sides.here_is_newer && where.empty())
    return fmt::format("{} is there only {}", subject, sides.there);
  const auto elsewhere = where.empty() ? "" : fmt::format("; {} {}", sides.there, where);
  return have(subject, sides.here_is_newer ? "is gone" : "is not there", sides.here, elsewhere);
}

std::string only_here(const std::string& subject, const std::string& where, const ApiSides& sides) {
  const auto here = where.empty() ? "is there" : where;
  return fmt::format("{} {} {}, not {}", subject, here, sides.here, sides.there);
}

std::string not_included(const std::string& subject, const std::string& here,
                         const std::string& there, const ApiSides& sides) {
  if (here != there) return both(subject, "is in", here, there, sides);
  return fmt::format("{} needs #include <{}> {}", subject, here, sides.here);
}

std::string as_included(std::string_view file) {
  if (const auto at = file.rfind("include/uapi/"); at != std::string_view::npos)
    return std::string(file.substr(at + 13));
  if (const auto at = file.find("include/"); at != std::string_view::npos)
    return std::string(file.substr(at + 8));
  return std::string(file);
}

}  // namespace kobox
