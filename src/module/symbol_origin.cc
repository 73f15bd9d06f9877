// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/symbol_origin.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "kernel/cache.h"
#include "kernel/drivers.h"
#include "kernel/kallsyms.h"
#include "kernel/module_name.h"
#include "kernel/selector.h"
#include "kernel/store.h"
#include "module/api_words.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_search_limit = 5s;

// A string since this version (Documentation/core-api/symbol-namespaces.rst).
constexpr std::string_view k_namespace_is_string = ">=6.13";

// What many modules used before the kernel kept it to itself.
struct Withdrawn {
  std::string_view symbol;
  std::string_view since;
  std::string_view instead;
};
constexpr std::array k_withdrawn = {
    Withdrawn{"kallsyms_lookup_name", "5.7", "a kprobe finds the address of a function"},
    Withdrawn{"kallsyms_on_each_symbol", "5.7", "a kprobe finds the address of a function"},
};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// What stands between two texts; "" if either is not there.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const auto begin = text.find(before);
  if (begin == std::string_view::npos) return "";
  text.remove_prefix(begin + before.size());
  const auto end = text.find(after);
  return end == std::string_view::npos ? "" : text.substr(0, end);
}

bool kernel_has(const Kernel& kernel, const std::string& symbol, bool& is_whole) {
  const auto image = ElfImage::open(kernel.vmlinux);
  const auto symbols = image ? read_kallsyms(*image) : std::unexpected(image.error());
  if (!symbols) is_whole = false;
  return symbols && std::ranges::find(*symbols, symbol, &KernelSymbol::name) != symbols->end();
}

// Of the kernels in the cache, other flavours of the same version.
std::optional<SymbolOrigin::Elsewhere> find_elsewhere(const Kernel& kernel,
                                                      const std::string& symbol,
                                                      const fs::path& cache, Deadline deadline) {
  if (cache.empty()) return std::nullopt;
  NoProgress quiet;
  const auto fetched = KernelStore(cache, Network::forbidden, quiet).fetched();
  const auto version = KernelLine::of(kernel.release).ordinal();
  for (const auto& other : fetched ? *fetched : std::vector<Kernel>()) {
    if (other.release == kernel.release || KernelLine::of(other.release).ordinal() != version)
      continue;
    const auto lock = use_lock(other);
    if (!lock) continue;
    if (const auto found = HeaderTree(other, deadline).exported(symbol))
      return SymbolOrigin::Elsewhere{.release = other.release, .module = found->module};
  }
  return std::nullopt;
}

// "videodev" for drivers/media/v4l2-core/videodev.
std::string module_of(std::string_view path) {
  return kernel_name(path.substr(path.rfind('/') + 1));
}

bool has_module_file(const Kernel& kernel, const HeaderTree::Export& exported) {
  if (exported.module == "vmlinux") return true;
  const auto files = modules_of(kernel);
  return !files || files->empty() || files->contains(module_of(exported.module));
}

// The generic flavour's selector: "6.1" for 6.1.0-56-cloud-amd64; "" if it is that one itself, or
// none of Debian's.
std::string generic_flavour(std::string_view release) {
  const auto line = line_of_release(release);
  const auto dash = line.find('-');
  return dash == std::string::npos || line == release ? "" : line.substr(0, dash);
}

std::string import_line(const Kernel& kernel, std::string_view name_space) {
  const auto quoted = release_satisfies(kernel.release, k_namespace_is_string);
  return quoted && *quoted ? fmt::format("MODULE_IMPORT_NS(\"{}\");", name_space)
                           : fmt::format("MODULE_IMPORT_NS({});", name_space);
}

std::string explain_kernels_own(std::string_view message, const SymbolOrigin& origin,
                                const Kernel& kernel, std::string_view license) {
  const auto& exported = *origin.exported;
  const bool refused_for_license = message.find("GPL-only symbol") != message.npos;
  const bool incompatible = !license.empty() && !is_gpl_compatible(license);
  if (exported.how.starts_with("EXPORT_SYMBOL_GPL") && (refused_for_license || incompatible))
    return fmt::format(
        "it is exported only to modules with a GPL-compatible license; {} is not GPL-compatible: "
        "change MODULE_LICENSE or do not use it",
        license.empty() ? "this module's" : "'" + printable(license) + "'");
  if (!exported.name_space.empty())
    return fmt::format("it is in the namespace {0}: add {1} to the module's source",
                       exported.name_space, import_line(kernel, exported.name_space));
  if (exported.module == "vmlinux") return "";
  const auto module = module_of(exported.module);
  if (origin.module_is_there)
    return fmt::format(
        "the kernel's module {} exports it, but was not loaded; modinfo of the .ko must name it "
        "under 'depends': build against this kernel's Module.symvers",
        module);
  const auto generic = generic_flavour(kernel.release);
  return fmt::format(
      "the module {} exports it, and {} comes without that module{}", module, kernel.release,
      generic.empty() ? "" : "; the generic flavour may have it: --kernel " + generic);
}

