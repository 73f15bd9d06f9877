// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/findings.h"

#include "base/files.h"

namespace kobox {
namespace {

using nlohmann::json;

constexpr std::size_t k_most = 200;

json load(const fs::path& file) {
  const auto text = read_file(file, 1 << 20);
  if (!text) return json::object();
  auto value = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return value.is_object() ? value : json::object();
}

}  // namespace

json Findings::recall(const std::string& key) const { return load(file_).value(key, json()); }

void Findings::remember(const std::string& key, json value) const {
  const auto lock = FileLock::acquire(file_.string() + ".lock", LockMode::exclusive,
                                      Deadline::after(std::chrono::seconds(2)));
  if (!lock) return;
  auto all = load(file_);
  if (all.size() >= k_most) all = json::object();
  all[key] = std::move(value);
  [[maybe_unused]] const auto written =
      write_file(file_, all.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

std::string program_stamp(const fs::path& program) {
  std::error_code ignored;
  const auto time = fs::last_write_time(program, ignored).time_since_epoch().count();
  return Digest().add(fs::canonical(program, ignored).string()).add(std::to_string(time)).hex();
}

}  // namespace kobox
