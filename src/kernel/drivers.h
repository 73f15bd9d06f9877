// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel's own modules: which files are needed to have a driver, in load order.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

struct DriverModule {
  std::string name;            // "virtio_pci", with underscores
  std::filesystem::path path;  // .ko, .ko.xz, .ko.zst or .ko.gz
};

// The modules to load, dependencies first, so that every wanted driver is there. Debian ships no
// modules.dep: each module's own `depends` is read. A wanted driver that is built into the kernel
// (modules.builtin) needs no file and is left out. One that is neither there nor listed as built
// in is an ErrorKind::environment or taken for built in, as `missing` says; a dependency that is
// neither is always an error.
enum class Missing { is_error, is_builtin };
Result<std::vector<DriverModule>> modules_for(const Kernel& kernel,
                                              const std::vector<std::string>& wanted,
                                              Missing missing);

// The kernel's module files by their names: below the kernel/ of a lib/modules/RELEASE, or of a
// kernel tree those that modules.order names and that are there. Empty if no directory is known.
Result<std::map<std::string, std::filesystem::path>> modules_of(const Kernel& kernel);

// The "name=value" strings of a module file's .modinfo.
Result<std::vector<std::string>> modinfo_strings(const std::filesystem::path& path);

// The module's bytes as init_module(2) takes them, decompressed.
Result<std::string> read_module(const std::filesystem::path& path);

}  // namespace kobox
