// SPDX-License-Identifier: GPL-2.0-or-later
#include "project/project_toml.h"

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "kernel/selector.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_longest = 24h;
constexpr std::uint64_t k_least_memory = std::uint64_t{64} << 20;
constexpr std::uint64_t k_most_memory = std::uint64_t{1} << 40;
constexpr int k_most_cpus = 64;

Result<std::vector<std::string>> read_selectors(const TomlTable& table, std::string_view key) {
  std::vector<std::string> selectors;
  KOBOX_TRY(auto found, table.strings(key, "an array of kernels such as [\"6.1-cloud\"]"));
  if (!found) return selectors;
  if (found->value.empty())
    return table.error(found->place, fmt::format("'{}' in [kernels] names no kernel", key));
  for (const auto& [text, place] : found->value) {
    if (const auto parsed = parse_selection(text); !parsed)
      return table.error(place, parsed.error().message());
    if (std::ranges::find(selectors, text) != selectors.end())
      return table.error(
          place, fmt::format("'{}' stands twice in '{}' of [kernels]", printable(text), key));
    selectors.push_back(text);
  }
  return selectors;
}

}  // namespace

Result<toml::table> parse_toml(const fs::path& file) {
  constexpr std::uint64_t k_largest = 1 << 20;  // bytes
  const auto text = read_file(file, k_largest);
  if (!text) return std::unexpected(Error(ErrorKind::usage, text.error().message()));
  try {
    return toml::parse(*text, file.string());
  } catch (const toml::parse_error& error) {
    const auto& place = error.source().begin;
    return fail(ErrorKind::usage, "{}:{}:{}: {}", file.string(), place.line, place.column,
                printable(error.description()));
  }
}

bool has_control_characters(std::string_view text) {
  return printable(text) != text || text.find_first_of("\n\t") != std::string_view::npos;
}

Result<std::optional<Duration>> read_duration(const TomlTable& table, std::string_view key) {
  KOBOX_TRY(auto text, table.string(key, "a time in a string, such as \"10s\""));
  if (!text) return std::nullopt;
  const auto duration = parse_duration(text->value);
  if (!duration) return table.error(text->place, duration.error().message());
  if (*duration > k_longest)
    return table.error(text->place, fmt::format("'{}' is longer than 24h", text->value));
  return *duration;
}

Result<fs::path> read_directory(const TomlTable& table, const PlacedText& path,
                                const fs::path& base, std::string_view what) {
  auto directory = absolute_directory(base / path.value);
  std::error_code ignored;
  if (path.value.empty() || has_control_characters(path.value) ||
      !fs::is_directory(directory, ignored))
    return table.error(path.place,
                       fmt::format("{} '{}' does not exist", what, printable(path.value)));
  return directory;
}

Result<std::vector<fs::path>> read_needs(const TomlTable& table, const fs::path& base,
                                         const std::vector<fs::path>& own) {
  std::vector<fs::path> directories;
  KOBOX_TRY(auto needs, table.strings("needs", "an array of other modules' directories"));
  if (!needs) return directories;
  for (const auto& need : needs->value) {
    KOBOX_TRY(auto directory, read_directory(table, need, base, "the needed directory"));
    if (std::ranges::find(own, directory) != own.end())
      return table.error(need.place, "a module cannot need itself");
    directories.push_back(std::move(directory));
  }
  return directories;
}

Result<> read_kernels_table(const TomlTable& table, Project& project) {
  KOBOX_CHECK(table.only({"use", "matrix"}));
  KOBOX_TRY(auto use, read_selectors(table, "use"));
  if (!use.empty()) project.kernels_use = std::move(use);
  KOBOX_TRY(project.kernels_matrix, read_selectors(table, "matrix"));
  return {};
}

Result<> read_limits_table(const TomlTable& table, Project& project) {
  KOBOX_CHECK(table.only({"boot", "test", "memory", "cpus"}));
  KOBOX_TRY(auto boot, read_duration(table, "boot"));
  KOBOX_TRY(auto test, read_duration(table, "test"));
  project.boot_limit = boot.value_or(project.boot_limit);
  project.test_limit = test.value_or(project.test_limit);

  KOBOX_TRY(auto memory, table.string("memory", "a size in a string, such as \"256M\""));
  if (memory) {
    const auto bytes = parse_size(memory->value);
    if (!bytes) return table.error(memory->place, bytes.error().message());
    if (*bytes < k_least_memory || *bytes > k_most_memory || *bytes % (1 << 20) != 0)
      return table.error(memory->place,
                         fmt::format("'{}' of memory: it must be whole megabytes, at least 64M and "
                                     "at most 1024G",
                                     memory->value));
    project.memory = *bytes;
  }
  KOBOX_TRY(auto cpus, table.integer("cpus", "a whole number"));
  if (cpus && (cpus->value < 1 || cpus->value > k_most_cpus))
    return table.error(cpus->place,
                       fmt::format("{} cpus: it must be 1 to {}", cpus->value, k_most_cpus));
  if (cpus) project.cpus = static_cast<int>(cpus->value);
  return {};
}

Result<> read_machine_table(const TomlTable& table, Project& project) {
  KOBOX_CHECK(table.only({"devices", "guest", "network"}));
  KOBOX_TRY(auto network, table.string("network", "\"none\", \"loopback\" or \"pair\""));
  if (network) {
    const auto kind = parse_machine_network(network->value);
    if (!kind) return table.error(network->place, kind.error().message());
    project.network = *kind;
  }
  KOBOX_TRY(auto guest, table.string("guest", "\"initramfs\" or \"disk\""));
  if (guest) {
    const auto kind = parse_guest(guest->value);
    if (!kind) return table.error(guest->place, kind.error().message());
    project.guest = *kind;
  }
  KOBOX_TRY(auto devices, table.strings("devices", "an array of QEMU devices, such as \"edu\""));
  if (!devices) return {};
  for (const auto& [text, place] : devices->value) {
    constexpr const char* k_allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,=";
    if (text.empty() || text[0] == '-' || text.find_first_not_of(k_allowed) != std::string::npos)
      return table.error(place, fmt::format("'{}' of devices: write it as QEMU's -device takes it, "
                                            "such as \"edu\" or \"pci-testdev,addr=5\"",
                                            printable(text)));
    if (text.find(",netdev=") != std::string::npos && project.network != MachineNetwork::pair)
      return table.error(place, fmt::format("'{}' of devices has a netdev; there are two, pair0 "
                                            "and pair1, with network = \"pair\"",
                                            text));
    project.devices.push_back(text);
  }
  return {};
}

}  // namespace kobox
