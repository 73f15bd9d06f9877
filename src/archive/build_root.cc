// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/build_root.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "archive/apt.h"
#include "archive/deb.h"
#include "archive/space.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::string_view k_schema = "kobox.root/1";
constexpr Duration k_old_lists = 24h;

// What a build runs besides the compiler and what its kernel's packages depend on: kbuild's own
// tools (Documentation/process/changes.rst), and those that modules' Makefiles use.
constexpr std::array k_base = {"libc6-dev", "make",      "bash", "dash",      "coreutils", "sed",
                               "grep",      "findutils", "mawk", "diffutils", "tar",       "gzip",
                               "xz-utils",  "perl-base", "kmod", "patch",     "base-files"};

// Unpacked without documentation, packages have about this many times their size.
constexpr std::uint64_t k_unpacked = 4;

constexpr const char* k_record = "root.json";

struct Made {
  std::vector<std::string> needs;
  std::string identity;
};

// Nothing if there is no complete root.
std::optional<Made> read_made(const fs::path& directory) {
  const auto text = read_file(directory / k_record, 1 << 20);
  if (!text) return std::nullopt;
  try {
    const auto object = json::parse(*text);
    if (object.at("schema") != k_schema) return std::nullopt;
    return Made{object.at("needs"), object.at("identity")};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

bool has_all(const std::vector<std::string>& there, const std::vector<std::string>& wanted) {
  return std::ranges::all_of(
      wanted, [&](const std::string& one) { return std::ranges::find(there, one) != there.end(); });
}

// A program under its usual name, where the package leaves that to its installation.
Result<> link_program(const fs::path& root, const char* name, const std::string& program) {
  const auto link = root / "usr/bin" / name;
  std::error_code error;
  if (fs::exists(fs::symlink_status(link, error)) || !fs::exists(root / "usr/bin" / program, error))
    return {};
  fs::create_symlink(program, link, error);
  if (error)
    return fail(ErrorKind::environment, "cannot link {}: {}", link.string(), error.message());
  return {};
}

class Maker {
 public:
  Maker(const BuildRootSpec& spec, const fs::path& roots, Apt& apt, Progress& progress)
      : spec_(spec), name_(spec.name()), roots_(roots), apt_(apt), progress_(progress) {}

  // needs: all that the root is to have, compiler included.
  Result<> make(const std::vector<std::string>& needs) {
    KOBOX_CHECK(remove_leftovers());
    KOBOX_TRY(const auto packages, packages_for(needs));
    std::uint64_t bytes = 0;
    for (const auto& package : packages) bytes += package.download_bytes;
    KOBOX_CHECK(check_space(roots_, bytes * (1 + k_unpacked), "the build root " + name_));
    progress_.note(fmt::format("making a build root of {} for {}: {} to download",
                               spec_.distribution->name, spec_.compiler, format_bytes(bytes)));
    KOBOX_TRY(const auto staging, TempDir::make(roots_, "." + name_));
    const auto directory = staging.path() / "made";
    KOBOX_CHECK(make_directories(staging.path() / "debs"));
    KOBOX_CHECK(make_skeleton(directory / "root"));
    progress_.stage(name_, "downloading");
    KOBOX_CHECK(apt_.download(packages, staging.path() / "debs",
                              [&](std::uint64_t done) { progress_.amount(name_, done, bytes); }));
    KOBOX_CHECK(unpack_all(staging.path() / "debs", directory / "root"));
    KOBOX_CHECK(finish(directory, packages, needs));
    const auto place = roots_ / name_;
    std::error_code ignored;
    if (fs::exists(place, ignored)) KOBOX_CHECK(rename_path(place, staging.path() / "old"));
    return rename_path(directory, place);
  }

 private:
  // What a kobox that was killed left; nobody else can be at it under the lock.
  Result<> remove_leftovers() const {
    std::vector<fs::path> stale;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(roots_, error))
      if (entry.path().filename().string().starts_with("." + name_ + "."))
        stale.push_back(entry.path());
    for (const auto& path : stale) KOBOX_CHECK(remove_tree(path));
    return {};
  }

  // The kernel's own packages are left out: each kernel's are mounted into the root.
  Result<std::vector<DebPackage>> packages_for(const std::vector<std::string>& needs) const {
    std::vector<std::string> names(k_base.begin(), k_base.end());
    names.insert(names.end(), needs.begin(), needs.end());
    auto packages = apt_.closure(names);
    if (packages || packages.error().kind() != ErrorKind::environment) return packages;
    return fail(ErrorKind::environment,
                "{}; if a package is gone, choose a kernel that Debian has now: kobox kernel list",
                packages.error().to_string());
  }

  static Result<> make_skeleton(const fs::path& root) {
    for (const auto* name : {"usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/src",
                             "usr/lib/modules", "etc", "dev", "proc", "sys", "tmp", "var"})
      KOBOX_CHECK(make_directories(root / name));
    std::error_code error;
    for (const auto* name : {"bin", "sbin", "lib", "lib64"}) {
      fs::create_directory_symlink(fs::path("usr") / name, root / name, error);
      if (error)
        return fail(ErrorKind::environment, "cannot link {}: {}", (root / name).string(),
                    error.message());
    }
    return {};
  }

  Result<> unpack_all(const fs::path& debs, const fs::path& root) {
    progress_.stage(name_, "unpacking");
    std::vector<fs::path> files;
    std::uint64_t total = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(debs, error)) {
      files.push_back(entry.path());
      total += entry.file_size(error);
    }
    std::ranges::sort(files);
    std::uint64_t before = 0;
    for (const auto& file : files) {
      const auto size = fs::file_size(file, error);
      KOBOX_CHECK(unpack_deb_as_root(file, root, place_in_root, [&](std::uint64_t bytes) {
        progress_.amount(name_, before + bytes, total);
      }));
      before += size;
      KOBOX_CHECK(remove_tree(file));
    }
    return {};
  }

  Result<> finish(const fs::path& directory, const std::vector<DebPackage>& packages,
                  const std::vector<std::string>& needs) const {
    const auto root = directory / "root";
    KOBOX_CHECK(link_program(root, "sh", "dash"));
    KOBOX_CHECK(link_program(root, "awk", "mawk"));
    for (const auto* name : {"gcc", "cc"}) KOBOX_CHECK(link_program(root, name, spec_.compiler));
    std::error_code ignored;
    if (!fs::exists(root / "usr/bin" / spec_.compiler, ignored))
      return fail(ErrorKind::environment, "Debian's packages for {} hold no /usr/bin/{}",
                  spec_.name(), spec_.compiler);
    KOBOX_CHECK(make_directories(root / fs::path(k_root_module).relative_path()));
    for (const auto* file : {k_root_release, k_root_preload})
      KOBOX_CHECK(write_file(root / fs::path(file).relative_path(), ""));
    KOBOX_CHECK(write_file(root / "etc/ld.so.preload", std::string(k_root_preload) + "\n"));
    KOBOX_CHECK(write_file(root / "etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n"));
    KOBOX_CHECK(write_file(root / "etc/group", "root:x:0:\n"));

    json list = json::array();
    Digest digest;
    for (const auto& package : packages) {
      list.push_back(package.name + "=" + package.version);
      digest.add(package.name).add(package.version);
    }
    const json object = {
        {"schema", k_schema}, {"needs", needs}, {"packages", list}, {"identity", digest.hex()}};
    return write_file(directory / k_record, object.dump(1) + "\n");
  }

  const BuildRootSpec& spec_;
  std::string name_;
  fs::path roots_;
  Apt& apt_;
  Progress& progress_;
};

