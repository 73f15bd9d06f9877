// SPDX-License-Identifier: GPL-2.0-or-later
// One module directory's place in the cache for one kernel, and what the last good build left
// there.
//
//   builds/<digest of directory, kernel and site>/
//     src/               the private copy, where make runs
//     sources            what was copied (sync_sources)
//     out/IDENTITY/X.ko  the modules as they were built: make writes again into src/, these never
//                        change, so that a running test keeps its module while another kobox builds
//     make.log           make's whole output of the last build, failed ones too
//     build.json         of which key the last good build was, and its modules
//     lock
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

struct BuildPlace {
  std::filesystem::path directory;

  // `source` need not be canonical; `cache` is kobox's cache directory; `site` is where make runs:
  // a build root's name, or "" for the host.
  static BuildPlace of(const std::filesystem::path& cache, const std::filesystem::path& source,
                       const Kernel& kernel, std::string_view site = "");

  std::filesystem::path copy() const { return directory / "src"; }
  std::filesystem::path manifest() const { return directory / "sources"; }
  std::filesystem::path out() const { return directory / "out"; }
  std::filesystem::path log() const { return directory / "make.log"; }
  std::filesystem::path record() const { return directory / "build.json"; }
  std::filesystem::path lock() const { return directory / "lock"; }
};

struct RecordedModule {
  std::string name;          // with underscores
  std::filesystem::path ko;  // in out/
  std::string identity;      // digest of its bytes
};

// The kernel's name of the module in a .ko file: "qemu_exercise" for qemu-exercise.ko.
std::string module_name_of(const std::filesystem::path& ko);

// The modules of the last good build if that was of this key and they are all still there,
// unchanged. Whatever is wrong with the record, the answer is nothing: the module is built again.
std::optional<std::vector<RecordedModule>> read_build_record(const BuildPlace& place,
                                                             std::string_view key);

// After a good make: takes the modules that kbuild lists in modules.order into out/ and writes
// the record. `built_at`: the path that the build knew the copy by. Modules of builds older than a
// day go away. Empty if kbuild built none.
Result<std::vector<RecordedModule>> write_build_record(const BuildPlace& place,
                                                       std::string_view key,
                                                       const std::filesystem::path& source,
                                                       const Kernel& kernel,
                                                       const std::filesystem::path& built_at);

}  // namespace kobox
