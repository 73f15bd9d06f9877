// SPDX-License-Identifier: GPL-2.0-or-later
// Which accelerator runs the machine, and what is remembered about the host's KVM.
//
// Whether KVM works cannot be told by stat, open, KVM_CREATE_VM or a real-mode test: a /dev/kvm
// exists that passes all of them and hangs every ordinary kernel. Only a kernel that boots tells.
// So the first run on a host lets both accelerators boot the kernel and takes KVM if it arrives
// (boot_guest in guest/guest.h); what was found is remembered here for that host's boot, that
// kernel and that QEMU.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "vm/findings.h"

namespace kobox {

enum class Accel { tcg, kvm };
enum class AccelChoice { automatic, tcg, kvm };

std::string to_string(Accel accel);
Result<AccelChoice> parse_accel(std::string_view text);

struct AccelDecision {
  Accel accel = Accel::tcg;
  std::string reason;  // "/dev/kvm opens but does not boot this kernel (found 2026-01-31)"
  // KVM was found slower than TCG, which does not say that it cannot boot: --accel kvm may try.
  bool kvm_only_slower = false;
};

// Why /dev/kvm cannot even be tried ("there is no /dev/kvm", "no permission to open /dev/kvm …"),
// or nothing if it opens for reading and writing.
std::optional<std::string> kvm_obstacle(const std::filesystem::path& device = "/dev/kvm");

// What earlier runs found. One small file, <cache>/accel.json; a damaged one counts as empty.
class AccelMemory {
 public:
  // kernel: Kernel::identity. qemu: the QEMU binary. Everything that the finding depends on is in
  // the key, the host's boot id included.
  AccelMemory(const std::filesystem::path& cache, const std::string& kernel,
              const std::filesystem::path& qemu);

  std::optional<AccelDecision> recall() const;
  // Best effort: a cache that cannot be written only costs the next run its probe.
  void remember(const AccelDecision& decision) const;

 private:
  Findings findings_;
  std::string key_;
};

}  // namespace kobox
