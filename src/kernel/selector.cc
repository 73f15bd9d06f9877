// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/selector.h"

#include <algorithm>
#include <array>

#include "archive/release.h"
#include "base/regex.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr std::array k_flavours = {"generic", "cloud", "rt"};

struct Group {
  std::string_view word;
  Selector::Kind kind;
  const Distribution* from = nullptr;
};
constexpr std::array k_groups = {
    Group{"all", Selector::Kind::all}, Group{"oldest", Selector::Kind::oldest},
    Group{"newest", Selector::Kind::newest}, Group{"stable", Selector::Kind::stable}};

bool is_line(std::string_view text, std::string& version, std::string& rest) {
  static const auto pattern = Regex::compile(R"(([0-9]{1,4}\.[0-9]{1,4})(?:-(.*))?)").value();
  const auto parts = pattern.match(text);
  if (!parts) return false;
  version = (*parts)[1];
  rest = (*parts)[2];
  return true;
}

bool is_release(std::string_view text) {
  static const auto pattern =
      Regex::compile(R"([0-9]{1,4}\.[0-9]{1,4}[.+~-][A-Za-z0-9._+~-]{1,200})").value();
  return pattern.match(text).has_value();
}

bool is_flavour(std::string_view word) {
  return std::ranges::find(k_flavours, word) != k_flavours.end();
}

// As a release has it: the generic one has no word.
std::string flavour_of(std::string_view word) { return word == "generic" ? "" : std::string(word); }

Result<Selector> parse_line(Selector selector, std::string_view flavour) {
  selector.kind = Selector::Kind::line;
  selector.flavour = flavour_of(flavour);
  if (is_flavour(flavour) || selector.text == selector.version) return selector;
  const std::array<std::string, 3> known = {selector.version, selector.version + "-cloud",
                                            selector.version + "-rt"};
  return fail(ErrorKind::usage,
              "there is no kernel line '{}'{}: the lines of {} are '{}', '{}' and '{}'",
              printable(selector.text), did_you_mean(selector.text, known), selector.version,
              known[0], known[1], known[2]);
}

// The words of k_groups, and the releases of Debian that have to be named.
std::vector<Group> all_groups() {
  std::vector<Group> groups(k_groups.begin(), k_groups.end());
  for (const auto& one : distributions())
    if (one.named_only) groups.push_back({one.name, Selector::Kind::newest, &one});
  return groups;
}

std::string forms() {
  std::string words;
  const auto groups = all_groups();
  for (const auto& group : groups)
    words += fmt::format("{}'{}'", &group == &groups.back() ? " or " : ", ", group.word);
  return "a kernel is named by its line ('6.1', '6.1-cloud', '6.12-rt'), its exact release "
         "('6.1.0-56-cloud-amd64'), the path of a vmlinuz file or of a kernel tree, 'host'" +
         words;
}

// "all", "newest-rt", "sid"; nothing for other words.
std::optional<Selector> parse_group(std::string_view text) {
  for (const auto& group : all_groups()) {
    if (!text.starts_with(group.word)) continue;
    const auto rest = text.substr(group.word.size());
    Selector selector{.kind = group.kind, .text = std::string(text), .from = group.from};
    if (rest.empty()) return selector;
    if (!rest.starts_with('-') || !is_flavour(rest.substr(1))) continue;
    selector.only_flavour = flavour_of(rest.substr(1));
    return selector;
  }
  return std::nullopt;
}

struct Condition {
  std::string_view relation;
  std::vector<int> numbers;
};

Result<Condition> parse_condition(std::string_view word) {
  // The longer ones first, so that ">=" is not read as ">".
  constexpr std::array<std::string_view, 6> k_relations = {">=", "<=", "==", ">", "<", "="};
  for (const auto relation : k_relations) {
    if (!word.starts_with(relation)) continue;
    auto numbers = version_numbers(word.substr(relation.size()));
    if (numbers) return Condition{relation, std::move(*numbers)};
    break;
  }
  return fail(ErrorKind::usage,
              "'{}' is not a condition on a kernel's version: write '>=6.1', '<6.12', '=6.1', or "
              "several of them with spaces between",
              printable(word));
}

