// SPDX-License-Identifier: GPL-2.0-or-later
// `kobox shell`: a machine to work in by hand, with the module in it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/progress.h"
#include "harness/machines.h"
#include "harness/prepare.h"
#include "harness/run_directory.h"
#include "harness/session.h"
#include "image/disk_recipe.h"
#include "image/kept_disk.h"

namespace kobox {

struct ShellOptions {
  LabOptions lab;
  Project project;
  std::string selector;
  AccelChoice accel = AccelChoice::automatic;
  bool keep = false;
  // For debugging the module's files are in the guest, and that is all: it is not loaded.
  Machines::Use use = Machines::Use::tests;
  std::optional<Tracing> tracing = {};  // for Use::tracing
  // Of a disk guest: nothing is built or loaded, and the sources are in the home directory.
  bool bare = false;
  std::string user = k_disk_user;          // whose home that is, "root" or k_disk_user
  std::string persist = {};                // under which name changes are kept; "": not at all
  std::vector<std::filesystem::path> put;  // files and directories for the home directory
};

// Owns all that the shell's machine needs, in the order in which it must go away.
class ShellMachine {
 public:
  // Prepares, resumes a fork of the saved machine, and loads the module where the project says so.
  // A module that does not build or load, or a machine that does not boot, is a Failure. One whose
  // init refuses as expect_load says, or finds no device where there is no kobox.toml, is a note.
  static Result<std::variant<std::unique_ptr<ShellMachine>, Failure>> open(
      const ShellOptions& options, Progress& progress);

  ShellMachine(const ShellMachine&) = delete;
  ShellMachine& operator=(const ShellMachine&) = delete;
  ~ShellMachine();  // shuts a guest down whose disk is kept

  EventLoop& loop() { return loop_; }
  Guest& guest() { return session_->guest(); }
  AgentClient& agent() { return session_->guest().agent(); }
  Machine& machine() { return session_->guest().machine(); }
  const Prepared& prepared() const { return prepared_; }
  const AccelDecision& decision() const { return session_->decision(); }
  // Of a bare one: the user's home, and the directory in it that the sources are in.
  const std::string& home() const { return home_; }
  const std::string& work_directory() const { return work_directory_; }
  // Shuts the guest down in good order. ErrorKind::timeout if it takes more than a minute.
  Result<> power_off();

 private:
  ShellMachine(Project project, Prepared prepared, RunDirectory directory)
      : project_(std::move(project)),
        prepared_(std::move(prepared)),
        directory_(std::move(directory)) {}
  Result<std::optional<Failure>> get_machine(const ShellOptions& options, Progress& progress);
  Result<> fill_home(const ShellOptions& options);
  Result<std::optional<Failure>> load_modules(Machines::Use use, Progress& progress);

  Project project_;
  Prepared prepared_;
  RunDirectory directory_;
  std::optional<KeptDisk> kept_;
  std::string home_ = "/root";
  std::string work_directory_ = "/root";
  std::optional<Machines> machines_;
  EventLoop loop_;
  std::unique_ptr<Session> session_;
};

}  // namespace kobox