Result<FileLock> take(const fs::path& lock, LockMode mode, const std::string& name,
                      Progress& progress) {
  KOBOX_TRY(auto free, FileLock::try_acquire(lock, mode));
  if (free) return std::move(*free);
  progress.stage(name, "waiting for another kobox that uses this build root");
  auto held = FileLock::acquire(lock, mode, Deadline::never());
  progress.done(name);
  return held;
}

// The root, if it is complete and has all that is needed.
Result<std::optional<BuildRoot>> use(const fs::path& place, const std::vector<std::string>& needs,
                                     Progress& progress) {
  KOBOX_TRY(auto lock,
            take(place.string() + ".lock", LockMode::shared, place.filename(), progress));
  const auto made = read_made(place);
  if (!made || !has_all(made->needs, needs)) return std::optional<BuildRoot>();
  // The time of its last use, for `kobox cache prune`. A cache that cannot be written is no error.
  std::error_code ignored;
  fs::last_write_time(place, fs::file_time_type::clock::now(), ignored);
  return BuildRoot{.root = place / "root", .identity = made->identity, .lock = std::move(lock)};
}

// What the build trees of all kernels of this release need, so that one root serves them all; of
// the compilers only the root's own.
std::vector<std::string> needs_of_all(const PackageIndex& index, const std::string& compiler) {
  std::vector<std::string> needs;
  for (const auto& release : index.releases()) {
    if (!index.has_headers(release)) continue;
    const auto packages = index.packages_for(release);
    if (!packages) continue;
    for (const auto& one : packages->build_needs)
      if (!one.starts_with("gcc-") || one == compiler || one.starts_with(compiler + "-"))
        needs.push_back(one);
  }
  return needs;
}

