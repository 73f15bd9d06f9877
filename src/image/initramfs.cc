// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/initramfs.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "base/files.h"
#include "base/installed.h"
#include "base/text.h"
#include "image/layout.h"
#include "image/newc.h"
#include "kernel/drivers.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view k_applet = "modprobe";

// Changes when the layout below does.
constexpr std::string_view k_format = "initramfs 5";

// What the agent's port needs. Their own dependencies follow from the modules themselves.
const std::vector<std::string> k_drivers = {"virtio_pci", "virtio_console"};

constexpr std::array k_directories = {
    "bin", "sbin",    "dev",      "etc",          "kobox", "kobox/bin", "lib",
    "mnt", "proc",    "root",     "kobox/module", "run",   "sys",       "usr",
    "var", "usr/bin", "usr/sbin", "var/log",      "home",  "home/user", "kobox/programs"};

constexpr std::string_view k_passwd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "user:x:1000:1000:an ordinary user:/home/user:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/bin/sh\n";
constexpr std::string_view k_group = "root:x:0:\ntty:x:5:\nuser:x:1000:\nnogroup:x:65534:\n";

bool is_static(const fs::path& program) {
  const auto bytes = read_file(program, 64 << 20);
  if (!bytes || bytes->size() < sizeof(Elf64_Ehdr)) return false;
  Elf64_Ehdr header;
  std::memcpy(&header, bytes->data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return false;
  if (header.e_phoff > bytes->size()) return false;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto at = header.e_phoff + i * sizeof(Elf64_Phdr);
    if (at + sizeof(Elf64_Phdr) > bytes->size()) return false;
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes->data() + at, sizeof segment);
    if (segment.p_type == PT_INTERP) return false;
  }
  return true;
}

// Debian's busybox has a shell that takes its own applets before all programs in PATH, modprobe
// too, which wants modules that are not there. So that applet gets another name: in the table of
// all names, each ended by NUL, one that leaves the table in its order.
void rename_modprobe(std::string& binary, std::span<const std::string_view> applets) {
  const auto own = std::ranges::find(applets, k_applet);
  if (own == applets.begin() || own == applets.end() || own + 1 == applets.end()) return;
  const auto part = fmt::format("{0}{1}{0}{2}{0}{3}{0}", '\0', *(own - 1), k_applet, *(own + 1));
  const auto at = binary.find(part);
  if (at != std::string::npos) binary[at + 1 + (own - 1)->size() + k_applet.size()] = '_';
}

Result<> add_busybox(NewcArchive& archive, const fs::path& busybox) {
  KOBOX_TRY(auto binary, read_file(busybox));
  KOBOX_TRY(const auto list, run_command({.argv = {busybox.string(), "--list"}},
                                         {.deadline = Deadline::after(10s)}));
  const auto applets = lines_of(list.output);
  rename_modprobe(binary, applets);
  archive.file("bin/busybox", binary, 0755);
  for (const auto applet : applets)
    if (!applet.empty() && applet != "busybox" && applet != k_applet)
      archive.link(fmt::format("bin/{}", applet), "busybox");
  return {};
}

Result<> add_drivers(NewcArchive& archive, const std::vector<DriverModule>& drivers) {
  std::string list;
  archive.directory("kobox/driver");
  for (const auto& driver : drivers) {
    KOBOX_TRY(const auto bytes, read_module(driver.path));
    const auto path = fmt::format("/kobox/driver/{}.ko", driver.name);
    archive.file(path.substr(1), bytes, 0644);
    list += path + "\n";
  }
  archive.file(std::string_view(layout::k_driver_list).substr(1), list, 0644);
  return {};
}

Result<std::string> make_initramfs(const fs::path& agent, const fs::path& busybox,
                                   const Kernel& kernel) {
  NewcArchive archive;
  for (const auto* directory : k_directories) archive.directory(directory);
  archive.directory("tmp", 01777);
  archive.console_node();
  archive.file("etc/passwd", k_passwd, 0644);
  archive.file("etc/group", k_group, 0644);
  KOBOX_TRY(const auto agent_binary, read_file(agent));
  archive.file("init", agent_binary, 0755);
  archive.link("sbin/modprobe", "/init");  // where the kernel looks for it by itself
  KOBOX_CHECK(add_busybox(archive, busybox));
  KOBOX_TRY(const auto drivers, modules_for(kernel, k_drivers, Missing::is_builtin));
  KOBOX_CHECK(add_drivers(archive, drivers));
  return archive.finish();
}

}  // namespace

Result<fs::path> find_agent() {
  return installed_file("kobox-agent", "KOBOX_AGENT", "the guest's agent");
}

Result<fs::path> find_busybox() {
  const auto found = find_program("busybox");
  if (found && is_static(*found)) return *found;
  return fail(ErrorKind::environment, "{}; on Debian: apt-get install busybox-static",
              found ? found->string() + " is not statically linked" : "busybox is not installed");
}

Result<fs::path> initramfs_path(const Kernel& kernel, const fs::path& cache) {
  KOBOX_TRY(const auto agent, find_agent());
  KOBOX_TRY(const auto busybox, find_busybox());
  Digest digest;
  digest.add(k_format).add(kernel.identity);
  KOBOX_CHECK(digest.add_file(agent));
  KOBOX_CHECK(digest.add_file(busybox));
  return cache / "guests" / (digest.hex() + ".cpio");
}

Result<fs::path> ensure_initramfs(const Kernel& kernel, const fs::path& cache) {
  KOBOX_TRY(auto path, initramfs_path(kernel, cache));
  std::error_code ignored;
  if (fs::exists(path, ignored)) {
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // for cache prune
    return path;
  }
  KOBOX_TRY(const auto agent, find_agent());
  KOBOX_TRY(const auto busybox, find_busybox());
  KOBOX_TRY_WHILE("making the guest's initramfs", const auto bytes,
                  make_initramfs(agent, busybox, kernel));
  KOBOX_CHECK(write_file(path, bytes));
  return path;
}

}  // namespace kobox
