// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/build_record.h"

#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view k_schema = "kobox.build/1";
constexpr auto k_keep_old_modules = 24h;

// modules.order has a line for each module: an absolute path or one below the directory, ending in
// .ko up to Linux 6.1 and in .o from 6.2 on. The build wrote it, and may have written anything: a
// file outside of the copy is not taken for a module. `built_at`: what the build called the copy.
std::vector<fs::path> built_modules(const fs::path& copy, const fs::path& built_at) {
  std::vector<fs::path> modules;
  const auto order = read_regular_file(copy / "modules.order", 1 << 20);
  if (!order) return modules;
  std::error_code error;
  const auto inside = fs::canonical(copy, error).native() + "/";
  for (const auto line : lines_of(*order)) {
    const auto named = (built_at / fs::path(trim(line))).lexically_relative(built_at);
    const auto ko = fs::canonical((copy / named).replace_extension(".ko"), error);
    if (error || !ko.native().starts_with(inside) || !fs::is_regular_file(ko, error)) continue;
    modules.push_back(ko);
  }
  return modules;
}

Result<RecordedModule> keep_module(const BuildPlace& place, const fs::path& ko) {
  KOBOX_TRY(auto bytes, read_regular_file(ko));
  RecordedModule module{
      .name = module_name_of(ko), .ko = {}, .identity = Digest().add(bytes).hex()};
  module.ko = place.out() / module.identity / ko.filename();
  KOBOX_CHECK(write_file(module.ko, bytes));
  return module;
}

void drop_old_modules(const BuildPlace& place, const std::vector<RecordedModule>& current) {
  std::error_code ignored;
  const auto oldest = fs::file_time_type::clock::now() - k_keep_old_modules;
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(place.out(), ignored)) {
    const auto is_current = std::ranges::any_of(current, [&](const RecordedModule& module) {
      return module.identity == entry.path().filename();
    });
    if (!is_current && entry.last_write_time(ignored) < oldest) old.push_back(entry.path());
  }
  for (const auto& path : old) fs::remove_all(path, ignored);
}

}  // namespace

BuildPlace BuildPlace::of(const fs::path& cache, const fs::path& source, const Kernel& kernel,
                          std::string_view site) {
  std::error_code ignored;
  const auto canonical = fs::weakly_canonical(source, ignored);
  const auto name = Digest().add(canonical.native()).add(kernel.identity).add(site).hex();
  return {fs::absolute(cache, ignored).lexically_normal() / "builds" / name};
}

std::string module_name_of(const fs::path& ko) {
  auto name = ko.stem().string();
  std::ranges::replace(name, '-', '_');
  return name;
}

std::optional<std::vector<RecordedModule>> read_build_record(const BuildPlace& place,
                                                             std::string_view key) {
  const auto text = read_file(place.record());
  if (!text) return std::nullopt;
  const auto json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  try {
    if (json.at("schema") != k_schema || json.at("key") != key) return std::nullopt;
    std::vector<RecordedModule> modules;
    for (const auto& one : json.at("modules")) {
      RecordedModule module{.name = one.at("name"), .ko = {}, .identity = one.at("identity")};
      module.ko = place.out() / module.identity / one.at("file").get<std::string>();
      const auto bytes = read_file(module.ko);
      if (!bytes || Digest().add(*bytes).hex() != module.identity) return std::nullopt;
      modules.push_back(std::move(module));
    }
    return modules;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Result<std::vector<RecordedModule>> write_build_record(const BuildPlace& place,
                                                       std::string_view key, const fs::path& source,
                                                       const Kernel& kernel,
                                                       const fs::path& built_at) {
  std::vector<RecordedModule> modules;
  auto list = nlohmann::json::array();
  for (const auto& ko : built_modules(place.copy(), built_at)) {
    KOBOX_TRY(auto module, keep_module(place, ko));
    list.push_back({{"name", module.name},
                    {"file", module.ko.filename().string()},
                    {"identity", module.identity}});
    modules.push_back(std::move(module));
  }
  if (modules.empty()) return modules;
  drop_old_modules(place, modules);
  const nlohmann::json json = {{"schema", k_schema},
                               {"key", key},
                               {"source", source.string()},
                               {"kernel", kernel.release},
                               {"modules", std::move(list)}};
  const auto text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  KOBOX_CHECK(write_file(place.record(), text + "\n"));
  return modules;
}

}  // namespace kobox
