// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/template_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace kobox {
namespace {

using nlohmann::json;

constexpr const char* k_schema = "kobox.template/1";
constexpr std::size_t k_page = 4096;
constexpr std::size_t k_chunk = 256 * k_page;
constexpr std::size_t k_max_manifest = std::size_t{32} << 20;
constexpr std::size_t k_digest_length = 32;

bool is_empty_page(std::string_view page) {
  return page.front() == 0 && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

// Calls visit(offset, bytes) for each run of pages of a file that are not all zeros.
Result<> for_each_run(const Fd& file,
                      const std::function<Result<>(std::uint64_t, std::string_view)>& visit) {
  std::vector<char> buffer(k_chunk);
  for (off_t at = 0;;) {
    at = ::lseek(file.get(), at, SEEK_DATA);
    if (at < 0) return errno == ENXIO ? Result<>() : fail_errno("cannot read a saved machine");
    at -= at % static_cast<off_t>(k_page);
    const auto got = ::pread(file.get(), buffer.data(), buffer.size(), at);
    if (got < 0) return fail_errno("cannot read a saved machine");
    if (got == 0) return {};
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t begin = 0; begin < bytes.size();) {
      auto end = begin;
      while (end < bytes.size() && !is_empty_page(bytes.substr(end, k_page))) end += k_page;
      end = std::min(end, bytes.size());
      if (end > begin)
        KOBOX_CHECK(
            visit(static_cast<std::uint64_t>(at) + begin, bytes.substr(begin, end - begin)));
      begin = end + k_page;
    }
    at += got;
  }
}

// Independent of holes, and of how the file's pages are cut into runs.
void add_run(Digest& digest, std::uint64_t offset, std::string_view bytes) {
  for (; !bytes.empty(); offset += k_page, bytes.remove_prefix(std::min(k_page, bytes.size())))
    digest.add(fmt::format("{:x}", offset)).add(bytes.substr(0, k_page));
}

Result<std::uint64_t> size_of(const Fd& file) {
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0) return fail_errno("cannot read a saved machine");
  return static_cast<std::uint64_t>(info.st_size);
}

Result<std::string> digest_of(const Fd& file) {
  Digest digest;
  KOBOX_TRY(const auto size, size_of(file));
  digest.add(std::to_string(size));
  KOBOX_CHECK(for_each_run(file, [&](std::uint64_t offset, std::string_view bytes) -> Result<> {
    add_run(digest, offset, bytes);
    return {};
  }));
  return digest.hex();
}

// Writes a copy without empty pages; returns its digest.
Result<std::string> write_copy(const Fd& from, const fs::path& path) {
  const Fd to(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!to) return fail_errno("cannot write {}", path.string());
  Digest digest;
  KOBOX_TRY(const auto size, size_of(from));
  digest.add(std::to_string(size));
  if (::ftruncate(to.get(), static_cast<off_t>(size)) != 0)
    return fail_errno("cannot write {}", path.string());
  KOBOX_CHECK(for_each_run(from, [&](std::uint64_t offset, std::string_view bytes) -> Result<> {
    add_run(digest, offset, bytes);
    while (!bytes.empty()) {
      const auto wrote = ::pwrite(to.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (wrote < 0) return fail_errno("cannot write {}", path.string());
      offset += static_cast<std::uint64_t>(wrote);
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return {};
  }));
  return digest.hex();
}

json binary(const std::string& text) { return json::binary({text.begin(), text.end()}); }

std::string text_at(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end()) return "";
  if (it->is_binary()) return {it->get_binary().begin(), it->get_binary().end()};
  return it->is_string() ? it->get<std::string>() : "";
}

int number_at(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number_integer() ? it->get<int>() : 0;
}

Result<json> read_manifest(const fs::path& path) {
  KOBOX_TRY(const auto bytes, read_file(path, k_max_manifest));
  const auto damaged = fail(ErrorKind::environment, "its manifest is damaged");
  if (bytes.size() < k_digest_length) return damaged;
  const auto payload = std::string_view(bytes).substr(0, bytes.size() - k_digest_length);
  if (bytes.substr(payload.size()) != Digest().add(payload).hex()) return damaged;
  auto manifest = json::from_cbor(payload, /*strict=*/true, /*allow_exceptions=*/false);
  if (!manifest.is_object()) return damaged;
  return manifest;
}

// Device, inode, size and change time of the open files, and the host's boot.
std::string stamp_of(const std::vector<const Fd*>& files) {
  std::string stamp(trim(read_file("/proc/sys/kernel/random/boot_id").value_or("")));
  for (const auto* file : files) {
    struct stat info = {};
    if (::fstat(file->get(), &info) != 0) return "";
    stamp += fmt::format("\n{} {} {} {}.{:09}", info.st_dev, info.st_ino, info.st_size,
                         info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
  }
  return stamp;
}

Result<Fd> open_part(const fs::path& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd) return fail_errno("its {} cannot be opened", path.filename().string());
  return fd;
}

Result<> check_digest(const Fd& file, const json& manifest, const char* part) {
  KOBOX_TRY(const auto digest, digest_of(file));
  if (digest == text_at(manifest, part)) return {};
  return fail(ErrorKind::environment, "its {} is not what was saved", part);
}

}  // namespace

