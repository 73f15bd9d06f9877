// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/store.h"

#include <algorithm>

#include "archive/distribution.h"
#include "archive/release.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/cache.h"
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

// The newest of each line that can be built for, oldest line first: of the wanted flavour, or of
// cloud where there is one and of the generic one elsewhere. `offers`: newest first.
std::vector<Selector> lines_of_offers(const std::vector<Offer>& offers,
                                      const std::optional<std::string>& only_flavour) {
  std::vector<Selector> lines;
  for (const auto& offer : offers) {
    const auto parts = parse_debian_release(offer.release);
    if (!parts || !offer.has_headers) continue;
    if (only_flavour ? parts->flavour != *only_flavour : parts->flavour == "rt") continue;
    const auto same = std::ranges::find(lines, parts->line, &Selector::version);
    if (same == lines.end()) {
      lines.push_back({.kind = Selector::Kind::line,
                       .text = line_of_release(offer.release),
                       .version = parts->line,
                       .flavour = parts->flavour});
    } else if (parts->flavour == "cloud") {
      same->flavour = parts->flavour;
      same->text = line_of_release(offer.release);
    }
  }
  std::ranges::reverse(lines);
  return lines;
}

Selector line_of_distribution(const Distribution& distribution,
                              const std::optional<std::string>& only_flavour) {
  const std::string line(distribution.line);
  const auto flavour = only_flavour.value_or("");
  return {.kind = Selector::Kind::line,
          .text = flavour.empty() ? line : line + "-" + flavour,
          .version = line,
          .flavour = flavour};
}

