// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/boot_memory.h"

#include <nlohmann/json.hpp>

#include "base/files.h"

namespace kobox {
namespace {

using nlohmann::json;

constexpr std::size_t k_max_remembered = 200;

fs::path file_in(const fs::path& cache) { return cache / "boot.json"; }

json load_memory(const fs::path& file) {
  const auto text = read_file(file, 1 << 20);
  if (!text) return json::object();
  auto value = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return value.is_object() ? value : json::object();
}

}  // namespace

Kernel as_it_boots(Kernel kernel, const fs::path& cache) {
  if (!kernel.pvh || kernel.vmlinuz.empty()) return kernel;
  const auto memory = load_memory(file_in(cache));
  const auto it = memory.find(kernel.identity);
  if (it != memory.end() && *it == "bzImage") kernel.pvh = false;
  return kernel;
}

void remember_bzimage(const Kernel& kernel, const fs::path& cache) {
  const auto file = file_in(cache);
  const auto lock = FileLock::acquire(file.string() + ".lock", LockMode::exclusive,
                                      Deadline::after(std::chrono::seconds(2)));
  if (!lock) return;
  auto memory = load_memory(file);
  if (memory.size() >= k_max_remembered) memory = json::object();
  memory[kernel.identity] = "bzImage";
  [[maybe_unused]] const auto written =
      write_file(file, memory.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

}  // namespace kobox