// The kernel has it and keeps it to itself.
std::string explain_not_exported(std::string_view symbol) {
  const auto* known = std::ranges::find(k_withdrawn, symbol, &Withdrawn::symbol);
  return known == k_withdrawn.end()
             ? "the kernel has it, but exports it to no module"
             : fmt::format("the kernel has it, but exports it to no module (not since {}; {})",
                           known->since, known->instead);
}

}  // namespace

std::string missing_symbol(std::string_view message) {
  std::string_view found;
  if (message.find(" undefined!") != std::string_view::npos)
    found = between(message, "\"", "\"");
  else if (message.find(" uses GPL-only symbol '") != std::string_view::npos)
    found = between(message, " uses GPL-only symbol '", "'");
  else if (message.find(" does not import it") != std::string_view::npos)
    found = message.find("uses symbol (") != std::string_view::npos
                ? between(message, "uses symbol (", ")")
                : between(message, " uses symbol ", " ");
  else
    found = between(message, "Unknown symbol ", " ");
  const bool is_name = !found.empty() && found.size() <= 256 && std::ranges::all_of(found, is_word);
  return is_name ? std::string(found) : "";
}

bool exports_symbol(std::string_view source, std::string_view symbol) {
  constexpr std::string_view k_macro = "EXPORT_SYMBOL";
  for (auto at = source.find(k_macro); at != source.npos; at = source.find(k_macro, at + 1)) {
    auto rest = source.substr(at + k_macro.size());
    while (!rest.empty() && is_word(rest.front())) rest.remove_prefix(1);
    if (!rest.starts_with('(')) continue;
    rest = trim(rest.substr(1, symbol.size() + 20));
    if (!rest.starts_with(symbol)) continue;
    rest = trim(rest.substr(symbol.size()));
    if (rest.starts_with(')') || rest.starts_with(',')) return true;
  }
  return false;
}

bool is_gpl_compatible(std::string_view license) {
  constexpr std::array<std::string_view, 6> k_licenses = {
      "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};
  return std::ranges::find(k_licenses, license) != k_licenses.end();
}

SymbolOrigin find_symbol(const std::string& symbol, const fs::path& source, const Kernel& kernel,
                         const fs::path& cache) {
  const auto deadline = Deadline::after(k_search_limit);
  const HeaderTree headers(kernel, deadline);
  SymbolOrigin origin{.is_whole = headers.has_exports()};
  origin.exported = headers.exported(symbol);
  if (origin.exported) origin.module_is_there = has_module_file(kernel, *origin.exported);
  const auto beside = find_sibling(source, symbol, deadline);
  origin.sibling = beside.found;
  origin.is_whole = origin.is_whole && beside.is_whole;
  if (origin.exported || origin.sibling) return origin;
  origin.in_kernel = kernel_has(kernel, symbol, origin.is_whole);
  if (origin.in_kernel) return origin;
  origin.elsewhere = find_elsewhere(kernel, symbol, cache, deadline);
  const auto names = std::array{symbol};
  const auto declared = headers.look_up(names);
  if (const auto found = declared.find(symbol); found != declared.end() && !found->second.empty())
    origin.header = found->second.front().file;
  origin.is_whole = origin.is_whole && !headers.incomplete();
  return origin;
}

std::string explain_symbol(std::string_view message, const SymbolOrigin& origin,
                           const Kernel& kernel, std::string_view license) {
  const bool by_vmlinux = origin.exported && origin.exported->module == "vmlinux";
  if (origin.sibling && !by_vmlinux)
    return fmt::format("{} exports it; add to [module] of {}: needs = [\"{}\"]",
                       origin.sibling->directory, origin.sibling->toml, origin.sibling->needs);
  if (origin.exported) return explain_kernels_own(message, origin, kernel, license);
  if (origin.in_kernel) return explain_not_exported(missing_symbol(message));
  if (origin.elsewhere)
    return fmt::format(
        "{} of {} exports it, and {} was built without; try --kernel {}",
        origin.elsewhere->module == "vmlinux" ? "the kernel"
                                              : "the module " + module_of(origin.elsewhere->module),
        origin.elsewhere->release, kernel.release, line_of_release(origin.elsewhere->release));
  if (!origin.header.empty()) {
    const auto generic = generic_flavour(kernel.release);
    return fmt::format(
        "{} declares it, but {} was built without it{}", origin.header, kernel.release,
        generic.empty() ? "" : "; the generic flavour may have it: --kernel " + generic);
  }
  if (!origin.is_whole) return "";
  return fmt::format(
      "neither {} nor its modules nor a directory beside the module's has it; if one "
      "of the module's own files defines it, its object is not listed in the Kbuild",
      kernel.release);
}

std::string symbol_hint(std::string_view message, const fs::path& source, const Kernel& kernel,
                        const fs::path& cache, std::string_view license) {
  const auto symbol = missing_symbol(message);
  if (symbol.empty()) return "";
  const auto text =
      explain_symbol(message, find_symbol(symbol, source, kernel, cache), kernel, license);
  return text.empty() ? "" : "; " + text;
}

}  // namespace kobox
