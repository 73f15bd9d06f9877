// SPDX-License-Identifier: GPL-2.0-or-later
// Looking around: what is registered with the kernel, and where a module lies.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>

#include "system.h"

namespace kobox::agent {
namespace {

using Lines = std::vector<std::string>;

// Of what is mounted at the path, or 0. An automount point stays as it is.
dev_t device_of(const std::string& path) {
  struct stat status = {};
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  return ::fstatat(AT_FDCWD, path.c_str(), &status, flags) == 0 ? status.st_dev : 0;
}

// Every path below the directory, down to so many levels. Symbolic links are not followed, and what
// is mounted below is no list of the kernel's. systemd makes /proc/sys/fs/binfmt_misc an automount
// point: to look into it has a module loaded, which waits for this very process.
void add_tree(Lines& lines, const std::string& directory, int levels) {
  const auto device = device_of(directory);
  each_entry(directory, [&](const dirent& entry) {
    const std::string path = directory + "/" + entry.d_name;
    lines.push_back(path);
    if (levels > 1 && entry.d_type == DT_DIR && device_of(path) == device)
      add_tree(lines, path, levels - 1);
  });
}

// /proc without its processes: they come and go by themselves.
void add_proc(Lines& lines) {
  each_entry("/proc", [&](const dirent& entry) {
    const std::string name = entry.d_name;
    if (all_digits(entry.d_name) || name == "self" || name == "thread-self") return;
    lines.push_back("/proc/" + name);
    const bool volatile_directory = name == "net" || name == "irq" || name == "sys";
    if (entry.d_type == DT_DIR && !volatile_directory) add_tree(lines, "/proc/" + name, 3);
  });
  add_tree(lines, "/proc/sys", 3);
}

// "  1 mem" under "Character devices:" becomes "character device region 1 mem".
void add_device_regions(Lines& lines) {
  std::string kind;
  for_each_line(read_text("/proc/devices"), [&](std::string line) {
    if (line.starts_with("Character")) {
      kind = "character device region ";
    } else if (line.starts_with("Block")) {
      kind = "block device region ";
    } else if (!line.empty()) {
      lines.push_back(kind + line.substr(line.find_first_not_of(' ')));
    }
  });
}

void add_file_lines(Lines& lines, const char* path, const char* prefix) {
  for_each_line(read_text(path), [&](const std::string& line) {
    const auto start = line.find_first_not_of(' ');
    if (start != std::string::npos) lines.push_back(prefix + line.substr(start));
  });
}

void add_names(Lines& lines, const char* directory, const char* prefix) {
  each_entry(directory, [&](const dirent& entry) {
    // SLUB gives merged caches made-up names (":0000064") that change with what is merged.
    if (entry.d_name[0] != ':') lines.push_back(prefix + std::string(entry.d_name));
  });
}

}  // namespace

bool all_digits(const char* text) { return text[std::strspn(text, "0123456789")] == '\0'; }

void each_entry(const std::string& directory, const std::function<void(const dirent&)>& visit) {
  DIR* open = ::opendir(directory.c_str());
  if (open == nullptr) return;
  while (const dirent* entry = ::readdir(open))
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
      visit(*entry);
  ::closedir(open);
}

std::vector<std::string> inventory() {
  Lines lines;
  add_tree(lines, "/dev", 4);
  add_proc(lines);
  add_device_regions(lines);
  add_tree(lines, "/sys/class", 2);
  add_tree(lines, "/sys/bus", 3);
  add_tree(lines, "/sys/kernel/debug", 1);
  add_names(lines, "/sys/module", "module ");
  add_names(lines, "/sys/kernel/slab", "slab cache ");
  add_file_lines(lines, "/proc/misc", "misc device ");
  add_file_lines(lines, "/proc/ioports", "I/O ports ");
  add_file_lines(lines, "/proc/iomem", "I/O memory ");
  add_file_lines(lines, "/proc/filesystems", "file system ");
  std::ranges::sort(lines);
  return lines;
}

std::vector<std::string> new_entries(const std::vector<std::string>& before) {
  const auto now = inventory();
  std::vector<std::string> fresh;
  std::ranges::set_difference(now, before, std::back_inserter(fresh));
  return fresh;
}

std::map<std::string, unsigned long> module_sections(const std::string& name) {
  std::map<std::string, unsigned long> sections;
  const std::string directory = "/sys/module/" + name + "/sections";
  each_entry(directory, [&](const dirent& entry) {
    const auto value = read_text(directory + "/" + entry.d_name);
    if (!value.empty()) sections[entry.d_name] = std::strtoul(value.c_str(), nullptr, 0);
  });
  return sections;
}

}  // namespace kobox::agent
