// SPDX-License-Identifier: GPL-2.0-or-later
// The verbs of `kobox kernel` that have files of their own.
#pragma once

#include "cli/command.h"

namespace kobox {

void add_kernel_add_command(CLI::App& kernel, Action& action);
void add_kernel_config_command(CLI::App& kernel, Action& action);

}  // namespace kobox
