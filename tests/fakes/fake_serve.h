// SPDX-License-Identifier: GPL-2.0-or-later
// The fake QEMU's step "serve": a monitor and an agent that answer whatever they are asked.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kobox::testing {

// Descriptors that QEMU inherits (vm/machine.h).
inline constexpr int k_monitor = 3, k_agent = 4, k_console = 5;

void write_all(int fd, std::string_view bytes);
// What the monitor's peer sends next; "" at its end. A descriptor that comes along is put into
// `fd`.
std::string read_monitor(int& fd);

// What is done at one of the agent's operations, or at a command of the monitor's: a verb of
// fake_qemu.cc or of fake_serve.cc, and the rest of its line.
struct Reaction {
  std::string verb;
  std::string rest;
};
// By key: "run", "load", "qmp.migrate"; "run:WORD" for commands that contain WORD, "put:WORD" and
// "load:WORD" for such paths, "unload:WORD" for such names.
using Reactions = std::map<std::string, std::vector<Reaction>>;
// Any verb of fake_qemu.cc.
using Step = void (*)(const std::string& verb, const std::string& rest);

// Until the machine is told to end.
[[noreturn]] void serve(const Reactions& reactions, Step step);

}  // namespace kobox::testing
