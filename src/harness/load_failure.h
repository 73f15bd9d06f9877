// SPDX-License-Identifier: GPL-2.0-or-later
// Why a module could not be loaded.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "guest/agent_client.h"
#include "kernel/kernel.h"
#include "module/build.h"
#include "project/project.h"
#include "verdict/verdict.h"

namespace kobox {

// How the kernel was asked to load a module, and what came of it.
struct LoadAttempt {
  AgentClient::KernelAnswer answer;
  std::vector<std::string> said;  // what the kernel logged meanwhile
  Duration limit;                 // how long the kernel had
  bool is_loaded = false;         // asked after EEXIST: is a module of that name there?
  std::string origin = {};        // of init's error: "f() returned it, at m.c:12 in m_init"
};

struct LoadFailure {
  std::string module = {};
  Failure failure;
  int init_error = 0;  // errno that the module's own init returned; 0: it is another failure
  LoadAttempt attempt = {};
};

// An error that a module's init returned.
struct InitError {
  std::string module;
  LoadAttempt attempt;
  std::vector<BuiltModule> modules;  // all that were to be loaded, in load order
};

// Nothing if the module is loaded, with all its parameters. The kernel's own words tell a refusal
// from an error of the module's init (kernel/module/, kernel/params.c).
std::optional<LoadFailure> load_failure(const LoadAttempt& attempt, const BuiltModule& module,
                                        const Kernel& kernel);

// What a project makes of a load.
struct LoadOutcome {
  enum class Kind {
    loaded,
    refused,    // by the errno of init's that [module] expect_load says
    no_device,  // there is no kobox.toml to say what to expect of a driver without its device
    failed,
  };
  Kind kind = Kind::loaded;
  Failure failure = {};  // why not all are loaded; of `failed`, what the test's failure is
  std::optional<InitError> init_error = {};  // of `failed`, where it is that
};

// `failed`: the one of `modules`, in load order, that could not be loaded. An errno of init's is
// accepted from a module under test only, not from one that is loaded because another needs it.
LoadOutcome judge_load(std::optional<LoadFailure> failed, std::span<const BuiltModule> modules,
                       const Project& project);

// Is it the errno by which a driver says that what it drives is not there?
bool means_no_device(int error);

}  // namespace kobox
