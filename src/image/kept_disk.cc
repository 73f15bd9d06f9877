// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/kept_disk.h"

#include <optional>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace kobox {
namespace {

using nlohmann::json;

constexpr std::string_view k_schema = "kobox.kept_disk/1";

fs::path root_of(const fs::path& state) { return state / "disks"; }

struct Record {
  std::string image;
  std::string identity;
};

std::optional<Record> read_record(const fs::path& directory) {
  const auto text = read_file(directory / "disk.json", 1 << 20);
  if (!text) return std::nullopt;
  const auto value = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  try {
    if (value.at("schema") != k_schema) return std::nullopt;
    return Record{.image = value.at("image"), .identity = value.at("identity")};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

Result<FileLock> lock(const fs::path& directory, const std::string& name) {
  KOBOX_TRY(auto held, FileLock::try_acquire(directory / "lock", LockMode::exclusive));
  if (held) return std::move(*held);
  return fail(ErrorKind::usage, "what is kept as '{}' is in use by another kobox", name);
}

}  // namespace

Result<KeptDisk> open_kept_disk(const fs::path& state, const std::string& name,
                                const DiskInfo& image) {
  KOBOX_CHECK(check_disk_name(name));
  const auto directory = root_of(state) / name;
  KOBOX_TRY(auto held, lock(directory, name));
  const auto layer = directory / "disk.qcow2";
  std::error_code ignored;
  if (!fs::exists(layer, ignored)) {
    KOBOX_TRY(const auto empty, read_file(image.overlay()));
    const json record = {{"schema", k_schema}, {"image", image.name}, {"identity", image.identity}};
    KOBOX_CHECK(write_file(directory / "disk.json", record.dump(2) + "\n"));
    KOBOX_CHECK(write_file(layer, empty));
    return KeptDisk{.layer = layer, .in_use = std::move(held), .fresh = true};
  }
  const auto record = read_record(directory);
  if (record && record->image == image.name && record->identity == image.identity)
    return KeptDisk{.layer = layer, .in_use = std::move(held)};
  return fail(ErrorKind::usage,
              "what is kept as '{}' belongs to the image {} as it was when that was begun, not to "
              "{} as it is now; `kobox image remove --persist {}` throws it away",
              name, record ? record->image : "?", image.name, name);
}

std::vector<KeptDiskInfo> list_kept_disks(const fs::path& state) {
  std::vector<KeptDiskInfo> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root_of(state), error))
    if (const auto record = read_record(entry.path()))
      found.push_back({.name = entry.path().filename().string(),
                       .image = record->image,
                       .bytes = disk_usage(entry.path())});
  return found;
}

Result<> remove_kept_disk(const fs::path& state, const std::string& name) {
  KOBOX_CHECK(check_disk_name(name));
  const auto directory = root_of(state) / name;
  std::error_code ignored;
  if (!fs::exists(directory, ignored)) {
    std::vector<std::string> names;
    for (const auto& one : list_kept_disks(state)) names.push_back(one.name);
    return fail(ErrorKind::usage, "nothing is kept as '{}'{}", name, did_you_mean(name, names));
  }
  KOBOX_TRY(const auto held, lock(directory, name));
  return remove_tree(directory);
}

}  // namespace kobox
