// SPDX-License-Identifier: GPL-2.0-or-later
// Typed, strict access to a TOML table: every answer knows its place in the file, and every error
// reads "kobox.toml:12:5: …".
//
//   KOBOX_CHECK(table.only({"boot", "test"}));
//   KOBOX_TRY(auto boot, table.string("boot", "a time such as \"60s\""));
//   if (boot && …) return table.error(boot->place, "…");
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "base/result.h"

namespace kobox {

// Counted from 1.
struct TomlPlace {
  unsigned line = 0;
  unsigned column = 0;
};

template <class T>
struct Placed {
  T value;
  TomlPlace place;
};
using PlacedText = Placed<std::string>;

// A view: the parsed document must outlive it.
class TomlTable {
 public:
  // file: the path as the user knows it; name: "[limits]", "" for the whole file.
  TomlTable(const toml::table& table, std::string file, std::string name, TomlPlace place)
      : table_(&table), file_(std::move(file)), name_(std::move(name)), place_(place) {}

  TomlPlace place() const { return place_; }
  const std::string& name() const { return name_; }

  // Fails at the first key that is not one of these, and names the nearest that is.
  Result<> only(const std::vector<std::string_view>& known) const;

  // The value of a key, or nothing if it is not there. A value of another type is an error, which
  // says what was expected.
  Result<std::optional<PlacedText>> string(std::string_view key, std::string_view expected) const;
  Result<std::optional<Placed<std::int64_t>>> integer(std::string_view key,
                                                      std::string_view expected) const;
  Result<std::optional<Placed<bool>>> boolean(std::string_view key) const;
  // All elements strings; `expected` says what the whole is.
  Result<std::optional<Placed<std::vector<PlacedText>>>> strings(std::string_view key,
                                                                 std::string_view expected) const;
  Result<std::optional<TomlTable>> table(std::string_view key, std::string name) const;
  // An array of tables ([[key]]); empty if the key is not there.
  Result<std::vector<TomlTable>> tables(std::string_view key, const std::string& name) const;

  // Where a key may hold several types.
  const toml::node* node(std::string_view key) const { return table_->get(key); }
  TomlTable inner(const toml::table& table, std::string name) const;
  static TomlPlace place_of(const toml::node& node);
  // In the order in which they stand in the file; TOML's own order is by name.
  std::vector<std::pair<std::string, const toml::node*>> entries() const;

  // An ErrorKind::usage at this place of the file.
  std::unexpected<Error> error(TomlPlace place, std::string_view message) const;
  // "'load' in [module] must be true or false, not a string"
  std::unexpected<Error> wrong_type(std::string_view key, std::string_view expected,
                                    const toml::node& found) const;

 private:
  std::string in_name() const { return name_.empty() ? "" : " in " + name_; }

  const toml::table* table_;
  std::string file_;
  std::string name_;
  TomlPlace place_;
};

}  // namespace kobox
