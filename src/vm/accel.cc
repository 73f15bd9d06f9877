// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/accel.h"

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using nlohmann::json;

constexpr std::size_t k_max_remembered = 200;

json load_memory(const fs::path& file) {
  auto text = read_file(file, 1 << 20);
  if (!text) return json::object();
  auto value = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return value.is_object() ? value : json::object();
}

}  // namespace

std::string to_string(Accel accel) { return accel == Accel::kvm ? "kvm" : "tcg"; }

Result<AccelChoice> parse_accel(std::string_view text) {
  if (text == "auto") return AccelChoice::automatic;
  if (text == "tcg") return AccelChoice::tcg;
  if (text == "kvm") return AccelChoice::kvm;
  return fail(ErrorKind::usage, "unknown accelerator '{}': use auto, kvm or tcg", text);
}

std::optional<std::string> kvm_obstacle(const fs::path& device) {
  const Fd fd(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (fd) return std::nullopt;
  if (errno == ENOENT) return fmt::format("there is no {}", device.string());
  if (errno == EACCES || errno == EPERM)
    return fmt::format("no permission to open {}", device.string());
  return fmt::format("{} does not open ({})", device.string(), std::strerror(errno));
}

AccelMemory::AccelMemory(const fs::path& cache, const std::string& kernel, const fs::path& qemu)
    : file_(cache / "accel.json") {
  const auto boot_id = read_file("/proc/sys/kernel/random/boot_id").value_or("");
  std::error_code ignored;
  const auto stamp = fs::last_write_time(qemu, ignored).time_since_epoch().count();
  key_ = Digest()
             .add(boot_id)
             .add(kernel)
             .add(fs::canonical(qemu, ignored).string())
             .add(std::to_string(stamp))
             .hex();
}

std::optional<AccelDecision> AccelMemory::recall() const {
  const auto memory = load_memory(file_);
  const auto it = memory.find(key_);
  if (it == memory.end() || !it->is_object()) return std::nullopt;
  const auto accel = it->value("accel", json());
  const auto reason = it->value("reason", json());
  if (!reason.is_string() || (accel != "kvm" && accel != "tcg")) return std::nullopt;
  return AccelDecision{.accel = accel == "kvm" ? Accel::kvm : Accel::tcg,
                       .reason = reason.get<std::string>(),
                       .kvm_only_slower = it->value("kvm_only_slower", json()) == true};
}

void AccelMemory::remember(const AccelDecision& decision) const {
  const auto lock = FileLock::acquire(file_.string() + ".lock", LockMode::exclusive,
                                      Deadline::after(std::chrono::seconds(2)));
  if (!lock) return;
  auto memory = load_memory(file_);
  if (memory.size() >= k_max_remembered) memory = json::object();
  memory[key_] = {{"accel", to_string(decision.accel)}, {"reason", decision.reason}};
  if (decision.kvm_only_slower) memory[key_]["kvm_only_slower"] = true;
  [[maybe_unused]] const auto written =
      write_file(file_, memory.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

}  // namespace kobox