// Makes it, unless another kobox has done so meanwhile. What an older one had stays in it, but for
// packages that the archive has no more.
Result<> make(const fs::path& place, const BuildRootSpec& spec, std::vector<std::string> needs,
              Apt& apt, Progress& progress) {
  const auto name = spec.name();
  KOBOX_TRY(const auto lock, take(place.string() + ".lock", LockMode::exclusive, name, progress));
  const auto made = read_made(place);
  if (made && has_all(made->needs, needs)) return {};
  const bool updated = apt.age() > k_old_lists;
  if (updated) KOBOX_CHECK(apt.update());
  if (made) {
    KOBOX_TRY(const auto inherited, apt.known(made->needs));
    needs.insert(needs.end(), inherited.begin(), inherited.end());
  }
  KOBOX_TRY(const auto index, apt.index());
  for (auto& one : needs_of_all(index, spec.compiler)) needs.push_back(std::move(one));
  std::ranges::sort(needs);
  needs.erase(std::ranges::unique(needs).begin(), needs.end());
  Maker maker(spec, place.parent_path(), apt, progress);
  auto done = maker.make(needs);
  // The archive may have replaced packages since the lists were read.
  if (!done && done.error().kind() != ErrorKind::interrupted && !updated && apt.update())
    done = maker.make(needs);
  progress.done(name);
  if (!done)
    return std::unexpected(
        std::move(done).error().while_doing("making the build root " + place.string()));
  return {};
}

}  // namespace

std::string BuildRootSpec::name() const {
  return fmt::format("{}-{}", distribution->name, compiler);
}

std::optional<std::filesystem::path> place_in_root(std::string_view entry) {
  for (const std::string_view directory : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    if (entry == directory) return std::nullopt;  // a link of the root's own
    if (entry.starts_with(directory) && entry.substr(directory.size()).starts_with('/'))
      return place_in_root("usr/" + std::string(entry));
  }
  static constexpr std::array k_skipped = {"usr/share/doc",
                                           "usr/share/man",
                                           "usr/share/locale",
                                           "usr/share/info",
                                           "usr/share/bug",
                                           "usr/share/lintian",
                                           "usr/share/gdb",
                                           "usr/share/common-licenses",
                                           "usr/lib/udev",
                                           "usr/lib/systemd",
                                           "usr/share/zoneinfo",
                                           "usr/share/bash-completion",
                                           "usr/share/i18n",
                                           "usr/share/gcc-data",
                                           "dev",
                                           "var"};
  for (const std::string_view skipped : k_skipped)
    if (entry == skipped ||
        (entry.starts_with(skipped) && entry.substr(skipped.size()).starts_with('/')))
      return std::nullopt;
  // The sanitizers' libraries are a third of a compiler; nothing of a kernel is linked with them.
  const auto file = fs::path(entry).filename().string();
  for (const auto* sanitizer : {"asan", "tsan", "lsan", "ubsan", "hwasan"})
    if (file.starts_with(fmt::format("lib{}", sanitizer)) && !entry.ends_with(".h"))
      return std::nullopt;
  return fs::path(entry);
}

bool has_build_root(const std::filesystem::path& cache, const BuildRootSpec& spec) {
  return read_made(cache / "roots" / spec.name()).has_value();
}

Result<> make_mount_point(const BuildRoot& root, const std::filesystem::path& path) {
  return make_directories(root.root / path.relative_path());
}

Result<BuildRoot> ensure_build_root(const std::filesystem::path& cache, const BuildRootSpec& spec,
                                    Network network, Progress& progress, HostFiles host) {
  const auto place = cache / "roots" / spec.name();
  std::vector<std::string> needs = spec.needs;
  needs.push_back(spec.compiler);
  Apt apt(cache / "apt", *spec.distribution, progress, std::move(host));
  for (int tries = 0; tries < 3; ++tries) {
    KOBOX_TRY(auto root, use(place, needs, progress));
    if (root) return std::move(*root);
    if (network == Network::forbidden)
      return fail(ErrorKind::environment,
                  "the build root {} is not in the cache, and --offline and --dry-run make none; "
                  "run it once without them, where Debian's archive can be reached",
                  spec.name());
    KOBOX_CHECK(make(place, spec, needs, apt, progress));
  }
  return fail(ErrorKind::environment,
              "the build root {} is removed as fast as it is made; end what removes it, such as a "
              "`kobox cache prune` in a loop",
              place.string());
}

}  // namespace kobox
