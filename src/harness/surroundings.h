// SPDX-License-Identifier: GPL-2.0-or-later
// What a module finds around it in its machine, as kobox.toml has it: firmware, a network.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "guest/agent_client.h"
#include "guest/guest.h"
#include "project/project.h"

namespace kobox {

// The cards of [machine] network and what joins them, then [machine] devices. A card for each end
// of the wire that no device of the project's takes (",netdev=pair0").
void add_devices(GuestSpec& spec, const Project& project);

// The kernel's modules that the network needs.
std::vector<std::string> network_drivers(const Project& project);

// Before a module is loaded: puts the firmware where request_firmware() looks for it, and brings
// lo up. Errors: usage (firmware that cannot be read), and AgentClient's.
Result<> install_surroundings(AgentClient& agent, const Project& project);

}  // namespace kobox
