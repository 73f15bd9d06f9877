// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/fetch.h"

#include <utility>
#include <vector>

#include "archive/deb.h"
#include "archive/distribution.h"
#include "archive/space.h"
#include "base/text.h"
#include "kernel/vmlinuz.h"

namespace kobox {
namespace {

// Debian's unpacked kernels are 45 to 80 MB; no package says how much it will be.
constexpr std::uint64_t k_vmlinux_bytes = std::uint64_t{80} * 1000 * 1000;

std::uint64_t space_needed(const KernelPackages& packages) {
  return packages.download_bytes + packages.installed_bytes + k_vmlinux_bytes;
}

// "headers/usr" of the directory holds what the packages have in /usr.
Result<> unpack_all(const fs::path& debs, const fs::path& directory, const KernelPackages& packages,
                    Progress& progress) {
  const auto& release = packages.release;
  progress.stage(release, "unpacking");
  const auto place = [&](std::string_view entry) { return place_entry(entry, release); };
  std::vector<std::pair<fs::path, std::uint64_t>> files;
  std::uint64_t total = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(debs, error)) {
    files.emplace_back(entry.path(), entry.file_size(error));
    total += files.back().second;
  }
  if (error || files.size() < packages.packages.size())
    return fail(ErrorKind::environment, "apt-get left {} of {} packages in {}", files.size(),
                packages.packages.size(), debs.string());
  std::uint64_t before = 0;
  for (const auto& [file, size] : files) {
    const auto on_bytes = [&](std::uint64_t bytes) {
      progress.amount(release, before + bytes, total);
    };
    KOBOX_CHECK(unpack_deb(file, directory, place, on_bytes));
    before += size;
    KOBOX_CHECK(remove_tree(file));  // now, so that less space is needed at once
  }
  return {};
}

Result<StoredKernel> finish(const fs::path& directory, const KernelPackages& packages) {
  const auto& release = packages.release;
  StoredKernel stored{.suite = packages.suite};
  auto& kernel = stored.kernel;
  kernel.release = release;
  kernel.version = packages.version;
  kernel.vmlinuz = directory / "vmlinuz";
  kernel.vmlinux = directory / "vmlinux";
  kernel.modules = directory / "modules";
  kernel.build_needs = packages.build_needs;
  if (const auto* from = distribution_of_suite(packages.suite)) kernel.distribution = from->name;
  if (packages.has_headers)
    kernel.headers = directory / "headers/usr/src" / ("linux-headers-" + release);
  KOBOX_TRY(const auto image, read_file(kernel.vmlinuz));
  KOBOX_TRY_WHILE("unpacking " + kernel.vmlinuz.string(), const auto vmlinux,
                  unpack_vmlinux(image));
  KOBOX_CHECK(write_file(kernel.vmlinux, vmlinux));
  KOBOX_TRY(kernel.pvh, has_pvh_entry(kernel.vmlinux));
  std::error_code ignored;
  if (packages.has_headers && !fs::exists(kernel.headers / "Makefile", ignored))
    return fail(ErrorKind::environment, "the packages of {} hold no {}", release,
                kernel.headers.lexically_relative(directory).string());
  if (!fs::exists(kernel.modules, ignored)) KOBOX_CHECK(make_directories(kernel.modules));
  KOBOX_CHECK(relocate_headers(directory / "headers/usr"));
  if (packages.has_headers) kernel.compiler = compiler_of(kernel.headers);
  KOBOX_CHECK(save_kernel(directory, stored));
  return stored;
}

// What a kobox that was killed left of this release; nobody else can be at it under the lock.
Result<> remove_leftovers(const fs::path& kernels, const std::string& prefix) {
  std::vector<fs::path> stale;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kernels, error))
    if (entry.path().filename().string().starts_with(prefix + ".")) stale.push_back(entry.path());
  for (const auto& path : stale) KOBOX_CHECK(remove_tree(path));
  return {};
}

