// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/add_packages.h"

#include <set>

#include "archive/deb.h"
#include "archive/space.h"
#include "base/files.h"
#include "base/regex.h"
#include "base/text.h"
#include "kernel/fetch.h"
#include "kernel/kernel_directory.h"
#include "kernel/vmlinuz.h"

namespace kobox {
namespace {

// Packages of kernels unpack to three to four times their size, and the vmlinux comes on top.
constexpr std::uint64_t k_unpacked = 5;
constexpr std::string_view k_suite = "added";
constexpr std::string_view k_staging = ".added.";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// Nothing is written: only the names are wanted.
Result<std::set<std::string>> releases_in(const std::vector<fs::path>& files,
                                          const fs::path& somewhere) {
  // The release becomes part of paths.
  static const auto image =
      Regex::compile(
          R"((?:boot/vmlinuz-|(?:usr/)?lib/modules/)([0-9][A-Za-z0-9.+~_-]{0,200})(/.*)?)")
          .value();
  std::set<std::string> releases;
  const Placement look = [&](std::string_view entry) -> std::optional<fs::path> {
    const auto parts = image.match(entry);
    const bool among_modules = !entry.starts_with("boot/");
    if (parts && (*parts)[2] == (among_modules ? "/vmlinuz" : "")) releases.emplace((*parts)[1]);
    return std::nullopt;
  };
  for (const auto& file : files)
    KOBOX_CHECK(unpack_package(file, somewhere, look, [](std::uint64_t) {}));
  return releases;
}

Result<std::string> only_release(const std::set<std::string>& releases) {
  if (releases.size() == 1) return *releases.begin();
  if (releases.empty())
    return fail(ErrorKind::usage,
                "there is no kernel image (boot/vmlinuz-RELEASE or lib/modules/RELEASE/vmlinuz) in "
                "these packages; Debian and Ubuntu have it in linux-image-… or linux-binary-…, "
                "Fedora in kernel-core-…");
  return fail(
      ErrorKind::usage, "these packages hold the images of {} kernels ({}); add them one by one",
      releases.size(), join(std::vector<std::string>(releases.begin(), releases.end()), ", "));
}

// What the headers lead to lies in another package, which may not have been given: a link, or a
// Makefile that includes another.
Result<> check_headers(const fs::path& headers) {
  std::string missing;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(headers, error))
    if (entry.is_symlink(error) && !is_there(entry.path()))
      missing = fs::read_symlink(entry.path(), error).string();
  const auto makefile = read_file(headers / "Makefile", 16 << 20).value_or("");
  for (const auto line : lines_of(makefile)) {
    const auto up = line.find("../");
    if (!line.starts_with("include ") || up == std::string_view::npos) continue;
    if (!is_there(headers / line.substr(up))) missing = line.substr(up);
  }
  if (missing.empty()) return {};
  return fail(ErrorKind::usage,
              "the headers lead to {}, which lies in none of these packages: add the package that "
              "has it (Debian: linux-headers-…-common and linux-kbuild-…)",
              printable(missing));
}

Result<> find_headers(Kernel& kernel, const fs::path& directory, Progress& progress) {
  const auto sources = directory / "headers/usr/src";
  for (const auto& headers :
       {sources / ("linux-headers-" + kernel.release), sources / "kernels" / kernel.release})
    if (is_there(headers / "Makefile")) kernel.headers = headers;
  if (kernel.headers.empty()) {
    progress.note(
        fmt::format("there are no headers of {} among these packages: to build modules "
                    "for it, give a build tree with --headers",
                    kernel.release));
    return {};
  }
  KOBOX_CHECK(relocate_headers(directory / "headers/usr"));
  KOBOX_CHECK(check_headers(kernel.headers));
  kernel.compiler = compiler_of(kernel.headers);
  return {};
}

Result<> make_kernel(const std::vector<fs::path>& files, const std::string& release,
                     const fs::path& directory, Progress& progress) {
  KOBOX_CHECK(make_directories(directory));
  const Placement place = [&](std::string_view entry) {
    return place_foreign_entry(entry, release);
  };
  for (const auto& file : files)
    KOBOX_CHECK(unpack_package(file, directory, place, [](std::uint64_t) {}));
  StoredKernel stored{.suite = std::string(k_suite)};
  auto& kernel = stored.kernel;
  kernel.release = release;
  kernel.vmlinuz = directory / "vmlinuz";
  kernel.vmlinux = directory / "vmlinux";
  KOBOX_TRY(const auto image, read_file(kernel.vmlinuz));
  KOBOX_TRY_WHILE("unpacking its vmlinuz", const auto vmlinux, unpack_vmlinux(image));
  KOBOX_CHECK(write_file(kernel.vmlinux, vmlinux));
  KOBOX_TRY(kernel.pvh, has_pvh_entry(kernel.vmlinux));
  kernel.modules = directory / "modules";
  if (!is_there(kernel.modules / "kernel")) {
    progress.note(
        fmt::format("there are no modules of {} among these packages: only what is built "
                    "into it is there",
                    release));
    KOBOX_CHECK(make_directories(kernel.modules));
  }
  KOBOX_CHECK(find_headers(kernel, directory, progress));
  return save_kernel(directory, stored);
}

// A kobox that was killed leaves its directory; under the lock nobody else works in one.
Result<> remove_leftovers(const fs::path& kernels) {
  std::vector<fs::path> stale;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kernels, error))
    if (entry.path().filename().string().starts_with(k_staging)) stale.push_back(entry.path());
  for (const auto& path : stale) KOBOX_CHECK(remove_tree(path));
  return {};
}

