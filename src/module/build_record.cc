// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/build_record.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <set>

#include <nlohmann/json.hpp>

#include "archive/packed.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/module_name.h"
#include "module/ko_file.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view k_schema = "kobox.build/1";
constexpr const char* k_symbols = "Module.symvers";
constexpr auto k_keep_old_modules = 24h;
constexpr std::uint64_t k_largest_module = std::uint64_t{1} << 30;

// "x.ko" for "x.ko.xz".
fs::path without_packing(fs::path name) {
  while (name.has_extension() && name.extension() != ".ko") name.replace_extension();
  return name;
}

bool is_module_file(const fs::path& path) {
  const auto name = path.filename().string();
  return std::ranges::any_of(std::array{".ko", ".ko.xz", ".ko.gz", ".ko.zst"},
                             [&](const char* ending) { return name.ends_with(ending); });
}

// A build may have left links, to itself too: they are not followed.
std::vector<fs::path> files_below(const BuildPlace& place, const fs::path& directory,
                                  const std::function<bool(const fs::path&)>& wanted) {
  std::vector<fs::path> files;
  if (!place.holds(directory)) return files;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(directory, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const auto status = it->symlink_status(error);
    if (status.type() == fs::file_type::regular && wanted(it->path())) files.push_back(it->path());
  }
  std::ranges::sort(files);
  return files;
}

Result<RecordedModule> keep_module(const BuildPlace& place, const fs::path& ko) {
  KOBOX_TRY(auto bytes, read_regular_file(ko, k_largest_module));
  if (const auto packing = packing_of(bytes); packing != Packing::none) {
    KOBOX_TRY_WHILE("unpacking " + ko.string(), bytes,
                    unpack_bytes(bytes, packing, k_largest_module));
  }
  const auto file = without_packing(ko.filename());
  RecordedModule module{
      .name = module_name_of(file), .ko = {}, .identity = Digest().add(bytes).hex()};
  module.ko = place.out() / module.identity / file;
  KOBOX_CHECK(write_file(module.ko, bytes));
  return module;
}

void drop_old_modules(const BuildPlace& place, const std::vector<RecordedModule>& current,
                      std::string_view symbols) {
  std::error_code ignored;
  const auto oldest = fs::file_time_type::clock::now() - k_keep_old_modules;
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(place.out(), ignored)) {
    const auto is_current = std::ranges::any_of(current, [&](const RecordedModule& module) {
      return module.identity == entry.path().filename();
    });
    if (!is_current && entry.path().filename() != symbols &&
        entry.last_write_time(ignored) < oldest)
      old.push_back(entry.path());
  }
  for (const auto& path : old) fs::remove_all(path, ignored);
}

}  // namespace

BuildPlace BuildPlace::of(const fs::path& cache, const fs::path& source, const Kernel& kernel,
                          std::string_view how) {
  std::error_code ignored;
  const auto canonical = fs::weakly_canonical(source, ignored);
  const auto name = Digest().add(canonical.native()).add(kernel.identity).add(how).hex();
  return {.directory = fs::absolute(cache, ignored).lexically_normal() / "builds" / name};
}

bool BuildPlace::holds(const fs::path& built) const {
  std::error_code error;
  const auto real_place = fs::canonical(directory, error);
  if (error) return false;
  const auto real = fs::canonical(built, error);
  return !error && real == real_place / built.lexically_relative(directory) &&
         (is_below(built, copy()) || is_below(built, dkms()));
}

std::string module_name_of(const fs::path& ko) { return kernel_name(ko.stem().native()); }

std::vector<fs::path> modules_in_order(const BuildPlace& place, const fs::path& directory,
                                       const fs::path& built_at) {
  // A line for each module: an absolute path or one below the directory, ending in .ko up to Linux
  // 6.1 and in .o from 6.2 on.
  std::vector<fs::path> modules;
  if (!place.holds(directory)) return modules;
  const auto order = read_regular_file(directory / "modules.order", 1 << 20);
  if (!order) return modules;
  std::error_code error;
  const auto inside = fs::canonical(directory, error).native() + "/";
  for (const auto line : lines_of(*order)) {
    const auto named = (built_at / fs::path(trim(line))).lexically_relative(built_at);
    const auto ko = fs::canonical((directory / named).replace_extension(".ko"), error);
    if (error || !ko.native().starts_with(inside) || !fs::is_regular_file(ko, error)) continue;
    modules.push_back(ko);
  }
  return modules;
}

std::vector<fs::path> files_named(const BuildPlace& place, const fs::path& directory,
                                  std::string_view name) {
  return files_below(place, directory,
                     [&](const fs::path& path) { return path.filename() == name; });
}

std::vector<fs::path> all_module_files(const BuildPlace& place, const fs::path& directory) {
  return files_below(place, directory, is_module_file);
}

std::vector<fs::path> modules_below(const BuildPlace& place, const fs::path& directory) {
  auto modules = all_module_files(place, directory);
  // A Makefile may copy what it has built: "bin/x.ko" beside "src/x.ko".
  std::set<std::string> names;
  std::erase_if(modules, [&](const fs::path& path) {
    return !names.insert(module_name_of(without_packing(path.filename()))).second;
  });
  return modules;
}

std::optional<BuildRecord> read_build_record(const BuildPlace& place, std::string_view key) {
  const auto text = read_file(place.record());
  if (!text) return std::nullopt;
  const auto json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  try {
    if (json.at("schema") != k_schema || json.at("key") != key) return std::nullopt;
    BuildRecord record{.modules = {}, .built_at = json.at("built_at").get<std::string>()};
    if (const std::string symbols = json.at("symbols"); !symbols.empty()) {
      record.symbols = place.out() / symbols / k_symbols;
      const auto bytes = read_file(record.symbols);
      if (!bytes || Digest().add(*bytes).hex() != symbols) return std::nullopt;
    }
    for (const auto& one : json.at("modules")) {
      RecordedModule module{.name = one.at("name"), .ko = {}, .identity = one.at("identity")};
      module.ko = place.out() / module.identity / one.at("file").get<std::string>();
      const auto bytes = read_file(module.ko);
      if (!bytes || Digest().add(*bytes).hex() != module.identity) return std::nullopt;
      record.modules.push_back(std::move(module));
    }
    return record;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Result<BuildRecord> write_build_record(const BuildPlace& place, std::string_view key,
                                       const fs::path& source, const Kernel& kernel,
                                       const std::vector<fs::path>& kos, const fs::path& built_at,
                                       std::string_view symbols) {
  BuildRecord record{.modules = {}, .built_at = built_at};
  const auto symbols_identity = symbols.empty() ? "" : Digest().add(symbols).hex();
  if (!symbols.empty()) {
    record.symbols = place.out() / symbols_identity / k_symbols;
    KOBOX_CHECK(write_file(record.symbols, symbols));
  }
  auto list = nlohmann::json::array();
  for (const auto& ko : kos) {
    KOBOX_TRY(auto module, keep_module(place, ko));
    list.push_back({{"name", module.name},
                    {"file", module.ko.filename().string()},
                    {"identity", module.identity}});
    record.modules.push_back(std::move(module));
  }
  drop_old_modules(place, record.modules, symbols_identity);
  const nlohmann::json json = {{"schema", k_schema},
                               {"key", key},
                               {"source", source.string()},
                               {"kernel", kernel.release},
                               {"built_at", built_at.string()},
                               {"symbols", symbols_identity},
                               {"modules", std::move(list)}};
  const auto text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  KOBOX_CHECK(write_file(place.record(), text + "\n"));
  return record;
}

}  // namespace kobox
