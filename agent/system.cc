// SPDX-License-Identifier: GPL-2.0-or-later
#include "system.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "image/layout.h"

namespace kobox::agent {
namespace {

struct Mount {
  const char* type;
  const char* target;
  unsigned long flags;
  const char* data;
};

constexpr std::array<Mount, 7> k_mounts = {{
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr},
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5"},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"debugfs", "/sys/kernel/debug", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr},
}};

void complain(const std::string& what) {
  std::fprintf(stderr, "kobox agent: %s: %s\n", what.c_str(), std::strerror(errno));
}

void mount_all() {
  for (const auto& mount : k_mounts) {
    ::mkdir(mount.target, 0755);
    const bool mounted =
        ::mount(mount.type, mount.target, mount.type, mount.flags, mount.data) == 0;
    // devtmpfs may have been mounted by the kernel; debugfs may not be there.
    if (!mounted && errno != EBUSY && std::strcmp(mount.type, "debugfs") != 0)
      complain(std::string("cannot mount ") + mount.target);
  }
  ::symlink("/proc/self/fd", "/dev/fd");
  ::symlink("/proc/self/fd/0", "/dev/stdin");
  ::symlink("/proc/self/fd/1", "/dev/stdout");
  ::symlink("/proc/self/fd/2", "/dev/stderr");
}

// Does what the first test will do, on a CPU that would wait meanwhile: what of the kernel that
// takes has then been read in and, under TCG, translated. Returns the process to wait for, or -1.
pid_t warm_up() {
  if (::sysconf(_SC_NPROCESSORS_ONLN) < 2) return -1;
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  inventory();
  ::execl("/bin/sh", "sh", "-c", "true", nullptr);
  ::_exit(0);
}

}  // namespace

void bring_up() {
  ::umask(022);
  mount_all();
  const pid_t warming = warm_up();
  constexpr const char* k_host_name = "kobox";
  ::sethostname(k_host_name, std::strlen(k_host_name));
  for_each_line(read_text(layout::k_driver_list), [](const std::string& path) {
    const int error = load_module(path, "");
    if (error != 0 && error != EEXIST) {
      errno = error;
      complain("cannot load " + path);
    }
  });
  if (warming > 0) ::waitpid(warming, nullptr, 0);
}

std::string read_text(const std::string& path) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  std::array<char, 4096> buffer;
  for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(got));
  ::close(fd);
  return text;
}

void for_each_line(std::string_view text, const std::function<void(std::string)>& visit) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    visit(std::string(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

int load_module(const std::string& path, const std::string& parameters) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const auto result = ::syscall(SYS_finit_module, fd, parameters.c_str(), 0);
  const int error = result == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

int unload_module(const std::string& name) {
  return ::syscall(SYS_delete_module, name.c_str(), O_NONBLOCK) == 0 ? 0 : errno;
}

int write_setting(const std::string& path, const std::string& value) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const auto wrote = ::write(fd, value.data(), value.size());
  const int error = wrote < 0 ? errno : 0;
  ::close(fd);
  return error;
}

int reseed(std::string_view seed) {
  if (seed.empty()) return 0;
  // struct rand_pool_info of include/uapi/linux/random.h, with a buffer of fixed size.
  struct {
    int entropy_bits;
    int size;
    std::array<char, 64> bytes;
  } pool = {};
  pool.size = static_cast<int>(std::min(seed.size(), pool.bytes.size()));
  pool.entropy_bits = 8 * pool.size;
  std::memcpy(pool.bytes.data(), seed.data(), static_cast<std::size_t>(pool.size));
  const int fd = ::open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  // The second makes every CPU's generator, and what it has in store, begin again from the pool.
  const bool done = ::ioctl(fd, RNDADDENTROPY, &pool) == 0 && ::ioctl(fd, RNDRESEEDCRNG) == 0;
  const int error = done ? 0 : errno;
  ::close(fd);
  return error;
}

void power_off() {
  if (::getpid() != 1) {
    // The system's own way, so that what it wrote is whole. It ends us too, but not by a signal
    // that we block.
    if (::fork() == 0) {
      ::execlp("systemctl", "systemctl", "poweroff", nullptr);
      ::_exit(127);
    }
    while (true) ::pause();
  }
  ::sync();
  ::reboot(RB_POWER_OFF);
  while (true) ::pause();
}

}  // namespace kobox::agent
