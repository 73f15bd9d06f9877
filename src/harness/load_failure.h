// SPDX-License-Identifier: GPL-2.0-or-later
// Why a module could not be loaded.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "guest/agent_client.h"
#include "kernel/kernel.h"
#include "module/build.h"
#include "verdict/verdict.h"

namespace kobox {

struct LoadFailure {
  Failure failure;
  int init_error = 0;  // errno that the module's own init returned; 0: it is another failure
};

// Nothing if the module is loaded, with all its parameters. `said`: what the kernel logged
// meanwhile; its own words tell a refusal from an error of the module's init
// (kernel/module/main.c, kernel/params.c).
std::optional<LoadFailure> load_failure(const AgentClient::KernelAnswer& answer,
                                        const BuiltModule& module, const Kernel& kernel,
                                        std::span<const std::string> said);

// Is it the errno by which a driver says that what it drives is not there?
bool means_no_device(int error);

}  // namespace kobox