Result<> write_template_directory(const fs::path& directory, const std::string& key,
                                  const GuestSnapshot& snapshot) {
  json manifest = {{"schema", k_schema},
                   {"key", key},
                   {"release", snapshot.standing.hello.release},
                   {"unread", binary(snapshot.standing.unread)},
                   {"console", binary(snapshot.console.text())},
                   {"watchdog_s", snapshot.standing.settings.watchdog_s},
                   {"hung_task_s", snapshot.standing.settings.hung_task_s},
                   {"console_level", snapshot.standing.settings.console_level}};
  KOBOX_TRY(manifest["memory"], write_copy(snapshot.memory, directory / "memory"));
  KOBOX_TRY(manifest["state"], write_copy(snapshot.state, directory / "state"));
  if (!snapshot.disk.empty()) {
    KOBOX_TRY(manifest["disk"], write_copy(snapshot.disk.back(), directory / "disk"));
  }
  std::string payload;
  json::to_cbor(manifest, payload);
  KOBOX_CHECK(write_file(directory / "manifest", payload + Digest().add(payload).hex()));
  KOBOX_TRY(const auto memory, open_part(directory / "memory", O_RDONLY));
  KOBOX_TRY(const auto state, open_part(directory / "state", O_RDONLY));
  std::vector<const Fd*> parts = {&memory, &state};
  Fd disk;
  if (!snapshot.disk.empty()) {
    KOBOX_TRY(disk, open_part(directory / "disk", O_RDONLY));
    parts.push_back(&disk);
  }
  return write_file(directory / "checked", stamp_of(parts));
}

Result<GuestSnapshot> read_template_directory(const fs::path& directory, const std::string& key,
                                              const GuestSpec& spec, Accel accel) {
  GuestSnapshot snapshot{.spec = spec, .accel = accel};
  KOBOX_TRY(const auto manifest, read_manifest(directory / "manifest"));
  if (text_at(manifest, "schema") != k_schema || text_at(manifest, "key") != key)
    return fail(ErrorKind::environment, "it was made from something else");
  KOBOX_TRY(snapshot.memory, open_part(directory / "memory", O_RDWR));
  KOBOX_TRY(snapshot.state, open_part(directory / "state", O_RDONLY));
  KOBOX_TRY(const auto size, size_of(snapshot.memory));
  if (size != spec.memory) return fail(ErrorKind::environment, "its memory was cut off");
  std::vector<const Fd*> parts = {&snapshot.memory, &snapshot.state};
  if (spec.disk) {
    KOBOX_TRY(auto disk, open_part(directory / "disk", O_RDONLY));
    snapshot.disk.push_back(std::move(disk));
    parts.push_back(&snapshot.disk.back());
  }
  const auto stamp = stamp_of(parts);
  if (stamp.empty() || read_file(directory / "checked").value_or("") != stamp) {
    KOBOX_CHECK(check_digest(snapshot.memory, manifest, "memory"));
    KOBOX_CHECK(check_digest(snapshot.state, manifest, "state"));
    if (spec.disk) KOBOX_CHECK(check_digest(snapshot.disk.back(), manifest, "disk"));
    // A cache that cannot be written only costs the next run the same again.
    [[maybe_unused]] const auto written = write_file(directory / "checked", stamp);
  }
  // Member by member: of a temporary g++ 12 warns that its strings may not be initialised.
  auto& standing = snapshot.standing;
  standing.hello.protocol = wire::k_protocol;
  standing.hello.release = text_at(manifest, "release");
  standing.unread = text_at(manifest, "unread");
  standing.settings.watchdog_s = number_at(manifest, "watchdog_s");
  standing.settings.hung_task_s = number_at(manifest, "hung_task_s");
  standing.settings.console_level = number_at(manifest, "console_level");
  snapshot.console.append(text_at(manifest, "console"));
  return snapshot;
}

void forget_check(const fs::path& directory) {
  std::error_code ignored;
  fs::remove(directory / "checked", ignored);
}

}  // namespace kobox
