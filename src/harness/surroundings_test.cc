// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/surroundings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

GuestSpec machine_of(const Project& project) {
  GuestSpec spec;
  add_devices(spec, project);
  return spec;
}

TEST(SurroundingsTest, AMachineHasNoNetworkCardByDefault) {
  for (const auto network : {MachineNetwork::none, MachineNetwork::loopback}) {
    const auto spec = machine_of({.network = network});
    EXPECT_THAT(spec.netdevs, IsEmpty());
    EXPECT_THAT(spec.devices, IsEmpty());
  }
}

TEST(SurroundingsTest, APairIsTwoCardsThatAreJoined) {
  const Project project{.network = MachineNetwork::pair};
  const auto spec = machine_of(project);
  EXPECT_THAT(spec.netdevs, ElementsAre("hubport,id=pair0,hubid=0", "hubport,id=pair1,hubid=0"));
  EXPECT_THAT(spec.devices, ElementsAre("virtio-net-pci,netdev=pair0,romfile=",
                                        "virtio-net-pci,netdev=pair1,romfile="));
  EXPECT_THAT(network_drivers(project), ElementsAre("virtio_net"));
}

TEST(SurroundingsTest, ADeviceOfTheProjectsTakesAnEnd) {
  Project project{.devices = {"e1000,netdev=pair1"}, .network = MachineNetwork::pair};
  EXPECT_THAT(machine_of(project).devices,
              ElementsAre("virtio-net-pci,netdev=pair0,romfile=", "e1000,netdev=pair1"));
  EXPECT_THAT(network_drivers(project), ElementsAre("virtio_net"));
  project.devices.emplace_back("e1000,netdev=pair0");
  EXPECT_EQ(machine_of(project).devices, project.devices);
  EXPECT_THAT(network_drivers(project), IsEmpty());
}

}  // namespace
}  // namespace kobox
