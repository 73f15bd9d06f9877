// SPDX-License-Identifier: GPL-2.0-or-later
// Booted machines, kept in the cache: what every test's machine is a fork of.
//
// A template is made once for a kernel, initramfs, memory size, number of CPUs, accelerator and
// QEMU, by their contents, and used by every later run for as long as they are the same. It is
// complete or absent: it is made in a directory of another name and renamed when all of it is
// there.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "guest/snapshot.h"

namespace kobox {

struct Template {
  GuestSnapshot snapshot;
  AccelDecision decision;
  fs::path directory;
  bool fresh = false;  // made just now
  FileLock in_use;     // while this lives, nobody prunes it
};

using TemplateOutcome = std::variant<std::shared_ptr<const Template>, BootFailure>;

// The template for a guest, booted and saved if there is no usable one: then
// `notice` is told why. `spec.directory` gets the console log of that boot. Two processes that want
// the same one make it once. Errors: as boot_guest; environment when it cannot be saved (no space).
Result<TemplateOutcome> ensure_template(EventLoop& loop, const GuestSpec& spec, AccelChoice choice,
                                        const fs::path& cache,
                                        const std::function<void(const std::string&)>& notice);

// A fork of it did not resume: the next use reads all of it before it is believed.
void require_check(const Template& one);

// What lies in <cache>/templates: complete templates, and what somebody who was killed left of
// one in the making.
fs::path template_directory(const fs::path& cache);
// Takes a template away at once; who has it open keeps it.
Result<> remove_template(const fs::path& directory);
// The same, unless somebody uses it: who was about to finds it gone.
Result<> remove_unused_template(const fs::path& directory);

// One that lies there, or what is left of one in the making.
struct SavedMachine {
  fs::path directory;
  std::uint64_t bytes = 0;  // on disk
  std::chrono::system_clock::time_point last_used;
  bool in_use = false;
};
// The longest unused first.
std::vector<SavedMachine> list_templates(const fs::path& cache);
// Removes the longest unused that nobody uses, until all have `max_bytes` together; gives those.
Result<std::vector<SavedMachine>> trim_templates(const fs::path& cache, std::uint64_t max_bytes);

}  // namespace kobox
