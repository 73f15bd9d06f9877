// SPDX-License-Identifier: GPL-2.0-or-later
// Everything a machine needs before it can start: kernel, module, programs, initramfs.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"
#include "image/disk_store.h"
#include "kernel/drivers.h"
#include "kernel/store.h"
#include "module/build.h"
#include "project/project.h"
#include "verdict/verdict.h"
#include "vm/accel.h"

namespace kobox {

// What all use cases share.
struct LabOptions {
  std::filesystem::path cache;
  std::filesystem::path state;
  std::optional<std::filesystem::path> headers;  // --headers
  Network network = Network::allowed;
  BuildIn build_in = BuildIn::automatic;
};

// What one directory of a test's `needs` builds, and before that what it needs itself.
struct TestNeed {
  std::filesystem::path directory;        // as TestSpec::needs has it
  std::vector<BuiltModule> modules = {};  // in load order
};

struct Prepared {
  Kernel kernel;
  // While these live, the kernel stays in the cache, and so does all that is named below.
  FileLock kernel_lock;
  FileLock cache_lock;
  std::filesystem::path initramfs = {};
  std::vector<BuiltModule> modules = {};  // in load order; none if the directory holds no module
                                          // (kobox shell)
  std::vector<TestNeed> test_needs = {};  // of all tests that are prepared
  bool built_now = false;                 // not taken from the cache
  std::vector<DriverModule> module_drivers = {};  // the kernel's own modules that ours depend on
  std::filesystem::path aliases = {};  // of the kernel's own modules (kernel/aliases.h); "": the
                                       // guest has a modprobe of its own
  std::vector<BuiltProgram> programs = {};
  std::optional<HeldDisk> disk = {};      // of a disk guest
  std::filesystem::path kept_layer = {};  // GuestDisk::kept_layer
};

// "a, b".
std::string module_names(const std::vector<BuiltModule>& modules);

// Fetches the kernel if need be.
Result<Kernel> resolve_kernel(const LabOptions& options, const std::string& selector,
                              Progress& progress);

// The kernels that are meant by what a user may write where several can be named, in that order
// (kernel/selector.h: "6.1 6.12-cloud", "all", ">=6.12"), each once. ErrorKind::usage if there are
// none. Where Debian's archive cannot be asked it is an error, or, with may_fail, the words stay as
// they are (resolve_kernel then says why, for each).
enum class LookUp { must_succeed, may_fail };
Result<std::vector<std::string>> expand_selectors(const LabOptions& options,
                                                  const std::vector<std::string>& selections,
                                                  Progress& progress,
                                                  LookUp look_up = LookUp::must_succeed);

// The project's module as build_module takes it, with half an hour from now for it. progress must
// outlive the request.
BuildRequest build_request(const LabOptions& options, const Project& project, Progress& progress);

// Is there something to build in the project's source directory?
bool holds_module(const Project& project);

// Is the module built in the disk guest, and not on the host?
bool builds_in_guest(const Project& project);

// Builds the module, if the directory holds one, and the programs, makes the initramfs. A source
// that does not build is a Failure, not an Error. `tests`: whose programs are wanted. `accel`: of
// the guest that builds it, where one does.
using PrepareOutcome = std::variant<Prepared, Failure>;
Result<PrepareOutcome> prepare(const LabOptions& options, const Project& project,
                               const std::vector<TestSpec>& tests, const Kernel& kernel,
                               const std::string& progress_key, Progress& progress,
                               AccelChoice accel = AccelChoice::automatic);

// The same without a module: what a machine needs in which the user will build one.
Result<Prepared> prepare_bare(const LabOptions& options, const Project& project,
                              const Kernel& kernel, Progress& progress);

// Makes what prepare() would otherwise need the network for besides the kernel: the build root or
// the disk guest's image. For the sake of machines that have the same cache and no network.
Result<> ensure_root_or_disk(const LabOptions& options, const Project& project,
                             const Kernel& kernel, Progress& progress);

// A build's failure in the terms of the report.
Failure build_failure(const BuildFailure& failure, const std::filesystem::path& source);

}  // namespace kobox
