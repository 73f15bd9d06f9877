// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/package_index.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "archive/release.h"
#include "base/regex.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr std::string_view k_image = "linux-image-";

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // A size that cannot be would make sums overflow.
  if (error != std::errc() || end != text.data() + text.size() || value > (std::uint64_t{1} << 40))
    return std::nullopt;
  return value;
}

Result<DebPackage> parse_stanza(std::string_view stanza, std::string_view suite) {
  DebPackage package{.suite = std::string(suite)};
  std::optional<std::uint64_t> size;
  std::optional<std::uint64_t> installed = 0;
  for (const auto line : lines_of(stanza)) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || line.starts_with(' ')) continue;
    const auto field = line.substr(0, colon);
    const auto value = trim(line.substr(colon + 1));
    if (field == "Package") package.name = value;
    if (field == "Version") package.version = value;
    if (field == "Depends") package.depends = value;
    if (field == "Size") size = number(value);
    if (field == "Installed-Size") installed = number(value);
  }
  if (package.name.empty() || package.version.empty() || !size || !installed)
    return fail(ErrorKind::protocol, "apt's list of {} has a package '{}' without version or size",
                suite, printable(package.name));
  package.download_bytes = *size;
  package.installed_bytes = *installed * 1024;
  return package;
}

// "linux-kbuild-6.1 (>= 6.1.192-2)", "x:any", "x".
struct Dependency {
  std::string name;
  std::string relation;
  std::string version;
};

std::optional<Dependency> parse_dependency(std::string_view text) {
  static const auto pattern = Regex::compile(R"(\s*([a-z0-9][a-z0-9.+-]*)(?::[a-z0-9-]+)?\s*)"
                                             R"((?:\(\s*(<<|<=|=|>=|>>)\s*([^\s)]+)\s*\))?.*)")
                                  .value();
  const auto parts = pattern.match(text);
  if (!parts) return std::nullopt;
  return Dependency{std::string((*parts)[1]), std::string((*parts)[2]), std::string((*parts)[3])};
}

bool is_wanted(std::string_view name) {
  for (const std::string_view part : {"headers", "kbuild", "image", "binary", "modules"})
    if (name.starts_with("linux-" + std::string(part) + "-")) return true;
  return false;
}

bool satisfies(std::string_view version, std::string_view relation, std::string_view other) {
  const int order = relation.empty() ? 0 : compare_versions(version, other);
  if (relation == "<<") return order < 0;
  if (relation == "<=") return order <= 0;
  if (relation == "=") return order == 0;
  if (relation == ">=") return order >= 0;
  if (relation == ">>") return order > 0;
  return true;
}

}  // namespace

Result<> PackageIndex::add(std::string_view list, std::string_view suite) {
  std::size_t at = 0;
  while (at < list.size()) {
    auto end = list.find("\n\n", at);
    if (end == std::string_view::npos) end = list.size();
    auto stanza = list.substr(at, end - at);
    while (stanza.starts_with('\n')) stanza.remove_prefix(1);
    at = end + 2;
    // Every Packages file starts its stanzas with the name; others are not read.
    if (!stanza.starts_with("Package: linux-")) continue;
    KOBOX_TRY(auto package, parse_stanza(stanza, suite));
    packages_[package.name].push_back(std::move(package));
  }
  return {};
}

std::vector<std::string> PackageIndex::releases() const {
  std::vector<std::string> found;
  for (const auto& [name, versions] : packages_) {
    if (!name.starts_with(k_image)) continue;
    auto release = name.substr(k_image.size());
    if (parse_debian_release(release)) found.push_back(std::move(release));
  }
  std::ranges::sort(found, is_newer_release);
  return found;
}

std::string PackageIndex::newest_of(std::string_view line, std::string_view flavour) const {
  for (auto& release : releases()) {
    const auto parts = parse_debian_release(release);
    if (parts->line == line && parts->flavour == flavour) return release;
  }
  return "";
}

std::vector<std::string> PackageIndex::lines() const {
  std::vector<std::string> found;
  for (const auto& release : releases()) {
    const auto parts = parse_debian_release(release);
    auto line = parts->line + (parts->flavour.empty() ? "" : "-" + parts->flavour);
    if (std::ranges::find(found, line) == found.end()) found.push_back(std::move(line));
  }
  return found;
}

Result<KernelPackages> PackageIndex::packages_for(const std::string& release) const {
  const auto* image =
      parse_debian_release(release) ? find(std::string(k_image) + release, "", "") : nullptr;
  if (image == nullptr) {
    const auto known = releases();
    return fail(ErrorKind::usage,
                "Debian has no kernel '{}'{}; `kobox kernel list` shows those that it has",
                printable(release), did_you_mean(release, known));
  }
  KernelPackages result{.release = release, .version = image->version, .suite = image->suite};
  KOBOX_CHECK(add_with_dependencies(*image, result));
  const auto* headers = find("linux-headers-" + release, "", "");
  if (headers == nullptr)
    return fail(ErrorKind::environment,
                "Debian has the kernel {} but not its headers, without which no module can be "
                "built for it",
                release);
  KOBOX_CHECK(add_with_dependencies(*headers, result));
  for (const auto& package : result.packages) {
    result.download_bytes += package.download_bytes;
    result.installed_bytes += package.installed_bytes;
  }
  return result;
}

const DebPackage* PackageIndex::find(const std::string& name, std::string_view relation,
                                     std::string_view version) const {
  const auto versions = packages_.find(name);
  if (versions == packages_.end()) return nullptr;
  const DebPackage* best = nullptr;
  for (const auto& candidate : versions->second)
    if (satisfies(candidate.version, relation, version) &&
        (best == nullptr || compare_versions(candidate.version, best->version) > 0))
      best = &candidate;
  return best;
}

const DebPackage* PackageIndex::resolve(std::string_view alternatives) const {
  for (const auto& one : split(alternatives, '|')) {
    const auto wanted = parse_dependency(one);
    if (!wanted) continue;
    if (const auto* found = find(wanted->name, wanted->relation, wanted->version)) return found;
  }
  return nullptr;
}

Result<> PackageIndex::add_with_dependencies(const DebPackage& package,
                                             KernelPackages& into) const {
  if (std::ranges::find(into.packages, package.name, &DebPackage::name) != into.packages.end())
    return {};
  into.packages.push_back(package);
  for (const auto& alternatives : split(package.depends, ',')) {
    const auto first = parse_dependency(alternatives);
    // Everything else (kmod, gcc, libc) is the host's matter.
    if (!first || !is_wanted(first->name)) continue;
    const auto* found = resolve(alternatives);
    if (found == nullptr)
      return fail(ErrorKind::environment, "{} needs '{}', which Debian's lists do not have",
                  package.name, printable(trim(alternatives)));
    KOBOX_CHECK(add_with_dependencies(*found, into));
  }
  return {};
}

}  // namespace kobox
