// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/dry_run.h"

#include "guest/guest.h"
#include "harness/cache_use.h"
#include "harness/disk.h"
#include "harness/guest_build.h"
#include "harness/session.h"
#include "image/disk_initramfs.h"
#include "image/initramfs.h"
#include "kernel/cache.h"

namespace kobox {

Result<> print_dry_run(LabOptions lab, const Project& project,
                       const std::vector<std::string>& selectors, AccelChoice accel,
                       StatusLine& status) {
  lab.network = Network::forbidden;
  for (const auto& selector : selectors) {
    KOBOX_TRY(const auto kernel, resolve_kernel(lab, selector, status));
    if (project.build == BuildWhere::guest) {
      status.print("in the guest: " + guest_make_command(project) + "\n");
    } else if (holds_module(project)) {
      KOBOX_TRY(const auto make, make_command(build_request(lab, project, status), kernel));
      status.print(make.to_string() + "\n");
    }
    KOBOX_TRY(auto lock, use_lock(kernel));
    KOBOX_TRY(auto cache_lock, use_cache(lab.cache));
    Prepared prepared{
        .kernel = kernel, .kernel_lock = std::move(lock), .cache_lock = std::move(cache_lock)};
    if (project.guest == GuestKind::disk) {
      KOBOX_TRY(prepared.disk, hold_disk(lab, project, kernel, status));
      KOBOX_TRY(prepared.initramfs, disk_initramfs_path(kernel, lab.cache));
    } else {
      KOBOX_TRY(prepared.initramfs, initramfs_path(kernel, lab.cache));
    }
    const auto spec = guest_spec(project, prepared, lab.state / "runs/run.XXXXXX");
    KOBOX_TRY(const auto qemu, find_qemu(*kernel.arch));
    KOBOX_TRY(const auto known, settled_accel(kernel, accel, lab.cache));
    const auto machine = machine_spec(spec, known ? known->accel : Accel::tcg);
    status.print(qemu_command(qemu, machine).to_string() + "\n");
  }
  return {};
}

}  // namespace kobox
