// SPDX-License-Identifier: GPL-2.0-or-later
// One machine for one test: a fork of a saved one, or booted for it.
//
// A test is: note what the kernel has registered, load the module, run the command, let late
// errors show, unload, compare what is registered; then read everything the kernel said.
// Everything up to the load can be done once and saved, for forks that begin there. Several modules
// are loaded in their order and unloaded in the opposite one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "guest/guest.h"
#include "guest/snapshot.h"
#include "harness/load_failure.h"
#include "harness/module_server.h"
#include "harness/prepare.h"
#include "module/blame.h"
#include "project/project.h"
#include "verdict/kernel_report.h"
#include "verdict/verdict.h"

namespace kobox {

// What is known of a guest once the modules' files are in it, its agent has marked the inventory
// and the modules are loaded.
struct LoadedModules {
  std::size_t log_mark = 0;           // where in the kernel's log the load begins
  std::size_t console_mark = 0;       // and in the console's text
  std::set<std::string> stored = {};  // programs in layout::k_program_store
  LoadedOnRequest on_request = {};
};

// A saved machine with the modules loaded.
struct LoadedSnapshot {
  GuestSnapshot snapshot;
  LoadedModules loaded;
};

class Session {
 public:
  struct Options {
    AccelChoice accel = AccelChoice::automatic;
    std::filesystem::path cache;
    std::filesystem::path state;
    std::filesystem::path directory;  // private directory of this machine: console.log
    std::optional<Duration> timeout;  // --timeout: instead of the tests' own limits
    TcgThreads tcg_threads = TcgThreads::each_cpu;
    std::optional<Tracing> tracing = {};
    std::filesystem::path collected =
        {};  // what tests collect goes into directories of theirs here
  };

  // A machine of its own, booted to its agent and resumed (see resume()); one that does not get
  // there is a Failure, not an Error.
  static Result<std::variant<std::unique_ptr<Session>, Failure>> boot(EventLoop& loop,
                                                                      const Project& project,
                                                                      const Prepared& prepared,
                                                                      const Options& options,
                                                                      Duration limit);
  // A fork, ready to run and stopped. Any Error but interrupted means that it is of no use
  // and that a boot may help.
  static Result<std::unique_ptr<Session>> fork(EventLoop& loop, const Project& project,
                                               const Prepared& prepared, const Options& options,
                                               const GuestSnapshot& snapshot,
                                               const AccelDecision& decision,
                                               GuestMemory kind = GuestMemory::ordinary);
  static Result<std::unique_ptr<Session>> fork(EventLoop& loop, const Project& project,
                                               const Prepared& prepared, const Options& options,
                                               const LoadedSnapshot& snapshot,
                                               const AccelDecision& decision);

  const AccelDecision& decision() const { return decision_; }
  Guest& guest() { return *guest_; }

  // How far a test came before its failure.
  enum class Stage {
    preparing,  // waking, the module's files, the inventory
    loading,    // what happens here is the whole run's matter, not the test's
    testing,
  };
  struct Outcome {
    TestResult result;
    Stage stage = Stage::preparing;
    std::optional<InitError> init_error = {};  // where that is the failure
  };
  // Runs a test to its verdict, in a machine that runs. `on_settling` is called once the
  // command is over and the machine is only watched. Errors: only interrupted, internal. Whatever
  // the guest does is an Outcome.
  Result<Outcome> run(const TestSpec& test, const std::function<void()>& on_settling);

  // Instead of a test: brings a saveable machine that runs to where tests begin, and saves it
  // there, with all programs that are prepared; a test still finds only its own.
  Result<std::variant<LoadedSnapshot, Outcome>> save_loaded();

  // Lets a fork run; sets the time of day, fresh random numbers, and the kernel's watchdogs so
  // that they speak up well within `limit`.
  Result<> resume(Duration limit);

  // The parts, for those who use the machine by hand.
  // Copies the modules and their firmware into the guest, sets its network up, and has the kernel's
  // modules that they need loaded. `test`: whose modules are meant (harness/test_modules.h).
  Result<> install_files(const TestSpec* test = nullptr);
  // Copies the programs of these sources (TestSpec::programs) into the guest.
  Result<> install_programs(const std::vector<std::string>& sources);
  // Loads modules in this order, until one cannot be, and judges that by what the project expects.
  Result<LoadOutcome> load_modules(std::span<const BuiltModule> modules);

 private:
  struct Trial;  // one test's way through the machine
  Result<std::optional<LoadFailure>> load_module(const BuiltModule& module);
  void bring_soft(const std::vector<std::string>& names);
  Result<> displace_twins();
  bool is_loaded(const std::string& module);
  std::string missing_modules() const;
  Result<> rescan_devices();
  Result<> settle_udev();
  Result<> bring_in(const TestSpec& test);
  Result<> bring_out(const TestSpec& test, Trial& trial);
  Session(const Project& project, const Prepared& prepared, Options options)
      : project_(project), prepared_(prepared), options_(std::move(options)) {}

  Result<> attempt(const TestSpec& test, Trial& trial, const std::function<void()>& on_settling);
  Result<> run_command(const TestSpec& test, Trial& trial,
                       const std::function<void()>& on_settling);
  Result<> reach_loaded(Trial& trial);
  bool attach_debugger(Trial& trial);
  Result<> end_debugger(const Result<>& attempted, Trial& trial);
  Result<> load_for_test(Trial& trial);
  std::vector<std::string> unload_order(const Trial& trial) const;
  Result<> unload_and_compare(Trial& trial);
  Result<bool> unload(const std::string& module, Trial& trial);
  Result<> add_users(const std::string& module, Failure& leak);
  Result<> unload_what_was_asked_for();
  Result<bool> still_busy(const std::string& module, AgentClient::KernelAnswer& answer);
  // Has the kernel reported something so long ago that waiting for the command is pointless?
  bool report_was_seen(Trial& trial);
  Result<> await_whole_report(Trial& trial);
  Result<> await_last_output(const Trial& trial);
  // What the kernel itself reported in its log from a record on.
  std::optional<KernelReport> most_telling_in_log(std::size_t from) const;
  std::string log_gap(const Trial& trial) const;
  std::optional<Failure> kernel_failure(Trial& trial, bool machine_is_gone);
  Failure machine_failure(const Error& error, Stage stage);
  Result<> store_programs();
  Result<> take_error(const Result<>& attempted, Trial& trial);
  Outcome conclude(Trial& trial);

  const Project& project_;
  const Prepared& prepared_;
  Options options_;
  std::unique_ptr<Guest> guest_;
  AccelDecision decision_;
  bool is_fork_ = false;
  std::set<std::string> installed_;  // programs
  std::optional<LoadedModules> loaded_;
  std::unique_ptr<ModuleServer> server_;  // from resume() on
};

// How long a test's command may take. `timeout`: --timeout.
Duration limit_of(const TestSpec& test, const Project& project, std::optional<Duration> timeout);
// The machine that a project's tests on a kernel want.
GuestSpec guest_spec(const Project& project, const Prepared& prepared,
                     const std::filesystem::path& directory);
// In the terms of the report.
Failure to_failure(const BootFailure& failed);

// The path of the module in the guest.
std::string guest_module_path(const BuiltModule& module);

}  // namespace kobox
