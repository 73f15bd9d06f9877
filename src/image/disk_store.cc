// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/disk_store.h"

#include <unistd.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "image/disk_build.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::string_view k_schema = "kobox.image/1";
// Changes when the same recipe gives another image.
constexpr std::string_view k_format = "kobox disk image 2";
constexpr const char* k_making = ".making-";
constexpr std::size_t k_longest_name = 100;
constexpr Duration k_lock_limit = 1h;  // for others to finish a build of theirs

Result<std::string> digest_of(const DiskRecipe& recipe, const HostFiles& host) {
  KOBOX_TRY(const auto sources, disk_sources(recipe, host));
  KOBOX_TRY(const auto files, disk_files(recipe, ""));
  Digest digest;
  digest.add(k_format).add(recipe.suite).add(std::to_string(recipe.bytes)).add(sources);
  digest.add(recipe.kernel.identity);
  for (const auto& package : disk_packages(recipe)) digest.add(package);
  for (const auto& hook : disk_hooks()) digest.add(hook);
  // The agent in the image is a spare one (make_disk_initramfs): another is no other image.
  for (const auto& file : files)
    if (file.path != k_disk_agent) digest.add(file.path).add(file.content);
  return digest.hex();
}

Result<> save(const DiskInfo& info, const fs::path& directory) {
  const json value = {{"schema", k_schema},
                      {"name", info.name},
                      {"suite", info.suite},
                      {"release", info.release},
                      {"kernel_version", info.kernel_version},
                      {"kernel_identity", info.kernel_identity},
                      {"bytes", info.bytes},
                      {"included", info.included},
                      {"packages", info.packages},
                      {"recipe", info.recipe},
                      {"identity", info.identity}};
  return write_file(directory / "image.json",
                    value.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

std::optional<DiskInfo> load(const fs::path& directory) {
  const auto text = read_file(directory / "image.json", 16 << 20);
  if (!text) return std::nullopt;
  const auto value = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  try {
    if (value.at("schema") != k_schema) return std::nullopt;
    return DiskInfo{.name = value.at("name"),
                    .suite = value.at("suite"),
                    .release = value.at("release"),
                    .kernel_version = value.at("kernel_version"),
                    .kernel_identity = value.at("kernel_identity"),
                    .bytes = value.at("bytes"),
                    .included = value.at("included"),
                    .packages = value.at("packages"),
                    .recipe = value.at("recipe"),
                    .identity = value.at("identity"),
                    .directory = directory};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

struct Making {
  TempDir directory;
  FileLock lock;
};

// A directory to work in; what others left of theirs when they were killed goes away.
Result<Making> new_directory(const fs::path& root) {
  KOBOX_TRY(const auto sweeping,
            FileLock::acquire(root / ".locks/.sweep", LockMode::exclusive, Deadline::after(5min)));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    if (!entry.path().filename().string().starts_with(k_making)) continue;
    const auto lock = FileLock::try_acquire(entry.path() / "lock", LockMode::exclusive);
    if (!lock || !*lock) continue;
    remove_system(entry.path());
  }
  KOBOX_TRY(auto directory, TempDir::make(root, k_making));
  KOBOX_TRY(auto lock, FileLock::acquire(directory.path() / "lock", LockMode::exclusive,
                                         Deadline::after(1min)));
  return Making{std::move(directory), std::move(lock)};
}

}  // namespace

Result<> check_disk_name(const std::string& name) {
  constexpr std::string_view k_allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+~_-";  // a release has + and
                                                                              // ~
  if (!name.empty() && name[0] != '.' && name.size() <= k_longest_name &&
      name.find_first_not_of(k_allowed) == std::string::npos)
    return {};
  return fail(ErrorKind::usage, "'{}' is no name: use letters, digits and . + ~ _ -",
              printable(name));
}

std::string DiskStore::default_name(const std::string& suite, const std::string& release) {
  return suite + "-" + release;
}

std::vector<DiskInfo> DiskStore::list() const {
  std::vector<DiskInfo> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root_, error)) {
    if (entry.path().filename().string().starts_with('.')) continue;
    if (auto info = load(entry.path())) found.push_back(std::move(*info));
  }
  std::ranges::sort(found, {}, &DiskInfo::name);
  return found;
}

