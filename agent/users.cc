// SPDX-License-Identifier: GPL-2.0-or-later
#include "users.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "system.h"

namespace kobox::agent {
namespace {

// Of what processes are called.
constexpr std::size_t k_max_command = 60;

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// At most so many of a line's fields.
std::vector<std::string> fields_of(const std::string& line, std::size_t most) {
  constexpr const char* k_blanks = " \t";
  std::vector<std::string> fields;
  auto at = line.find_first_not_of(k_blanks);
  while (at != std::string::npos && fields.size() < most) {
    const auto end = std::min(line.find_first_of(k_blanks, at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(k_blanks, end);
  }
  return fields;
}

std::string link_target(const std::string& path) {
  std::array<char, 4096> buffer;
  const auto size = ::readlink(path.c_str(), buffer.data(), buffer.size());
  return {buffer.data(), size < 0 ? 0 : static_cast<std::size_t>(size)};
}

// "87 (sleep 1000)"; of a process without arguments, the name that the kernel has for it.
std::string describe_process(const std::string& directory) {
  auto command = read_text(directory + "/cmdline");
  while (command.ends_with('\0')) command.pop_back();
  std::ranges::replace(command, '\0', ' ');
  if (command.empty()) command = read_text(directory + "/comm");
  while (command.ends_with('\n')) command.pop_back();
  if (command.size() > k_max_command) command = command.substr(0, k_max_command) + "...";
  return last_part(directory) + " (" + command + ")";
}

// The rest of a line of the inventory that begins with this.
std::optional<std::string> after(const std::string& line, std::string_view beginning) {
  if (!line.starts_with(beginning)) return std::nullopt;
  return line.substr(beginning.size());
}

unsigned leading_number(const std::string& text) {
  return static_cast<unsigned>(std::strtoul(text.c_str(), nullptr, 10));
}

void add_node(Belongings& of, const std::string& path) {
  struct stat node = {};
  if (::lstat(path.c_str(), &node) != 0) return;
  if (S_ISCHR(node.st_mode)) of.character_devices.insert(node.st_rdev);
  if (S_ISBLK(node.st_mode)) of.block_devices.insert(node.st_rdev);
}

// Of /sys/class/X/Y: its "dev" holds "MAJOR:MINOR".
void add_class_device(Belongings& of, const std::string& path) {
  unsigned major = 0, minor = 0;
  if (std::sscanf(read_text(path + "/dev").c_str(), "%u:%u", &major, &minor) != 2) return;
  const auto number = ::makedev(major, minor);
  (path.starts_with("/sys/class/block/") ? of.block_devices : of.character_devices).insert(number);
}

// /proc/mounts writes blanks and the like as "\040".
std::string unescape(const std::string& text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 3 < text.size()) {
      plain += static_cast<char>(std::strtoul(text.substr(at + 1, 3).c_str(), nullptr, 8));
      at += 3;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

bool is_block_device(const Belongings& of, const std::string& path) {
  struct stat node = {};
  return path.starts_with('/') && ::stat(path.c_str(), &node) == 0 && S_ISBLK(node.st_mode) &&
         of.has_device(node.st_mode, node.st_rdev);
}

void add_swap(const Belongings& of, Users& users) {
  for_each_line(read_text("/proc/swaps"), [&](const std::string& line) {
    const auto path = unescape(line.substr(0, line.find_first_of(" \t")));
    if (is_block_device(of, path)) users.add(path + " is swap space");
  });
}

// Links of one process: "/proc/87/fd".
void add_open_files(const Belongings& of, const std::string& links, const std::string& subject,
                    const std::string& how, Users& users) {
  each_entry(links, [&](const dirent& entry) {
    if (users.full()) return;
    const auto link = links + "/" + entry.d_name;
    const auto target = link_target(link);
    if (target.starts_with("socket:")) {
      // What the kernel calls a socket's protocol (sockfs_xattr_get in net/socket.c).
      std::array<char, 64> name = {};
      if (::getxattr(link.c_str(), "system.sockprotoname", name.data(), name.size() - 1) > 0 &&
          of.protocols.contains(name.data()))
        users.add(subject + " has opened a socket of the protocol " + name.data());
      return;
    }
    if (!target.starts_with('/')) return;  // pipes and the like
    bool ours = of.files.contains(target);
    struct stat file = {};
    // A node may stand anywhere, and its name may be gone.
    if (!ours && ::stat(link.c_str(), &file) == 0) ours = of.has_device(file.st_mode, file.st_rdev);
    if (ours) users.add(subject + " " + how + " " + target);
  });
}

}  // namespace

bool Belongings::has_device(mode_t mode, dev_t number) const {
  const bool character = S_ISCHR(mode);
  if (!character && !S_ISBLK(mode)) return false;
  if ((character ? character_majors : block_majors).contains(::major(number))) return true;
  if ((character ? character_devices : block_devices).contains(number)) return true;
  const auto directory = std::string(character ? "/sys/dev/char/" : "/sys/dev/block/") +
                         std::to_string(::major(number)) + ":" + std::to_string(::minor(number));
  return last_part(link_target(directory + "/device/driver/module")) == module;
}

Belongings belongings(const std::string& module, const std::vector<std::string>& fresh) {
  Belongings of{.module = module};
  for (const auto& line : fresh) {
    constexpr unsigned k_misc_major = 10;  // MISC_MAJOR of include/uapi/linux/major.h
    if (const auto region = after(line, "character device region "))
      of.character_majors.insert(leading_number(*region));
    else if (const auto blocks = after(line, "block device region "))
      of.block_majors.insert(leading_number(*blocks));
    else if (const auto misc = after(line, "misc device "))
      of.character_devices.insert(::makedev(k_misc_major, leading_number(*misc)));
    else if (const auto type = after(line, "file system "))
      of.file_systems.insert(type->substr(type->rfind('\t') + 1));  // "nodev\tproc", "\text4"
    else if (line.starts_with("/dev/"))
      add_node(of, line);
    else if (line.starts_with("/sys/class/"))
      add_class_device(of, line);
    else if (line.starts_with("/proc/") || line.starts_with("/sys/kernel/debug/"))
      of.files.insert(line);
  }
  return of;
}

void Users::add(const std::string& sentence) {
  if (!full() && std::ranges::find(sentences_, sentence) == sentences_.end())
    sentences_.push_back(sentence);
}

// Columns: protocol, size, sockets, memory, press, maxhdr, slab, module (proto_seq_printf in
// net/core/sock.c).
void add_protocols(Belongings& of, const std::string& text, Users& users) {
  for_each_line(text, [&](const std::string& line) {
    const auto fields = fields_of(line, 8);
    if (fields.size() < 8 || fields[7] != of.module) return;
    of.protocols.insert(fields[0]);
    if (const auto sockets = leading_number(fields[2]); sockets > 0)
      users.add("sockets of the protocol " + fields[0] + " are open: " + std::to_string(sockets));
  });
}

void add_mounts(const Belongings& of, const std::string& text, Users& users) {
  for_each_line(text, [&](const std::string& line) {
    const auto fields = fields_of(line, 3);
    if (fields.size() < 3) return;
    const auto source = unescape(fields[0]), target = unescape(fields[1]);
    if (of.file_systems.contains(fields[2]))
      users.add("a file system of the type " + fields[2] + " is mounted at " + target);
    else if (is_block_device(of, source))
      users.add(source + " is mounted at " + target);
  });
}

void add_process(const Belongings& of, const std::string& directory, Users& users) {
  const auto subject = "process " + describe_process(directory);
  add_open_files(of, directory + "/fd", subject, "has opened", users);
  add_open_files(of, directory + "/map_files", subject, "has mapped", users);
}

std::string users_of(const std::string& module, const std::vector<std::string>& fresh) {
  const auto place = "/sys/module/" + module;
  auto of = belongings(module, fresh);
  Users users;
  each_entry(place + "/holders",
             [&](const dirent& entry) { users.add(std::string("the module ") + entry.d_name); });
  add_protocols(of, read_text("/proc/net/protocols"), users);
  add_mounts(of, read_text("/proc/mounts"), users);
  add_swap(of, users);
  each_entry("/proc", [&](const dirent& entry) {
    if (!users.full() && all_digits(entry.d_name))
      add_process(of, std::string("/proc/") + entry.d_name, users);
  });
  each_entry("/sys/class/net", [&](const dirent& entry) {
    const auto driver = std::string("/sys/class/net/") + entry.d_name + "/device/driver/module";
    if (last_part(link_target(driver)) == module)
      users.add(std::string("the network interface ") + entry.d_name + ", which it drives");
  });
  auto text = read_text(place + "/refcnt");
  if (!text.ends_with('\n')) text += '\n';
  for (auto sentence : users.sentences()) {
    std::ranges::replace(sentence, '\n', ' ');
    text += sentence + "\n";
  }
  return text;
}

}  // namespace kobox::agent
