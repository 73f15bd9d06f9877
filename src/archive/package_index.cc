// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/package_index.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

#include "archive/release.h"
#include "base/regex.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr std::string_view k_image = "linux-image-";
constexpr std::string_view k_headers = "linux-headers-";

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

// A part of a kernel. Since 6.19 the configuration is in linux-base-RELEASE; linux-base itself has
// only programs.
bool is_kernel_part(std::string_view name) {
  for (const std::string_view part : {"headers", "kbuild", "image", "binary", "modules", "base"})
    if (name.starts_with("linux-" + std::string(part) + "-")) return true;
  return false;
}

// What has no part in a build: it sets up a host's boot.
bool is_for_booting(std::string_view name) {
  for (const std::string_view one :
       {"kmod", "linux-base", "initramfs-tools", "linux-initramfs-tool", "dracut"})
    if (name == one) return true;
  return false;
}

// Calls one(stanza) for each; of the others only the first line is read.
template <class Function>
Result<> for_each_kernel_stanza(std::string_view list, Function one) {
  std::size_t at = 0;
  while (at < list.size()) {
    auto end = list.find("\n\n", at);
    if (end == std::string_view::npos) end = list.size();
    auto stanza = list.substr(at, end - at);
    while (stanza.starts_with('\n')) stanza.remove_prefix(1);
    at = end + 2;
    // Every Packages file starts its stanzas with the name.
    if (!stanza.starts_with("Package: linux-")) continue;
    KOBOX_CHECK(one(stanza));
  }
  return {};
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

std::string kernel_stanzas(std::string_view list) {
  std::string kernels;
  std::ignore = for_each_kernel_stanza(list, [&](std::string_view stanza) -> Result<> {
    kernels.append(stanza).append("\n\n");
    return {};
  });
  return kernels;
}

Result<> PackageIndex::add(std::string_view list, std::string_view suite) {
  return for_each_kernel_stanza(list, [&](std::string_view stanza) -> Result<> {
    KOBOX_TRY(auto package, parse_stanza(stanza, suite));
    packages_[package.name].push_back(std::move(package));
    return {};
  });
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

bool PackageIndex::has_headers(const std::string& release) const {
  return packages_.contains(std::string(k_headers) + release);
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
  KernelPackages result{.release = release,
                        .version = image->version,
                        .suite = image->suite,
                        .has_headers = has_headers(release)};
  KOBOX_CHECK(add_with_dependencies(*image, result));
  result.build_needs.clear();  // an image's are for booting a host
  if (result.has_headers)
    KOBOX_CHECK(add_with_dependencies(*find(std::string(k_headers) + release, "", ""), result));
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
    if (!first) continue;
    if (!is_kernel_part(first->name)) {
      if (!is_for_booting(first->name) &&
          std::ranges::find(into.build_needs, first->name) == into.build_needs.end())
        into.build_needs.push_back(first->name);
      continue;
    }
    const auto* found = resolve(alternatives);
    // The archive keeps the images of some releases without the rest: configuration and modules.
    // What has the drivers built in boots without.
    if (found == nullptr && !into.has_headers && !first->name.starts_with("linux-binary-"))
      continue;
    if (found == nullptr)
      return fail(ErrorKind::environment, "{} needs '{}', which Debian's lists do not have",
                  package.name, printable(trim(alternatives)));
    KOBOX_CHECK(add_with_dependencies(*found, into));
  }
  return {};
}

}  // namespace kobox
