// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/disk_initramfs.h"

#include <vector>

#include "base/child.h"
#include "base/files.h"
#include "image/initramfs.h"
#include "image/newc.h"
#include "kernel/drivers.h"

namespace kobox {
namespace {

// Changes when what is in it does.
constexpr std::string_view k_format = "disk initramfs 1";

// The file system's checksums are by a module that ext4 only asks modprobe for.
const std::vector<std::string> k_drivers = {"virtio_pci", "virtio_blk", "crc32c_generic", "ext4"};

// What a virtual machine's disk may hang on elsewhere; loaded if there is no virtio disk.
const std::vector<std::string> k_other_drivers = {"ahci", "ata_piix", "sd_mod", "virtio_scsi",
                                                  "nvme"};

// Mounts what root= names and goes on there. As with Debian's own initramfs, /dev, /proc, /sys and
// /run are taken along.
constexpr std::string_view k_init = R"(#!/bin/busybox sh
export PATH=/bin
mount -t devtmpfs -o mode=0755,nosuid dev /dev
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sys /sys
mount -t tmpfs -o mode=0755,nosuid,nodev run /run

load() { while read -r driver; do insmod "$driver" 2>/dev/null; done; }
find_root() {
  case $1 in
    UUID=* | LABEL=*) device=$(findfs "$1" 2>/dev/null) ;;
    *) device=$1 ;;
  esac
  [ -b "$device" ]
}

root=/dev/vda1
access=ro
for word in $(cat /proc/cmdline); do
  case $word in
    root=*) root=${word#root=} ;;
    rw | ro) access=$word ;;
  esac
done

load < /drivers
tries=0
until find_root "$root"; do
  [ $tries = 5 ] && load < /other_drivers
  if [ $tries = 100 ]; then
    echo "there is no $root; a shell is here to look around with"
    exec setsid cttyhack sh
  fi
  tries=$((tries + 1))
  sleep 0.1
done
mount -t ext4 -o "$access,noatime" "$device" /root || exec setsid cttyhack sh
if [ -e /agent ]; then
  mkdir /run/kobox
  cp /agent /run/kobox/agent
fi
for directory in dev proc sys run; do mount -o move /$directory /root/$directory; done
exec switch_root /root /sbin/init
)";

Result<> add_drivers(NewcArchive& archive, const Kernel& kernel,
                     const std::vector<std::string>& wanted, const std::string& list) {
  std::string paths;
  KOBOX_TRY(const auto drivers, modules_for(kernel, wanted, Missing::is_builtin));
  for (const auto& driver : drivers) {
    KOBOX_TRY(const auto bytes, read_module(driver.path));
    const auto path = fmt::format("{}.d/{}.ko", list, driver.name);
    if (paths.empty()) archive.directory(list + ".d");
    archive.file(path, bytes, 0644);
    paths += "/" + path + "\n";
  }
  archive.file(list, paths, 0644);
  return {};
}

}  // namespace

Result<std::string> make_disk_initramfs(const Kernel& kernel, WithAgent agent) {
  KOBOX_TRY(const auto busybox, find_busybox());
  KOBOX_TRY(const auto busybox_binary, read_file(busybox));
  NewcArchive archive;
  for (const auto* directory : {"bin", "dev", "proc", "sys", "run", "root"})
    archive.directory(directory);
  archive.console_node();
  archive.file("init", k_init, 0755);
  archive.file("bin/busybox", busybox_binary, 0755);
  for (const auto* applet : {"cat", "cp", "cttyhack", "findfs", "insmod", "mkdir", "mount",
                             "setsid", "sh", "sleep", "switch_root"})
    archive.link(fmt::format("bin/{}", applet), "busybox");
  KOBOX_CHECK(add_drivers(archive, kernel, k_drivers, "drivers"));
  if (agent == WithAgent::yes) {
    KOBOX_TRY(const auto path, find_agent());
    KOBOX_TRY(const auto binary, read_file(path));
    archive.file("agent", binary, 0755);
    archive.file("other_drivers", "", 0644);
  } else {
    KOBOX_CHECK(add_drivers(archive, kernel, k_other_drivers, "other_drivers"));
  }
  return archive.finish();
}

Result<std::filesystem::path> disk_initramfs_path(const Kernel& kernel,
                                                  const std::filesystem::path& cache) {
  KOBOX_TRY(const auto agent, find_agent());
  KOBOX_TRY(const auto busybox, find_busybox());
  Digest digest;
  digest.add(k_format).add(k_init).add(kernel.identity);
  KOBOX_CHECK(digest.add_file(agent));
  KOBOX_CHECK(digest.add_file(busybox));
  return cache / "guests" / (digest.hex() + ".cpio");
}

Result<std::filesystem::path> ensure_disk_initramfs(const Kernel& kernel,
                                                    const std::filesystem::path& cache) {
  KOBOX_TRY(auto path, disk_initramfs_path(kernel, cache));
  std::error_code ignored;
  if (fs::exists(path, ignored)) {
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // for cache prune
    return path;
  }
  KOBOX_TRY_WHILE("making the guest's initramfs", const auto bytes,
                  make_disk_initramfs(kernel, WithAgent::yes));
  KOBOX_CHECK(write_file(path, bytes));
  return path;
}

}  // namespace kobox