Result<> fetch_into(const fs::path& staging, const Apt& apt, const KernelPackages& packages,
                    Progress& progress) {
  const auto& release = packages.release;
  const auto debs = staging / "debs";
  const auto directory = staging / "kernel";
  KOBOX_CHECK(make_directories(debs));
  KOBOX_CHECK(make_directories(directory));
  progress.stage(release, "downloading");
  KOBOX_CHECK(apt.download(packages.packages, debs, [&](std::uint64_t bytes) {
    progress.amount(release, bytes, packages.download_bytes);
  }));
  KOBOX_CHECK(unpack_all(debs, directory, packages, progress));
  progress.stage(release, "unpacking its vmlinux");
  KOBOX_CHECK(finish(directory, packages));
  return {};
}

}  // namespace

std::optional<std::filesystem::path> place_entry(std::string_view entry, std::string_view release) {
  const std::string name(release);
  if (entry == "boot/vmlinuz-" + name) return "vmlinuz";
  // From 6.17 on the image is in the directory of its modules, and all of it below /usr.
  if (entry.starts_with("usr/lib/modules/")) entry.remove_prefix(4);
  if (const auto modules = "lib/modules/" + name; entry.starts_with(modules)) {
    const auto rest = entry.substr(modules.size());
    if (rest.empty()) return "modules";
    // Absolute links to where the headers would be installed.
    if (rest[0] != '/' || rest == "/build" || rest == "/source") return std::nullopt;
    if (rest == "/vmlinuz") return "vmlinuz";
    return fs::path("modules") / rest.substr(1);
  }
  if (entry.starts_with("usr/src/linux-") || entry.starts_with("usr/lib/linux-"))
    return fs::path("headers") / entry;
  return std::nullopt;
}

Result<> relocate_headers(const std::filesystem::path& usr) {
  // A file's own directory, as make sees it while it reads the line.
  constexpr std::string_view k_here = "$(dir $(abspath $(lastword $(MAKEFILE_LIST))))";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(usr / "src", error)) {
    const auto makefile = entry.path() / "Makefile";
    std::error_code ignored;
    if (entry.is_symlink(ignored) || !fs::is_regular_file(makefile, ignored)) continue;
    KOBOX_TRY(const auto text, read_file(makefile, 16 << 20));
    std::string result;
    bool changed = false;
    for (const auto line : lines_of(text)) {
      const bool source = line.starts_with("include /usr/src/");
      const bool library = line.starts_with("include /usr/lib/");
      changed = changed || source || library;
      if (source || library)
        result += fmt::format("include {}{}{}", k_here, source ? "../" : "../../lib/",
                              line.substr(std::string_view("include /usr/src/").size()));
      else
        result += line;
      result += '\n';
    }
    if (changed) KOBOX_CHECK(write_file(makefile, result));
  }
  return {};
}

Result<StoredKernel> fetch_kernel(const Apt& apt, const KernelPackages& packages,
                                  const std::filesystem::path& kernels, Progress& progress) {
  const auto& release = packages.release;
  const auto prefix = "." + release;
  const auto action = fmt::format("fetching {} (needs about {} in {})", release,
                                  format_bytes(space_needed(packages)), kernels.string());
  KOBOX_CHECK(make_directories(kernels));
  KOBOX_CHECK(remove_leftovers(kernels, prefix));
  KOBOX_CHECK(check_space(kernels, space_needed(packages), "the kernel " + release));
  progress.note(
      fmt::format("fetching {}: {} to download{}", release, format_bytes(packages.download_bytes),
                  packages.has_headers ? ""
                                       : "; Debian does not have its headers, so no module "
                                         "can be built for it"));
  KOBOX_TRY(const auto staging, TempDir::make(kernels, prefix));
  auto done = fetch_into(staging.path(), apt, packages, progress);
  progress.done(release);
  if (!done) return std::unexpected(std::move(done).error().while_doing(action));

  const auto place = kernels / release;
  std::error_code ignored;
  if (fs::exists(place, ignored)) KOBOX_CHECK(rename_path(place, staging.path() / "damaged"));
  KOBOX_CHECK(rename_path(staging.path() / "kernel", place));
  return load_kernel(place);
}

}  // namespace kobox