// The line of Debian's present stable release: the last that has been released.
std::string_view stable_line() {
  std::string_view line;
  for (const auto& one : distributions())
    if (!one.line.empty()) line = one.line;
  return line;
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

Result<std::vector<Offer>> KernelStore::offers(const Distribution* from,
                                               std::vector<const Distribution*>& unasked) {
  if (network_ == Network::allowed) {
    Catalogue catalogue(cache_ / "apt", progress_, Catalogue::Refresh::when_old, host_);
    if (from != nullptr) return catalogue.offers_of(*from);
    auto all = catalogue.offers();
    unasked = catalogue.unanswered();
    return all;
  }
  std::vector<Offer> here;
  for (const auto& release : fetched_releases())
    if (const auto stored = load_kernel(kernels() / release);
        stored && (from == nullptr || stored->kernel.distribution == from->name))
      here.push_back({.release = release, .has_headers = !stored->kernel.headers.empty()});
  return here;
}

Result<std::vector<Selector>> KernelStore::members_of(const Selector& group) {
  std::vector<const Distribution*> unasked;
  KOBOX_TRY(const auto known, offers(group.from, unasked));
  auto lines = lines_of_offers(known, group.only_flavour);
  for (const auto* one : unasked) lines.push_back(line_of_distribution(*one, group.only_flavour));
  std::ranges::stable_sort(lines, {}, [](const Selector& line) {
    return version_numbers(line.version).value_or(std::vector<int>());
  });
  using Kind = Selector::Kind;
  if (group.kind == Kind::oldest && !lines.empty()) return std::vector{lines.front()};
  if (group.kind == Kind::newest && !lines.empty()) {
    if (group.from == nullptr) return std::vector{lines.back()};
    // A line would be looked for in other releases of Debian.
    const auto newest = std::ranges::find_if(known, [&](const Offer& offer) {
      return offer.has_headers && lines.back().names(offer.release);
    });
    return std::vector{Selector{.kind = Kind::release, .text = newest->release}};
  }
  if (group.kind == Kind::stable)
    std::erase_if(lines, [](const Selector& line) { return line.version != stable_line(); });
  if (!lines.empty()) return lines;
  if (network_ == Network::forbidden)
    return fail(ErrorKind::environment,
                "'{}' is no kernel that is fetched, and --offline forbids to look for others; run: "
                "kobox kernel fetch {}",
                group.text, shell_quote(group.text));
  return fail(ErrorKind::usage,
              "'{}' is no kernel: Debian's archive has none of these with headers; `kobox kernel "
              "list --all` shows what it has",
              group.text);
}

Result<std::vector<Selector>> KernelStore::expand(const Selection& selection) {
  std::vector<Selector> all;
  for (const auto& selector : selection.selectors) {
    std::vector<Selector> members = {selector};
    if (selector.is_group()) {
      KOBOX_TRY(members, members_of(selector));
    }
    for (auto& one : members) {
      if (!selection.condition.empty()) {
        const auto& version = one.kind == Selector::Kind::line ? one.version : one.text;
        KOBOX_TRY(const bool wanted, release_satisfies(version, selection.condition));
        if (!wanted) continue;
      }
      if (std::ranges::find(all, one.text, &Selector::text) == all.end())
        all.push_back(std::move(one));
    }
  }
  if (all.empty())
    return fail(ErrorKind::usage,
                "no kernel is '{}'; `kobox kernel list` shows those that there are",
                selection.condition);
  return all;
}

Result<KernelStore::Fetched> KernelStore::among_fetched(const Selector& selector) const {
  Fetched found;
  for (const auto& release : fetched_releases()) {
    if (!selector.names(release)) continue;
    auto stored = load_kernel(kernels() / release);
    if (!stored) {
      if (stored.error().kind() == ErrorKind::interrupted)
        return std::unexpected(std::move(stored).error());
      if (found.damaged.empty()) {
        found.damaged = release;
        found.damage = fmt::format("the fetched kernel {} is damaged: {}", release,
                                   stored.error().to_string());
      }
      continue;
    }
    const bool complete =
        !stored->kernel.headers.empty() || selector.kind == Selector::Kind::release;
    if (!found.kernel || complete) found.kernel = std::move(stored->kernel);
    if (complete) return found;
  }
  return found;
}

Result<Kernel> KernelStore::find(const Selector& selector) {
  if (selector.is_group()) {
    KOBOX_TRY(const auto members, members_of(selector));
    if (members.size() == 1) return find(members.front());
    std::vector<std::string> names;
    for (const auto& one : members) names.push_back(one.text);
    return fail(ErrorKind::usage, "'{}' is {} kernels, and one is wanted here: name one of {}",
                selector.text, members.size(), join(names, ", "));
  }
  if (selector.kind == Selector::Kind::host) return host_kernel(kernels(), progress_, host_);
  if (selector.kind == Selector::Kind::path)
    return local_kernel(selector.image, kernels(), progress_, host_);
  KOBOX_TRY(auto here, among_fetched(selector));
  if (here.kernel && (!here.kernel->headers.empty() || network_ == Network::forbidden ||
                      selector.kind == Selector::Kind::release))
    return std::move(*here.kernel);
  if (here.kernel) {
    // Another of its line may have headers.
    auto better = from_archive(selector);
    if (better || better.error().kind() == ErrorKind::interrupted) return better;
    return std::move(*here.kernel);
  }
  if (network_ == Network::forbidden)
    return fail(
        ErrorKind::environment, "{}, and --offline forbids to fetch it; run: kobox kernel fetch {}",
        here.damage.empty() ? fmt::format("the kernel {} is not in the cache", selector.text)
                            : here.damage,
        shell_quote(selector.text));
  if (here.damage.empty()) return from_archive(selector);
  progress_.note(here.damage + "; it is fetched again");
  // This very one again, not a newer one of its line.
  return from_archive({.kind = Selector::Kind::release, .text = here.damaged});
}

Result<Kernel> KernelStore::fetch(const Selector& selector) {
  if (selector.is_group())
    return fail(ErrorKind::usage,
                "'{}' stands for what is to be looked up; `kobox kernel list` shows the kernels to "
                "name",
                selector.text);
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
  Catalogue catalogue(cache_ / "apt", progress_, Catalogue::Refresh::when_old, host_);
  while (true) {
    KOBOX_TRY(const auto found, catalogue.find(selector));
    const auto& packages = found.packages;
    KOBOX_TRY(const auto lock, lock_release(kernels(), packages.release, progress_));
    // It may be here already, or another kobox may have fetched it while we waited.
    if (auto here = load_kernel(kernels() / packages.release)) return std::move(here->kernel);
    auto stored = fetch_kernel(*found.apt, packages, kernels(), progress_);
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
                       .compiler = stored->kernel.compiler,
                       .has_headers = !stored->kernel.headers.empty(),
                       .fetched = true,
                       .bytes = stored->bytes});
  }
  Catalogue catalogue(
      cache_ / "apt", progress_,
      network_ == Network::allowed ? Catalogue::Refresh::when_old : Catalogue::Refresh::never,
      host_);
  const auto offers = catalogue.offers();
  if (!offers && offers.error().kind() == ErrorKind::interrupted)
    return std::unexpected(offers.error());
  if (!offers) {
    progress_.note("only the fetched kernels are shown: " + offers.error().to_string());
    return entries;
  }
  for (const auto& offer : *offers) {
    if (std::ranges::find(entries, offer.release, &KernelEntry::release) != entries.end()) continue;
    const auto packages = catalogue.packages_for(offer);
    if (!packages) continue;  // a part of it has gone
    entries.push_back({.release = offer.release,
                       .version = packages->version,
                       .suite = packages->suite,
                       .compiler = std::string(offer.distribution->compiler),
                       .has_headers = offer.has_headers,
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
    if (name.starts_with('.')) continue;  // being made or removed
    std::error_code ignored;
    // Those that were added from packages have releases of other forms.
    const bool kernel =
        parse_debian_release(name) || fs::exists(entry.path() / "kernel.json", ignored);
    if (kernel && entry.is_directory(ignored)) releases.push_back(std::move(name));
  }
  std::ranges::sort(releases, is_newer_release);
  return releases;
}

}  // namespace kobox
