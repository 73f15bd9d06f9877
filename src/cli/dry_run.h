// SPDX-License-Identifier: GPL-2.0-or-later
// --dry-run: the exact command lines that would be run, and nothing else.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"
#include "harness/prepare.h"
#include "project/project.h"
#include "vm/accel.h"

namespace kobox {

// For each kernel the make and the QEMU command line. Nothing is fetched: a kernel that is not
// there is an error. With AccelChoice::automatic the line is the one for TCG, or for KVM where an
// earlier run found that it works.
Result<> print_dry_run(LabOptions lab, const Project& project,
                       const std::vector<std::string>& selectors, AccelChoice accel,
                       StatusLine& status);

}  // namespace kobox
