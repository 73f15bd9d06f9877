// SPDX-License-Identifier: GPL-2.0-or-later
// What the agent does to the guest's system: bring it up, load and unload modules, look around.
#pragma once

#include <dirent.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kobox::agent {

// Mounts /proc, /sys, /dev and the like, and loads the drivers that layout::k_driver_list names.
// What fails is said on the console; PID 1 goes on as far as it can.
void bring_up();

// finit_module(2) and delete_module(2); 0, or an errno.
int load_module(const std::string& path, const std::string& parameters);
int unload_module(const std::string& name);
// /sys/module/NAME/sections: ".text" → address.
std::map<std::string, unsigned long> module_sections(const std::string& name);

// What the kernel and its modules have registered, one line each, sorted: device nodes,
// character and block device regions, classes and their devices, bus drivers, loaded modules,
// /proc entries, I/O regions, slab caches. Two inventories around a module's life must be equal.
std::vector<std::string> inventory();
// What there is now and was not in that inventory.
std::vector<std::string> new_entries(const std::vector<std::string>& before);

// A file's text, "" if it cannot be read: of /proc and /sys, where files have no size. (Streams of
// the C++ library would have the emulator translate a hundred times the code.)
std::string read_text(const std::string& path);
void for_each_line(std::string_view text, const std::function<void(std::string)>& visit);

// Calls back with each entry of a directory but "." and "..".
void each_entry(const std::string& directory, const std::function<void(const dirent&)>& visit);
// Has it digits alone, as the name of a process has in /proc?
bool all_digits(const char* text);

// Writes a value into a file of /proc or /sys; 0, or an errno.
int write_setting(const std::string& path, const std::string& value);

// Mixes up to 64 random bytes into the kernel's random pool and makes its generators begin again
// (random(4)), so that two machines with the same memory go different ways. 0, or an errno.
int reseed(std::string_view seed);

[[noreturn]] void power_off();

}  // namespace kobox::agent
