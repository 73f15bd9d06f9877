// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/surroundings.h"

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/text.h"
#include "guest/guest_files.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_limit = 20s;
// Linux looks here before it looks where a distribution has its own (fw_path in
// drivers/base/firmware_loader/main.c).
constexpr const char* k_firmware = "/lib/firmware/updates";
// A Debian has done it, and may have no ip. Flag 1 is IFF_UP.
constexpr const char* k_set_lo_up =
    "[ $(( $(cat /sys/class/net/lo/flags) & 1 )) = 1 ] || ip link set lo up";
constexpr std::array k_wire_ends = {"pair0", "pair1"};

bool takes(const Project& project, std::string_view netdev) {
  return std::ranges::any_of(project.devices, [&](const std::string& device) {
    const auto options = split(device, ',');
    return std::ranges::find(options, fmt::format("netdev={}", netdev)) != options.end();
  });
}

// A file by its name, what is in a directory by its path there.
Result<std::vector<TarFile>> firmware_files(const Project& project) {
  std::vector<TarFile> all;
  std::error_code ignored;
  for (const auto& path : project.firmware) {
    if (fs::is_directory(path, ignored)) {
      KOBOX_TRY(const auto files, files_below(fs::canonical(path, ignored), {"."}));
      all.insert(all.end(), files.begin(), files.end());
    } else {
      all.push_back({.relative = path.filename(), .origin = fs::canonical(path, ignored)});
    }
  }
  return all;
}

}  // namespace

void add_devices(GuestSpec& spec, const Project& project) {
  if (project.network == MachineNetwork::pair) {
    for (const auto* end : k_wire_ends) {
      spec.netdevs.push_back(fmt::format("hubport,id={},hubid=0", end));
      if (!takes(project, end))
        spec.devices.push_back(fmt::format("virtio-net-pci,netdev={},romfile=", end));
    }
  }
  spec.devices.insert(spec.devices.end(), project.devices.begin(), project.devices.end());
}

std::vector<std::string> network_drivers(const Project& project) {
  if (project.network != MachineNetwork::pair ||
      std::ranges::all_of(k_wire_ends, [&](auto* end) { return takes(project, end); }))
    return {};
  return {"virtio_net"};
}

Result<> install_surroundings(AgentClient& agent, const Project& project) {
  if (!project.firmware.empty()) {
    KOBOX_TRY(const auto files, firmware_files(project));
    KOBOX_CHECK(copy_in(agent, files, k_firmware, "root"));
  }
  if (project.network == MachineNetwork::none) return {};
  KOBOX_TRY(const auto reply, agent.run({.command = k_set_lo_up, .timeout = k_limit}));
  if (reply.status == 0 && !reply.timed_out) return {};
  return fail(ErrorKind::tool, "lo cannot be brought up in the guest: {}",
              printable(trim(reply.standard_error)));
}

}  // namespace kobox
