// SPDX-License-Identifier: GPL-2.0-or-later
// [module] of kobox.toml.
#include <algorithm>

#include "base/errno_name.h"
#include "base/files.h"
#include "base/text.h"
#include "project/project_toml.h"

namespace kobox {
namespace {

// The kernel's MODULE_NAME_LEN is 56 on 64-bit machines, the final NUL included.
constexpr std::size_t k_longest_name = 55;

bool is_module_name(std::string_view name) {
  constexpr std::string_view k_allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !name.empty() && name.size() <= k_longest_name &&
         name.find_first_not_of(k_allowed) == std::string_view::npos;
}

Result<> check_module_name(const TomlTable& table, const PlacedText& name) {
  if (is_module_name(name.value)) return {};
  return table.error(name.place,
                     fmt::format("'{}' is no module name: 1 to {} letters, digits, '_' and '-'",
                                 printable(name.value), k_longest_name));
}

// `name` or `names`.
Result<std::vector<std::string>> read_module_names(const TomlTable& table) {
  KOBOX_TRY(const auto name, table.string("name", "a string"));
  KOBOX_TRY(const auto names, table.strings("names", "an array of module names"));
  std::vector<std::string> found;
  if (name) {
    KOBOX_CHECK(check_module_name(table, *name));
    found.push_back(name->value);
  }
  if (!names) return found;
  if (name)
    return table.error(names->place, "[module] has both 'name' and 'names'; one of them will do");
  if (names->value.empty())
    return table.error(names->place,
                       "'names' is empty; leave it out to have all modules that are built");
  for (const auto& one : names->value) {
    KOBOX_CHECK(check_module_name(table, one));
    if (std::ranges::find(found, one.value) != found.end())
      return table.error(one.place, fmt::format("'{}' is in 'names' twice", one.value));
    found.push_back(one.value);
  }
  return found;
}

Result<> read_expected_load(const TomlTable& table, Project& project) {
  KOBOX_TRY(auto expected, table.string("expect_load", "an error such as \"ENODEV\""));
  if (expected) {
    const auto error = errno_of(expected->value);
    if (!error)
      return table.error(
          expected->place,
          fmt::format("expect_load is '{}', which is not the name of an error, such as ENODEV",
                      printable(expected->value)));
    project.expect_load = *error;
  }
  if (project.expect_load != 0 && !project.load)
    return table.error(expected->place,
                       "expect_load says what the load returns, but load is false");
  return {};
}

Result<> read_build(const TomlTable& table, Project& project) {
  KOBOX_TRY(auto build,
            table.string("build", "\"auto\", \"kbuild\", \"make\", \"dkms\" or \"guest\""));
  if (build) {
    const auto how = parse_build(build->value);
    if (!how) return table.error(build->place, how.error().message());
    project.build = how->where;
    project.method = how->method;
  }
  KOBOX_TRY(auto make, table.strings("make", "an array of arguments for make"));
  if (make) {
    if (build && build->value != "make" && build->value != "kbuild")
      return table.error(
          make->place,
          fmt::format("'make' has arguments for make, but build is \"{}\"", build->value));
    for (const auto& [text, place] : make->value) {
      if (text.empty() || has_control_characters(text))
        return table.error(place, fmt::format("'{}' is not an argument for make", printable(text)));
      project.make.push_back(text);
    }
    if (!build) project.method = BuildMethod::make;
  }
  KOBOX_TRY(auto root, table.string("root", "a directory's path"));
  if (!root) return {};
  KOBOX_TRY(project.root, read_directory(table, *root, project.directory, "the root directory"));
  return {};
}

Result<> read_needs_of_module(const TomlTable& table, Project& project) {
  KOBOX_TRY(project.needs,
            read_needs(table, project.directory, {project.source, project.directory}));
  if (!project.needs.empty() && project.build == BuildWhere::guest)
    return table.error(TomlTable::place_of(*table.node("needs")),
                       "'needs' does not go with build = \"guest\"");
  return {};
}

Result<> read_firmware(const TomlTable& table, Project& project) {
  KOBOX_TRY(auto firmware, table.strings("firmware", "an array of files' and directories' paths"));
  if (!firmware) return {};
  std::error_code ignored;
  for (const auto& [text, place] : firmware->value) {
    // Without a '/' at its end: what stands behind the last one is the file's name.
    const auto path = absolute_directory(project.directory / text);
    const auto type = fs::status(path, ignored).type();
    if (text.empty() || has_control_characters(text) ||
        (type != fs::file_type::regular && type != fs::file_type::directory))
      return table.error(place, fmt::format("the firmware '{}' is not a file or directory that "
                                            "exists",
                                            printable(text)));
    project.firmware.push_back(path);
  }
  return {};
}

}  // namespace

Result<> read_module_table(const TomlTable& table, Project& project) {
  KOBOX_CHECK(table.only({"name", "names", "source", "params", "load", "expect_load", "build",
                          "make", "root", "needs", "firmware"}));
  KOBOX_TRY(project.modules, read_module_names(table));

  KOBOX_TRY(auto source, table.string("source", "a directory's path"));
  if (source) {
    KOBOX_TRY(project.source,
              read_directory(table, *source, project.directory, "the source directory"));
  }
  KOBOX_TRY(auto params, table.string("params", "a string, as insmod takes them"));
  if (params && has_control_characters(params->value))
    return table.error(params->place, "'params' in [module] has control characters");
  if (params) project.module_params = params->value;

  KOBOX_TRY(auto load, table.boolean("load"));
  if (load) project.load = load->value;

  KOBOX_CHECK(read_expected_load(table, project));
  KOBOX_CHECK(read_build(table, project));
  KOBOX_CHECK(read_firmware(table, project));
  return read_needs_of_module(table, project);
}

}  // namespace kobox
