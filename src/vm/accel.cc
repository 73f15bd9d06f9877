// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/accel.h"

#include <fcntl.h>

#include "base/files.h"
#include "base/text.h"

namespace kobox {

using nlohmann::json;
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
    : findings_(cache / "accel.json"),
      key_(Digest()
               .add(read_file("/proc/sys/kernel/random/boot_id").value_or(""))
               .add(kernel)
               .add(program_stamp(qemu))
               .hex()) {}

std::optional<AccelDecision> AccelMemory::recall() const {
  const auto known = findings_.recall(key_);
  if (!known.is_object()) return std::nullopt;
  const auto accel = known.value("accel", json());
  const auto reason = known.value("reason", json());
  if (!reason.is_string() || (accel != "kvm" && accel != "tcg")) return std::nullopt;
  return AccelDecision{.accel = accel == "kvm" ? Accel::kvm : Accel::tcg,
                       .reason = reason.get<std::string>(),
                       .kvm_only_slower = known.value("kvm_only_slower", json()) == true};
}

void AccelMemory::remember(const AccelDecision& decision) const {
  json finding = {{"accel", to_string(decision.accel)}, {"reason", decision.reason}};
  if (decision.kvm_only_slower) finding["kvm_only_slower"] = true;
  findings_.remember(key_, std::move(finding));
}

}  // namespace kobox
