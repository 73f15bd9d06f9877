// SPDX-License-Identifier: GPL-2.0-or-later
// Loads what a guest's kernel asks for by request_module(), and what soft dependencies name.
//
// The modules under test come first, by name and by alias: one of the kernel's that has the same
// name never takes their place. The kernel's own are loaded with what they depend on, and what they
// register is no leak of a module under test. The small guest gets them from the host; a disk guest
// has them, and a modprobe that loads them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "guest/guest.h"
#include "harness/prepare.h"

namespace kobox {

struct LoadedOnRequest {
  std::set<std::string> ours;       // modules under test
  std::vector<std::string> others;  // the kernel's, in the order of their loads
};

class ModuleServer {
 public:
  // Serves the guest's modprobe from now on. `parameters`: of the modules under test, all in one
  // line. `so_far`: of a machine that was saved. All references must outlive this.
  ModuleServer(Guest& guest, const Prepared& prepared, std::string parameters,
               LoadedOnRequest so_far);
  ModuleServer(const ModuleServer&) = delete;
  ModuleServer& operator=(const ModuleServer&) = delete;
  ~ModuleServer() { guest_.agent().serve_modprobe({}); }

  // Loads a module, by name or alias, within the time that a modprobe waits. "" if it is loaded or
  // built in; else a sentence that says why not. May be entered again while it waits for the guest.
  std::string bring(const std::string& name, const std::string& parameters = "");
  const LoadedOnRequest& loaded() const { return loaded_; }
  // What the guest asked for and nobody has, in that order, each once. A few at most.
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  struct Wanted {
    std::string name, parameters;
    Deadline deadline;
  };
  std::string serve(const AgentModprobe& asked);
  Result<> load_wanted(const Wanted& wanted);
  Result<bool> load_ours(const std::string& name, Deadline deadline);
  Result<> load_own_module(const BuiltModule& module, Deadline deadline);
  Result<> load_as_others(const std::vector<std::string>& names, const Wanted& wanted);
  Result<> load_one_of(const std::vector<std::string>& names, const Wanted& wanted);
  Result<> load_from_host(const std::string& name, const Wanted& wanted);
  Result<> load_from_disk(const Wanted& wanted);
  Result<> put_file(const DriverModule& file);
  bool is_loaded(const std::string& name);

  Guest& guest_;
  const Prepared& prepared_;
  std::string parameters_;
  LoadedOnRequest loaded_;
  std::vector<std::string> missing_;
  std::set<std::string> files_;  // of the kernel's, that are in the guest
  int others_loading_ = 0;
};

// Can the guest's requests be served? In a small guest only where the kernel's modules are known.
bool serves_modules(const Prepared& prepared);

}  // namespace kobox
