// SPDX-License-Identifier: GPL-2.0-or-later
#include "project/toml_reader.h"

#include <algorithm>

#include "base/text.h"

namespace kobox {
namespace {

TomlPlace place_at(const toml::source_position& position) {
  return {position.line, position.column};
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a floating-point number";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

}  // namespace

TomlPlace TomlTable::place_of(const toml::node& node) { return place_at(node.source().begin); }

TomlTable TomlTable::inner(const toml::table& table, std::string name) const {
  return {table, file_, std::move(name), place_of(table)};
}

std::unexpected<Error> TomlTable::error(TomlPlace place, std::string_view message) const {
  return fail(ErrorKind::usage, "{}:{}:{}: {}", file_, place.line, place.column, message);
}

std::unexpected<Error> TomlTable::wrong_type(std::string_view key, std::string_view expected,
                                             const toml::node& found) const {
  return error(place_of(found), fmt::format("'{}'{} must be {}, not {}", key, in_name(), expected,
                                            type_name(found)));
}

Result<> TomlTable::only(const std::vector<std::string_view>& known) const {
  const toml::key* first = nullptr;
  const auto before = [](const toml::key& a, const toml::key& b) {
    const auto &left = a.source().begin, &right = b.source().begin;
    return std::pair(left.line, left.column) < std::pair(right.line, right.column);
  };
  for (const auto& [key, value] : *table_) {
    if (std::ranges::find(known, key.str()) != known.end()) continue;
    if (first == nullptr || before(key, *first)) first = &key;
  }
  if (first == nullptr) return {};
  const std::vector<std::string> candidates(known.begin(), known.end());
  return error(place_at(first->source().begin),
               fmt::format("unknown key '{}'{}{}", printable(first->str()), in_name(),
                           did_you_mean(first->str(), candidates)));
}

Result<std::optional<PlacedText>> TomlTable::string(std::string_view key,
                                                    std::string_view expected) const {
  const auto* found = node(key);
  if (found == nullptr) return std::nullopt;
  const auto* text = found->as_string();
  if (text == nullptr) return wrong_type(key, expected, *found);
  return PlacedText{text->get(), place_of(*found)};
}

Result<std::optional<Placed<std::int64_t>>> TomlTable::integer(std::string_view key,
                                                               std::string_view expected) const {
  const auto* found = node(key);
  if (found == nullptr) return std::nullopt;
  const auto* number = found->as_integer();
  if (number == nullptr) return wrong_type(key, expected, *found);
  return Placed<std::int64_t>{number->get(), place_of(*found)};
}

Result<std::optional<Placed<bool>>> TomlTable::boolean(std::string_view key) const {
  const auto* found = node(key);
  if (found == nullptr) return std::nullopt;
  const auto* value = found->as_boolean();
  if (value == nullptr) return wrong_type(key, "true or false", *found);
  return Placed<bool>{value->get(), place_of(*found)};
}

Result<std::optional<Placed<std::vector<PlacedText>>>> TomlTable::strings(
    std::string_view key, std::string_view expected) const {
  const auto* found = node(key);
  if (found == nullptr) return std::nullopt;
  const auto* array = found->as_array();
  if (array == nullptr) return wrong_type(key, expected, *found);
  Placed<std::vector<PlacedText>> all{{}, place_of(*found)};
  for (const auto& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return wrong_type(key, expected, element);
    all.value.push_back({text->get(), place_of(element)});
  }
  return all;
}

Result<std::optional<TomlTable>> TomlTable::table(std::string_view key, std::string name) const {
  const auto* found = node(key);
  if (found == nullptr) return std::nullopt;
  const auto* value = found->as_table();
  if (value == nullptr) return wrong_type(key, "a table (" + name + ")", *found);
  return inner(*value, std::move(name));
}

Result<std::vector<TomlTable>> TomlTable::tables(std::string_view key,
                                                 const std::string& name) const {
  std::vector<TomlTable> all;
  const auto* found = node(key);
  if (found == nullptr) return all;
  const auto expected = "an array of tables (" + name + ")";
  const auto* array = found->as_array();
  if (array == nullptr) return wrong_type(key, expected, *found);
  for (const auto& element : *array) {
    const auto* value = element.as_table();
    if (value == nullptr) return wrong_type(key, expected, element);
    all.push_back(inner(*value, name));
  }
  return all;
}

std::vector<std::pair<std::string, const toml::node*>> TomlTable::entries() const {
  std::vector<std::pair<std::string, const toml::node*>> all;
  for (const auto& [key, value] : *table_) all.emplace_back(key.str(), &value);
  std::ranges::stable_sort(all, {}, [](const auto& entry) {
    const auto place = place_of(*entry.second);
    return std::pair(place.line, place.column);
  });
  return all;
}

}  // namespace kobox