std::uint64_t size_of(const std::vector<fs::path>& files) {
  std::uint64_t total = 0;
  std::error_code error;
  for (const auto& file : files) {
    const auto size = fs::file_size(file, error);
    if (!error) total += size;
  }
  return total;
}

}  // namespace

std::optional<fs::path> place_foreign_entry(std::string_view entry, std::string_view release) {
  if (const auto fedora = "usr/src/kernels/" + std::string(release);
      entry == fedora || entry.starts_with(fedora + "/"))
    return fs::path("headers") / entry;
  return place_entry(entry, release);
}

Result<Kernel> add_packages(const std::vector<fs::path>& files, const fs::path& kernels,
                            Progress& progress) {
  KOBOX_CHECK(make_directories(kernels));
  KOBOX_TRY(const auto adding,
            FileLock::acquire(kernels / "added.lock", LockMode::exclusive, Deadline::never()));
  KOBOX_CHECK(remove_leftovers(kernels));
  KOBOX_CHECK(check_space(kernels, k_unpacked * size_of(files), "the kernel of these packages"));
  KOBOX_TRY(const auto staging, TempDir::make(kernels, k_staging));
  progress.stage("add", "reading the packages");
  const auto found = releases_in(files, staging.path());
  progress.done("add");
  if (!found) return std::unexpected(found.error());
  KOBOX_TRY(const auto release, only_release(*found));

  const auto made = staging.path() / "kernel";
  progress.stage(release, "unpacking");
  auto done = make_kernel(files, release, made, progress);
  progress.done(release);
  if (!done) return std::unexpected(std::move(done).error().while_doing("adding " + release));

  const auto place = kernels / release;
  KOBOX_TRY(const auto lock,
            FileLock::acquire(place.string() + ".lock", LockMode::exclusive, Deadline::never()));
  if (is_there(place)) {
    progress.note(fmt::format("the {} that was in the cache is replaced", release));
    KOBOX_CHECK(rename_path(place, staging.path() / "replaced"));
  }
  KOBOX_CHECK(rename_path(made, place));
  KOBOX_TRY(auto stored, load_kernel(place));
  return std::move(stored.kernel);
}

}  // namespace kobox
