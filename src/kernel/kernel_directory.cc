// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kernel_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/regex.h"
#include "base/text.h"

namespace kobox {
namespace {

using nlohmann::json;

constexpr std::string_view k_schema = "kobox.kernel/2";
constexpr std::string_view k_json = "kernel.json";
constexpr std::string_view k_checked = "checked";

// Every regular file below the directory with its size. Relative names.
Result<json> sizes_below(const fs::path& directory) {
  json sizes = json::object();
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(directory, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (interrupted()) return fail_interrupted();
    if (it->is_symlink(error) || !it->is_regular_file(error)) continue;
    sizes[it->path().lexically_relative(directory).string()] = it->file_size(error);
  }
  if (error)
    return fail(ErrorKind::environment, "cannot read {}: {}", directory.string(), error.message());
  return sizes;
}

Result<> check_sizes(const fs::path& directory, const json& sizes) {
  const Fd root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno("cannot open {}", directory.string());
  for (const auto& [name, size] : sizes.items()) {
    struct stat info = {};
    if (::fstatat(root.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(ErrorKind::environment, "{} is missing", name);
    if (static_cast<std::uint64_t>(info.st_size) != size.get<std::uint64_t>())
      return fail(ErrorKind::environment, "{} has {} bytes instead of {}", name, info.st_size,
                  size.get<std::uint64_t>());
  }
  return {};
}

// A file name that is not UTF-8 would make dump throw; it is then reported missing when loaded.
std::string text_of(const json& object) {
  return object.dump(1, ' ', false, json::error_handler_t::replace);
}

// "" stays "": the kernel has no such directory.
std::string name_below(const fs::path& path, const fs::path& directory) {
  return path.empty() ? "" : path.lexically_relative(directory).string();
}

Result<fs::path> below(const fs::path& directory, const std::string& name) {
  if (name.empty()) return fs::path();
  const auto clean = fs::path(name).lexically_normal();
  if (clean.is_absolute() || *clean.begin() == "..")
    return fail(ErrorKind::environment, "{} names '{}', which is outside", k_json, printable(name));
  return directory / clean;
}

// All but the list of files. Throws what nlohmann throws. Not named from_json: nlohmann-json looks
// for functions of that name for each type, and would consider this one for fs::path.
Result<StoredKernel> stored_kernel(const fs::path& directory, const json& object) {
  if (object.at("schema") != k_schema)
    return fail(ErrorKind::environment, "{} is of another version of kobox", k_json);
  StoredKernel stored;
  auto& kernel = stored.kernel;
  kernel.release = object.at("release");
  const std::string arch = object.at("arch");
  kernel.arch = find_arch(arch);
  if (kernel.arch == nullptr)
    return fail(ErrorKind::environment, "{} is of an unknown architecture, '{}'", k_json,
                printable(arch));
  kernel.version = object.at("version");
  kernel.pvh = object.at("pvh");
  kernel.compiler = object.at("compiler");
  kernel.identity = object.at("identity");
  kernel.distribution = object.at("distribution");
  kernel.build_needs = object.at("build_needs");
  stored.suite = object.at("suite");
  stored.bytes = object.at("bytes");
  KOBOX_TRY(kernel.vmlinuz, below(directory, object.at("vmlinuz")));
  KOBOX_TRY(kernel.vmlinux, below(directory, object.at("vmlinux")));
  KOBOX_TRY(kernel.headers, below(directory, object.at("headers")));
  KOBOX_TRY(kernel.modules, below(directory, object.at("modules")));
  return stored;
}

// Boot of the host, and device, inode, size and change time of what a copy, a restored backup or a
// second unpacking cannot leave as it was.
std::string stamp_of(const fs::path& directory, const Kernel& kernel) {
  std::string stamp(trim(read_file("/proc/sys/kernel/random/boot_id").value_or("")));
  for (const auto& path :
       {directory / k_json, kernel.vmlinuz, kernel.vmlinux, kernel.headers, kernel.modules}) {
    struct stat info = {};
    if (path.empty()) continue;
    if (::lstat(path.c_str(), &info) != 0) return "";
    stamp += fmt::format(" {} {} {} {}.{:09}", info.st_dev, info.st_ino, info.st_size,
                         info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
  }
  return stamp;
}

// Nothing: it is not known to be whole. Throws what nlohmann throws.
std::optional<StoredKernel> load_checked(const fs::path& directory) {
  const auto text = read_file(directory / k_checked, 64 << 10);
  if (!text) return std::nullopt;
  const auto object = json::parse(*text);
  auto stored = stored_kernel(directory, object.at("kernel"));
  if (!stored || object.at("stamp") != stamp_of(directory, stored->kernel)) return std::nullopt;
  return std::move(*stored);
}

// Throws what nlohmann throws.
Result<StoredKernel> check_kernel(const fs::path& directory) {
  KOBOX_TRY(const auto text, read_file(directory / k_json, 64 << 20));
  auto object = json::parse(text);
  KOBOX_TRY(auto stored, stored_kernel(directory, object));
  const auto stamp = stamp_of(directory, stored.kernel);
  KOBOX_CHECK(check_sizes(directory, object.at("files")));
  object.erase("files");
  const json checked = {{"stamp", stamp}, {"kernel", std::move(object)}};
  // A cache that cannot be written only costs the next run the same again.
  if (!stamp.empty()) {
    [[maybe_unused]] const auto written =
        write_file(directory / k_checked, text_of(checked) + "\n");
  }
  return stored;
}

}  // namespace

Result<> save_kernel(const std::filesystem::path& directory, StoredKernel& stored) {
  auto& kernel = stored.kernel;
  KOBOX_TRY(const auto files, sizes_below(directory));
  Digest digest;
  digest.add(kernel.release).add(kernel.version).add(text_of(files));
  KOBOX_CHECK(digest.add_file(kernel.vmlinux));
  kernel.identity = digest.hex();
  stored.bytes = disk_usage(directory);
  const json object = {{"schema", k_schema},
                       {"release", kernel.release},
                       {"arch", kernel.arch->name},
                       {"version", kernel.version},
                       {"suite", stored.suite},
                       {"pvh", kernel.pvh},
                       {"compiler", kernel.compiler},
                       {"distribution", kernel.distribution},
                       {"build_needs", kernel.build_needs},
                       {"identity", kernel.identity},
                       {"bytes", stored.bytes},
                       {"vmlinuz", name_below(kernel.vmlinuz, directory)},
                       {"vmlinux", name_below(kernel.vmlinux, directory)},
                       {"headers", name_below(kernel.headers, directory)},
                       {"modules", name_below(kernel.modules, directory)},
                       {"files", files}};
  return write_file(directory / k_json, text_of(object) + "\n");
}

Result<StoredKernel> load_kernel(const std::filesystem::path& directory) {
  try {
    if (auto stored = load_checked(directory)) return std::move(*stored);
  } catch (const json::exception&) {
    // Damaged: everything is checked, and it is written again.
  }
  try {
    return check_kernel(directory);
  } catch (const json::exception& error) {
    return fail(ErrorKind::environment, "{} is damaged ({})", k_json, error.what());
  }
}

std::string compiler_of(const std::filesystem::path& headers) {
  // CONFIG_CC_VERSION_TEXT="x86_64-linux-gnu-gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0", or
  // "gcc (GCC) 13.2.1", where only the last word tells.
  static const auto named =
      Regex::compile(R"((?:[a-z0-9_]+-)*((?:gcc|clang)-[0-9]+)(?: .*)?)").value();
  static const auto unnamed =
      Regex::compile(R"((?:[A-Za-z]+ )?(?:[a-z0-9_]+-)*(gcc|clang) .*?([0-9]+)\.[0-9]+\.[0-9]+.*)")
          .value();
  constexpr std::string_view k_key = "CONFIG_CC_VERSION_TEXT=";
  for (const auto* name : {".config", "include/config/auto.conf"}) {
    const auto text = read_file(headers / name, 16 << 20);
    if (!text) continue;
    const auto at = text->find(k_key);
    if (at == std::string::npos) continue;
    auto value = text->substr(at + k_key.size(), 200);
    value = value.substr(0, value.find('\n'));
    std::erase(value, '"');
    if (const auto parts = named.match(value)) return std::string((*parts)[1]);
    if (const auto parts = unnamed.match(value))
      return fmt::format("{}-{}", (*parts)[1], (*parts)[2]);
  }
  return "";
}

std::string release_of_headers(const std::filesystem::path& headers) {
  // What vermagic says comes from utsrelease.h. Debian's kernel.release has the upstream version.
  constexpr std::string_view k_macro = "#define UTS_RELEASE \"";
  if (const auto text = read_file(headers / "include/generated/utsrelease.h", 65536)) {
    const auto at = text->find(k_macro);
    if (at != std::string::npos) {
      const auto rest = text->substr(at + k_macro.size());
      return rest.substr(0, rest.find('"'));
    }
  }
  const auto text = read_file(headers / "include/config/kernel.release", 4096);
  return text ? std::string(trim(*text)) : "";
}

}  // namespace kobox
