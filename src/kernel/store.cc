// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/store.h"

#include <algorithm>

#include "archive/apt.h"
#include "archive/release.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/cache.h"
#include "kernel/catalogue.h"
#include "kernel/fetch.h"
#include "kernel/kernel_directory.h"
#include "kernel/local_kernel.h"

namespace kobox {
namespace {

Result<FileLock> lock_release(const fs::path& kernels, const std::string& release,
                              Progress& progress) {
  const auto file = kernels / (release + ".lock");
  KOBOX_TRY(auto free, FileLock::try_acquire(file, LockMode::exclusive));
  if (free) return std::move(*free);
  progress.stage(release, "waiting for another kobox that uses it");
  auto lock = FileLock::acquire(file, LockMode::exclusive, Deadline::never());
  progress.done(release);
  return lock;
}

bool matches(const Selector& selector, const std::string& release) {
  if (selector.kind == Selector::Kind::release) return release == selector.text;
  const auto parts = parse_debian_release(release);
  return parts && parts->line == selector.version && parts->flavour == selector.flavour;
}

}  // namespace

KernelStore::KernelStore(std::filesystem::path cache, Network network, Progress& progress,
                         HostFiles host)
    : cache_(std::move(cache)), network_(network), progress_(progress), host_(std::move(host)) {}

Result<Kernel> KernelStore::ensure(const Selector& selector,
                                   const std::optional<std::filesystem::path>& headers) {
  KOBOX_TRY(auto kernel, find(selector));
  mark_used(kernel);
  if (!headers) return kernel;
  return with_headers(std::move(kernel), *headers, progress_);
}

Result<Kernel> KernelStore::find(const Selector& selector) {
  if (selector.kind == Selector::Kind::host) return host_kernel(kernels(), progress_, host_);
  if (selector.kind == Selector::Kind::path)
    return local_kernel(selector.image, kernels(), progress_, host_);
  const auto releases = fetched_releases();
  const auto here = std::ranges::find_if(
      releases, [&](const auto& release) { return matches(selector, release); });
  std::string damage;
  if (here != releases.end()) {
    auto stored = load_kernel(kernels() / *here);
    if (stored) return std::move(stored->kernel);
    if (stored.error().kind() == ErrorKind::interrupted)
      return std::unexpected(std::move(stored).error());
    damage = fmt::format("the fetched kernel {} is damaged: {}", *here, stored.error().to_string());
  }
  if (network_ == Network::forbidden)
    return fail(
        ErrorKind::environment,
        "{}, and --offline forbids to fetch it; run: kobox kernel "
        "fetch {}",
        damage.empty() ? fmt::format("the kernel {} is not in the cache", selector.text) : damage,
        shell_quote(selector.text));
  if (damage.empty()) return from_archive(selector);
  progress_.note(damage + "; it is fetched again");
  // This very one again, not a newer one of its line.
  return from_archive({.kind = Selector::Kind::release, .text = *here});
}

Result<Kernel> KernelStore::fetch(const Selector& selector) {
  if (selector.kind == Selector::Kind::path || selector.kind == Selector::Kind::host)
    return fail(
        ErrorKind::usage,
        "only Debian's kernels are fetched, by line ('6.1-cloud') or release; '{}' is neither",
        printable(selector.text));
  if (network_ == Network::forbidden)
    return fail(ErrorKind::environment,
                "--offline forbids to fetch a kernel; run: kobox kernel fetch {}",
                shell_quote(selector.text));
  return from_archive(selector);
}

Result<Kernel> KernelStore::from_archive(const Selector& selector) {
  Apt apt(cache_ / "apt", progress_, host_);
  KOBOX_TRY(auto catalogue, Catalogue::open(apt, progress_, Catalogue::Refresh::when_old));
  while (true) {
    KOBOX_TRY(const auto packages, catalogue.packages_for(selector));
    KOBOX_TRY(const auto lock, lock_release(kernels(), packages.release, progress_));
    // It may be here already, or another kobox may have fetched it while we waited.
    if (auto here = load_kernel(kernels() / packages.release)) return std::move(here->kernel);
    auto stored = fetch_kernel(apt, packages, kernels(), progress_);
    if (stored) return std::move(stored->kernel);
    if (stored.error().kind() == ErrorKind::interrupted)
      return std::unexpected(std::move(stored).error());
    // The archive may have replaced these packages since the lists were read. If the refresh
    // fails too, the first error tells more.
    const auto again = catalogue.refresh();
    if (!again || !*again) return std::unexpected(std::move(stored).error());
  }
}

Result<std::vector<KernelEntry>> KernelStore::list() {
  std::vector<KernelEntry> entries;
  for (const auto& release : fetched_releases()) {
    const auto stored = load_kernel(kernels() / release);
    if (!stored) continue;
    entries.push_back({.release = release,
                       .version = stored->kernel.version,
                       .suite = stored->suite,
                       .fetched = true,
                       .bytes = stored->bytes});
  }
  Apt apt(cache_ / "apt", progress_, host_);
  auto catalogue = Catalogue::open(
      apt, progress_,
      network_ == Network::allowed ? Catalogue::Refresh::when_old : Catalogue::Refresh::never);
  if (!catalogue && catalogue.error().kind() == ErrorKind::interrupted)
    return std::unexpected(std::move(catalogue).error());
  if (!catalogue) {
    progress_.note("only the fetched kernels are shown: " + catalogue.error().to_string());
    return entries;
  }
  for (const auto& release : catalogue->index().releases()) {
    if (std::ranges::find(entries, release, &KernelEntry::release) != entries.end()) continue;
    const auto packages = catalogue->index().packages_for(release);
    if (!packages) continue;  // without its headers it is of no use
    entries.push_back({.release = release,
                       .version = packages->version,
                       .suite = packages->suite,
                       .bytes = packages->download_bytes});
  }
  std::ranges::sort(entries, is_newer_release, &KernelEntry::release);
  return entries;
}

Result<std::vector<Kernel>> KernelStore::fetched() const {
  std::vector<Kernel> kernels_here;
  for (const auto& release : fetched_releases())
    if (auto stored = load_kernel(kernels() / release))
      kernels_here.push_back(std::move(stored->kernel));
  return kernels_here;
}

std::vector<std::string> KernelStore::fetched_releases() const {
  std::vector<std::string> releases;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kernels(), error)) {
    auto name = entry.path().filename().string();
    std::error_code ignored;
    if (parse_debian_release(name) && entry.is_directory(ignored))
      releases.push_back(std::move(name));
  }
  std::ranges::sort(releases, is_newer_release);
  return releases;
}

}  // namespace kobox
