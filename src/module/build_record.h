// SPDX-License-Identifier: GPL-2.0-or-later
// One module directory's place in the cache for one kernel, and what the last good build left
// there.
//
//   builds/<digest of directory, kernel and site>/
//     src/               the private copy, where make runs, or in a directory below it
//     sources            what was copied (sync_sources)
//     out/IDENTITY/Module.symvers  what they export
//     out/IDENTITY/X.ko  the modules as they were built: make writes again into src/, these never
//                        change, so that a running test keeps its module while another kobox builds
//     make.log           make's whole output of the last build, failed ones too
//     build.json         of which key the last build was, its modules, or that there are none
//     dkms/              dkms' tree, where dkms builds
//     lock
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/build_root.h"
#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

struct BuildPlace {
  std::filesystem::path directory;
  std::filesystem::path inside = {};  // the module's directory below the copy; "" if that is it
  std::filesystem::path in_root = k_root_module;  // where the copy is in a build root

  // `source` need not be canonical; `cache` is kobox's cache directory; `how` tells apart what is
  // built of it for one kernel in several ways: by its Makefile, in a build root.
  static BuildPlace of(const std::filesystem::path& cache, const std::filesystem::path& source,
                       const Kernel& kernel, std::string_view how = "");

  std::filesystem::path copy() const { return directory / "src"; }
  std::filesystem::path sources() const { return inside.empty() ? copy() : copy() / inside; }
  std::filesystem::path dkms() const { return directory / "dkms"; }
  std::filesystem::path manifest() const { return directory / "sources"; }
  std::filesystem::path out() const { return directory / "out"; }
  std::filesystem::path log() const { return directory / "make.log"; }
  std::filesystem::path record() const { return directory / "build.json"; }
  std::filesystem::path lock() const { return directory / "lock"; }

  // Whether a directory of copy() or dkms() is still there itself. A build may have put a link to
  // any directory of the host's in its place or in that of one above it.
  bool holds(const std::filesystem::path& built) const;
};

struct RecordedModule {
  std::string name;          // with underscores
  std::filesystem::path ko;  // in out/
  std::string identity;      // digest of its bytes
};

// The kernel's name of the module in a .ko file: "qemu_exercise" for qemu-exercise.ko.
std::string module_name_of(const std::filesystem::path& ko);

struct BuildRecord {
  std::vector<RecordedModule> modules;  // empty if the build failed or built none
  std::filesystem::path built_at;       // the module's directory, as the build knew it
  std::filesystem::path symbols = {};   // what the modules export, in out/; "" if nothing
};

// What became of the last build if that was of this key and its modules are all still there,
// unchanged. Whatever is wrong with the record, the answer is nothing: it is built again.
std::optional<BuildRecord> read_build_record(const BuildPlace& place, std::string_view key);

// After a good build: takes these .ko files into out/ and writes the record. Modules of builds
// older than a day go away. `kos`: see modules_in_order and modules_below. `symbols`: the text of
// their Module.symvers.
Result<BuildRecord> write_build_record(const BuildPlace& place, std::string_view key,
                                       const std::filesystem::path& source, const Kernel& kernel,
                                       const std::vector<std::filesystem::path>& kos,
                                       const std::filesystem::path& built_at,
                                       std::string_view symbols = {});

// These look for files in a directory of the place's, and find none in one that it does not hold.
// The build wrote there, and may have written anything.

// The .ko files that kbuild lists in a directory's modules.order. `built_at`: that directory's path
// as the build knew it. A file outside of the directory is not taken for a module.
std::vector<std::filesystem::path> modules_in_order(const BuildPlace& place,
                                                    const std::filesystem::path& directory,
                                                    const std::filesystem::path& built_at);
// All regular files of a name below a directory, by their paths.
std::vector<std::filesystem::path> files_named(const BuildPlace& place,
                                               const std::filesystem::path& directory,
                                               std::string_view name);
// All .ko files below a directory, compressed ones too, by their paths.
std::vector<std::filesystem::path> all_module_files(const BuildPlace& place,
                                                    const std::filesystem::path& directory);
// The same, each module once.
std::vector<std::filesystem::path> modules_below(const BuildPlace& place,
                                                 const std::filesystem::path& directory);

}  // namespace kobox
