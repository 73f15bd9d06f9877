// SPDX-License-Identifier: GPL-2.0-or-later
// kobox-agent: PID 1 of the small guest, a service in a guest with a system of its own. As PID 1 it
// brings the guest up; then it opens the port to the host and does what the host asks
// (src/guest/wire.h). It is the guest's modprobe too. It never ends: PID 1 must not.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "agent.h"
#include "modprobe.h"
#include "system.h"

int main(int argc, char** argv) {
  using namespace kobox;
  if (argc > 0 && agent::is_modprobe(argv[0])) return agent::run_modprobe({argv + 1, argv + argc});
  ::clearenv();  // a service's has a locale, in which tools say other words
  ::setenv("PATH", "/kobox/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
  ::setenv("HOME", "/root", 1);
  ::setenv("USER", "root", 1);
  ::setenv("SHELL", "/bin/sh", 1);
  if (::getpid() == 1)
    agent::bring_up();
  else
    ::umask(022);
  agent::Agent(agent::open_port()).serve();
}