bool holds(std::vector<int> numbers, const Condition& condition) {
  // "6.12" in a condition means the line: 6.12.117 is neither above nor below it.
  numbers.resize(condition.numbers.size());
  const auto order = numbers <=> condition.numbers;
  if (condition.relation == ">=") return order >= 0;
  if (condition.relation == "<=") return order <= 0;
  if (condition.relation == ">") return order > 0;
  if (condition.relation == "<") return order < 0;
  return order == 0;
}

}  // namespace

Result<Selector> parse_selector(std::string_view text) {
  Selector selector;
  selector.text = text;
  std::string rest;
  if (text == "host") {
    selector.kind = Selector::Kind::host;
    return selector;
  }
  if (text.find('\0') != std::string_view::npos || text.size() > 4096)
    return fail(ErrorKind::usage, "a kernel's name has no NUL and at most 4096 bytes; {}", forms());
  if (text.find('/') != std::string_view::npos) {
    selector.kind = Selector::Kind::path;
    selector.image = std::string(text);
    return selector;
  }
  if (auto group = parse_group(text)) return std::move(*group);
  if (is_line(text, selector.version, rest)) return parse_line(std::move(selector), rest);
  if (is_release(text)) {
    selector.kind = Selector::Kind::release;
    return selector;
  }
  std::vector<std::string> words = {"host"};
  for (const auto& group : all_groups()) words.emplace_back(group.word);
  return fail(ErrorKind::usage, "'{}' names no kernel{}: {}; a file in this directory is './{}'",
              printable(text), did_you_mean(text, words), forms(), printable(text));
}

bool Selector::names(std::string_view release) const {
  if (kind == Kind::release) return release == text;
  const auto parts = parse_debian_release(release);
  return kind == Kind::line && parts && parts->line == version && parts->flavour == flavour;
}

std::string line_of_release(std::string_view release) {
  const auto parts = parse_debian_release(release);
  if (!parts) return std::string(release);
  return parts->line + (parts->flavour.empty() ? "" : "-" + parts->flavour);
}

Result<Selection> parse_selection(std::string_view text) {
  Selection selection;
  // A path may hold blanks; it stands alone.
  if (text.find('/') != std::string_view::npos) {
    KOBOX_TRY(auto path, parse_selector(text));
    selection.selectors.push_back(std::move(path));
    return selection;
  }
  for (const auto& each : split(text, ' ')) {
    const auto word = trim(each);
    if (word.empty()) continue;
    if (std::string_view("<>=").find(word.front()) != std::string_view::npos) {
      KOBOX_CHECK(parse_condition(word));
      selection.condition += (selection.condition.empty() ? "" : " ") + std::string(word);
      continue;
    }
    KOBOX_TRY(auto selector, parse_selector(word));
    selection.selectors.push_back(std::move(selector));
  }
  if (selection.selectors.empty() && selection.condition.empty())
    return std::unexpected(parse_selector("").error());
  if (selection.selectors.empty())
    selection.selectors.push_back({.kind = Selector::Kind::all, .text = "all"});
  return selection;
}

Result<bool> release_satisfies(std::string_view release, std::string_view condition) {
  const auto numbers = version_numbers(release.substr(0, release.find_first_of("-+")));
  if (!numbers)
    return fail(ErrorKind::usage, "'{}' is no kernel release: it does not start with a version",
                printable(release));
  bool all = true;
  bool any = false;
  for (const auto& word : split(condition, ' ')) {
    if (trim(word).empty()) continue;
    KOBOX_TRY(const auto parsed, parse_condition(trim(word)));
    all = all && holds(*numbers, parsed);
    any = true;
  }
  if (!any) return fail(ErrorKind::usage, "an empty condition on a kernel's version");
  return all;
}

}  // namespace kobox
