// SPDX-License-Identifier: GPL-2.0-or-later
// Where kobox's own things are in a guest. The agent includes this too.
#pragma once

namespace kobox::layout {

inline constexpr const char* k_driver_list = "/kobox/drivers";  // one path a line, in load order
inline constexpr const char* k_program_directory = "/kobox/bin";
// Programs that are there and that no test may find yet.
inline constexpr const char* k_program_store = "/kobox/programs";
inline constexpr const char* k_module_directory = "/kobox/module";

// The agent by another name, before all others in PATH, and what Debian's kmod installs.
inline constexpr const char* k_modprobe = "/kobox/bin/modprobe";
inline constexpr const char* k_system_modprobe = "/usr/sbin/modprobe";

}  // namespace kobox::layout
