// SPDX-License-Identifier: GPL-2.0-or-later
// A line of QEMU's monitor.
#include "fuzz_target.h"
#include "vm/qmp.h"

using namespace kobox;

FUZZ_TARGET(input) {
  const auto message = parse_qmp(input);
  if (!message) {
    REQUIRE(message.error().kind() == ErrorKind::protocol);
    REQUIRE(message.error().message().size() < 2000);
  } else if (const auto* event = std::get_if<QmpEvent>(&*message)) {
    REQUIRE(!event->name.empty() && event->data.is_object());
    (void)event->text("reason");
  }
}