Result<DiskInfo> DiskStore::find(const std::string& name) const {
  KOBOX_CHECK(check_disk_name(name));
  if (auto info = load(root_ / name)) return std::move(*info);
  std::vector<std::string> names;
  for (const auto& one : list()) names.push_back(one.name);
  return fail(ErrorKind::usage, "there is no image '{}'{}; `kobox image build {}` makes one", name,
              did_you_mean(name, names), name);
}

Result<HeldDisk> DiskStore::use(const std::string& name) const {
  KOBOX_TRY(auto info, find(name));
  KOBOX_TRY(auto lock,
            FileLock::acquire(info.directory / "lock", LockMode::shared, Deadline::after(1min)));
  KOBOX_TRY(info, find(name));  // it may have been replaced meanwhile
  std::error_code ignored;
  fs::last_write_time(info.directory, fs::file_time_type::clock::now(),
                      ignored);  // for cache prune
  return HeldDisk{std::move(info), std::move(lock)};
}

Result<DiskStore::Built> DiskStore::build(const std::string& name, const DiskRecipe& recipe,
                                          Again again, Progress& progress) const {
  KOBOX_CHECK(check_disk_name(name));
  KOBOX_TRY(const auto digest, digest_of(recipe, host_));
  auto lock = FileLock::try_acquire(root_ / ".locks" / name, LockMode::exclusive);
  if (!lock) return std::unexpected(lock.error());
  if (!*lock) {
    progress.stage(name, "waiting for another kobox that builds this image");
    KOBOX_TRY(*lock, FileLock::acquire(root_ / ".locks" / name, LockMode::exclusive,
                                       Deadline::after(k_lock_limit)));
  }
  const auto there = load(root_ / name);
  if (there && again == Again::yes) {
    KOBOX_TRY(const auto unused,
              FileLock::try_acquire(there->directory / "lock", LockMode::exclusive));
    if (!unused) return fail(ErrorKind::usage, "the image '{}' is in use", name);
  }
  if (there && again == Again::no) {
    if (there->recipe == digest) return Built{*there, false};
    return fail(ErrorKind::usage,
                "there is an image '{}' already, which was made from something else; give another "
                "name, or --again to make it again",
                name);
  }
  KOBOX_TRY(auto making, new_directory(root_));
  const auto directory = making.directory.path();
  auto built = build_disk(recipe, directory, name, progress, host_);
  progress.done(name);
  if (!built)
    return std::unexpected(std::move(built).error().while_doing("building the image " + name));
  DiskInfo info{.name = name,
                .suite = recipe.suite,
                .release = recipe.kernel.release,
                .kernel_version = recipe.kernel.version,
                .kernel_identity = recipe.kernel.identity,
                .bytes = recipe.bytes,
                .included = recipe.packages,
                .packages = std::move(built->packages),
                .recipe = digest,
                .identity = {},
                .directory = root_ / name};
  Digest identity;
  KOBOX_CHECK(identity.add_file(directory / "disk.qcow2"));
  info.identity = identity.hex();
  KOBOX_CHECK(save(info, directory));
  // Its permissions keep it from being written to by mistake: it is what others are built on.
  std::error_code error;
  fs::permissions(directory / "disk.qcow2", fs::perms(0444), error);
  // Also what is there but is no image, such as a directory whose image.json never got to the disk.
  if (fs::exists(root_ / name, error)) KOBOX_CHECK(discard(name));
  KOBOX_CHECK(rename_path(directory, root_ / name));
  making.directory.keep();
  return Built{std::move(info), true};
}

Result<> DiskStore::remove(const std::string& name) const {
  KOBOX_CHECK(find(name));
  return discard(name);
}

Result<> DiskStore::discard(const std::string& name) const {
  const auto directory = root_ / name;
  KOBOX_TRY(const auto lock, FileLock::try_acquire(directory / "lock", LockMode::exclusive));
  if (!lock) return fail(ErrorKind::usage, "the image '{}' is in use", name);
  // In one step, so that nobody opens half of it.
  const auto doomed = root_ / fmt::format("{}{}-{}", k_making, ::getpid(), name);
  KOBOX_CHECK(rename_path(directory, doomed));
  return remove_tree(doomed);
}

}  // namespace kobox
