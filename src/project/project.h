// SPDX-License-Identifier: GPL-2.0-or-later
// kobox.toml as a value: what to test, on which kernels, within which limits (docs/kobox.toml.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "image/guest_disk.h"
#include "module/build_method.h"

namespace kobox {

struct TextMatcher {
  enum class Kind { exact, contains, matches };
  Kind kind = Kind::exact;
  std::string text;  // `matches`: RE2 regex, searched for, checked when the file is read
};

struct BreakpointSpec {
  std::string at;                                           // function or file:line
  std::string hits;                                         // "", "1", ">=1"
  std::vector<std::pair<std::string, std::string>> expect;  // GDB expression, what GDB prints
  std::vector<std::string> backtrace;                       // functions, in this order
  std::vector<std::string> step;  // functions and file:line that stepping passes, in this order
};

enum class GuestKind {
  initramfs,  // the small guest
  disk,       // a Debian disk
};
const char* to_string(GuestKind kind);
Result<GuestKind> parse_guest(const std::string& text);

enum class MachineNetwork {
  none,      // no network card
  loopback,  // the same, and lo is up
  pair,      // lo is up, and there are two cards with a wire between them
};
Result<MachineNetwork> parse_machine_network(const std::string& text);

enum class BuildWhere {
  host,   // or in a build root of it
  guest,  // in the disk guest
};
struct BuildChoice {
  BuildWhere where = BuildWhere::host;
  BuildMethod method = BuildMethod::automatic;
};
// "auto", also called "host", "kbuild", "make", "dkms", "guest".
Result<BuildChoice> parse_build(const std::string& text);

struct TestSpec {
  std::string name;
  std::string run;  // by the guest's /bin/sh -c, as root; "" only in a test that just loads
  std::vector<std::string> modules = {};  // loaded with those that they depend on; empty: all
  int status = 0;
  std::optional<TextMatcher> standard_output;
  std::optional<TextMatcher> standard_error;
  std::vector<TextMatcher> kernel_log;     // in this order; a plain string means `contains`
  std::vector<TextMatcher> no_kernel_log;  // a plain string means `contains`
  std::optional<Duration> timeout;         // else limits.test
  std::string kernels;                     // ">=6.1"; "" for all
  std::vector<std::string> programs;       // C files, normal paths below the project's directory
  std::vector<BreakpointSpec> breakpoints;
  std::optional<GuestKind> guest;                 // skipped in the other one
  std::vector<std::filesystem::path> needs = {};  // directories of other modules; absolute
  std::vector<std::string> files;    // normal paths below the project's directory, taken in
  std::vector<std::string> collect;  // absolute paths in the guest, brought out
};

struct Project {
  std::filesystem::path directory;        // absolute
  std::filesystem::path source;           // absolute; holds the Kbuild or Makefile
  std::vector<std::string> modules = {};  // by name, in load order; empty: all that are built
  std::string module_params;
  bool load = true;
  int expect_load = 0;  // errno that init is expected to return; 0: none
  std::vector<std::string> kernels_use = {"6.1-cloud"};
  std::vector<std::string> kernels_matrix;  // empty: same as use
  Duration boot_limit = std::chrono::seconds(60);
  Duration test_limit = std::chrono::seconds(10);
  std::uint64_t memory = std::uint64_t{256} << 20;  // bytes
  int cpus = 1;
  std::vector<std::string> devices = {};  // [machine]: further ones, as QEMU's -device takes them
  MachineNetwork network = MachineNetwork::none;
  GuestKind guest = GuestKind::initramfs;
  BuildWhere build = BuildWhere::host;
  BuildMethod method = BuildMethod::automatic;
  std::vector<std::string> make = {};                // arguments for make
  std::optional<std::filesystem::path> root = {};    // what is taken along for the build; absolute
  std::vector<std::filesystem::path> needs = {};     // directories of other modules; absolute
  std::vector<std::filesystem::path> firmware = {};  // files and directories; absolute
  std::string image = {};                            // the disk guest's; "": the one for the kernel
  BootFrom boot = BootFrom::kernel;
  std::vector<TestSpec> tests;
  bool has_file = false;    // there was a kobox.toml
  std::string digest = {};  // of its bytes; "" if there was none
};

// What the module is called before it is built: by kobox.toml, else as its directory.
std::string name_of(const Project& project);

// The machine's memory and its limit for the boot: a disk guest needs more of both than the small
// guest, for which the values of kobox.toml and their defaults are meant.
std::uint64_t machine_memory(const Project& project);
Duration machine_boot_limit(const Project& project);

// Reads DIR/kobox.toml; without one, a project whose only test loads and unloads the module
// (TestSpec "loads and unloads", empty run). A file without a [[test]] gives no tests; the caller
// judges that. ErrorKind::usage names file (as `directory` was given), line and column, and what
// was expected: unknown key (with the nearest known one), wrong type, impossible value, bad regex,
// two tests of one name, a missing directory or program; also a directory or file that cannot be
// read.
Result<Project> load_project(const std::filesystem::path& directory);

}  // namespace kobox
