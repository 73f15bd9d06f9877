// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/disk_recipe.h"

#include <algorithm>
#include <array>

#include "base/files.h"
#include "image/initramfs.h"
#include "image/layout.h"

namespace kobox {
namespace {

// A system that boots and logs in, a module's build tools, and what looks at kernels. xxd, nano and
// less are for people and for tests' scripts.
constexpr std::array k_packages = {
    "systemd-sysv", "udev", "dbus", "kmod", "procps", "sudo", "build-essential", "gdb",
    "strace",       "less", "nano", "xxd",  "file",   "bc",   "grub-pc-bin",     "grub2-common",
};

// The agent comes with its port, so that a machine without one has no use for it and no error.
constexpr std::string_view k_agent_rule =
    "SUBSYSTEM==\"virtio-ports\", ATTR{name}==\"org.kobox.agent.0\", TAG+=\"systemd\", "
    "ENV{SYSTEMD_WANTS}+=\"kobox-agent.service\"\n";

// What kobox's own initramfs brings along is newer than what lies in the image.
constexpr std::string_view k_agent_unit = R"([Unit]
Description=kobox's agent

[Service]
ExecStart=/bin/sh -c 'agent=/run/kobox/agent; [ -x $agent ] || agent=/usr/lib/kobox/agent; exec $agent'
# What it started goes on, and has no limits that a command by hand would not have.
KillMode=process
KillSignal=SIGKILL
TasksMax=infinity
LimitCORE=infinity
)";

constexpr std::string_view k_sysctl =
    "# An ordinary user may read the kernel's log: that is what this machine is for.\n"
    "kernel.dmesg_restrict = 0\n";

constexpr std::string_view k_hosts =
    "127.0.0.1 localhost kobox\n::1 localhost ip6-localhost ip6-loopback\n";

constexpr std::string_view k_motd =
    "A disk of kobox's: Debian with what a kernel module is built and watched with.\n"
    "root and user have no password; user may use sudo.\n";

// Timers that would make two machines of one image different, or do work at a bad moment.
constexpr std::array k_masked = {
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-tmpfiles-clean.timer",
};

std::string grub_menu(const DiskRecipe& recipe) {
  return fmt::format(
      "# The loader itself is in the first megabyte of the disk; update-grub writes this file "
      "again.\n"
      "serial --unit=0 --speed=115200\n"
      "terminal_input console serial\n"
      "terminal_output console serial\n"
      "set timeout=1\n"
      "menuentry \"Debian, Linux {0}\" {{\n"
      "  search --no-floppy --fs-uuid --set=root {1}\n"
      "  linux /boot/vmlinuz-{0} root=UUID={1} rw nokaslr console=tty0 console={2}\n"
      "  initrd /boot/initrd.img-{0}\n"
      "}}\n",
      recipe.kernel.release, k_disk_uuid, recipe.kernel.arch->console);
}

DiskFile file(std::string path, std::string_view content, unsigned mode = 0644) {
  return {.path = std::move(path),
          .content = std::string(content),
          .attributes = {.mode = mode, .modified = k_disk_epoch}};
}

DiskFile directory(std::string path, unsigned mode = 0755) {
  return {.kind = DiskFile::Kind::directory,
          .path = std::move(path),
          .content = {},
          .attributes = {.mode = mode, .modified = k_disk_epoch}};
}

DiskFile link(std::string path, std::string target) {
  return {.kind = DiskFile::Kind::link,
          .path = std::move(path),
          .content = std::move(target),
          .attributes = {.modified = k_disk_epoch}};
}

}  // namespace

std::string default_suite(const Kernel& kernel) {
  return kernel.distribution.empty() ? DiskRecipe().suite : kernel.distribution;
}

std::vector<std::string> disk_packages(const DiskRecipe& recipe) {
  std::vector<std::string> packages(k_packages.begin(), k_packages.end());
  packages.insert(packages.end(), recipe.packages.begin(), recipe.packages.end());
  for (const auto* kind : {"linux-image", "linux-headers"})
    packages.push_back(fmt::format("{}-{}={}", kind, recipe.kernel.release, recipe.kernel.version));
  // A backport ("~bpo" in its version, https://backports.debian.org/Contribute/) needs the backport
  // of this too, which apt does not take by itself.
  if (recipe.kernel.version.find("~bpo") != std::string::npos)
    packages.push_back(fmt::format("linux-base/{}-backports", recipe.kernel.distribution));
  std::ranges::sort(packages);
  packages.erase(std::unique(packages.begin(), packages.end()), packages.end());
  return packages;
}

std::vector<std::string> disk_hooks() {
  return {
      fmt::format("chroot \"$1\" useradd --create-home --uid 1000 --user-group "
                  "--groups adm,sudo,systemd-journal --shell /bin/bash {}",
                  k_disk_user),
      fmt::format("chroot \"$1\" passwd --delete root && chroot \"$1\" passwd --delete {}",
                  k_disk_user),
      // As systemd leaves it, but without an access list, which fakechroot cannot make.
      "chroot \"$1\" sh -c 'cd /var/log && rm -rf journal && mkdir journal && chgrp "
      "systemd-journal journal && chmod 2755 journal'",
      // All that the menu needs is linked in, so the image needs no directory of modules.
      fmt::format("mkdir -p \"$1/boot/grub\" && chroot \"$1\" grub-mkimage --format=i386-pc "
                  "--prefix='(hd0,msdos1)/boot/grub' --output=/{} biosdisk part_msdos ext2 normal "
                  "configfile linux search search_fs_uuid serial terminal echo test ls cat halt "
                  "reboot sleep minicmd",
                  k_core_image),
  };
}

Result<std::vector<DiskFile>> disk_files(const DiskRecipe& recipe, const std::string& initramfs) {
  const auto& release = recipe.kernel.release;
  std::vector<DiskFile> files = {
      file("etc/hostname", "kobox\n"),
      file("etc/hosts", k_hosts),
      file("etc/resolv.conf", ""),
      file("etc/motd", k_motd),
      // Empty: the first boot makes one, and is not taken for a first boot in other respects.
      file("etc/machine-id", ""),
      file("etc/fstab", fmt::format("UUID={} / ext4 defaults,noatime 0 0\n", k_disk_uuid)),
      file("etc/default/locale", "LANG=C.UTF-8\n"),
      file("etc/sysctl.d/kobox.conf", k_sysctl),
      file("etc/sudoers.d/kobox", "%sudo ALL=(ALL:ALL) NOPASSWD: ALL\n", 0440),
      file("etc/udev/rules.d/60-kobox-agent.rules", k_agent_rule),
      file("etc/systemd/system/kobox-agent.service", k_agent_unit),
      file("boot/grub/grub.cfg", grub_menu(recipe)),
      file("boot/initrd.img-" + release, initramfs),
      link("vmlinuz", "boot/vmlinuz-" + release),
      link("initrd.img", "boot/initrd.img-" + release),
      directory("kobox"),
      directory(std::string(layout::k_module_directory).substr(1)),
      directory(std::string(layout::k_program_directory).substr(1)),
      directory("kobox/driver"),
      directory("usr/lib/kobox"),
      // apt's, which gives them to another user where it can.
      directory("var/lib/apt/lists/partial", 0700),
      directory("var/cache/apt/archives/partial", 0700),
  };
  for (const auto* unit : k_masked)
    files.push_back(link(fmt::format("etc/systemd/system/{}", unit), "/dev/null"));
  KOBOX_TRY(const auto agent, find_agent());
  KOBOX_TRY(const auto binary, read_file(agent));
  files.push_back(file(k_disk_agent, binary, 0755));
  return files;
}

}  // namespace kobox
