// SPDX-License-Identifier: GPL-2.0-or-later
// The guest's modprobe: it asks the agent, the agent asks the host, and the host has what is wanted
// loaded, having put it into a small guest before.
//
// A request and its answer are one packet each, on a socket that has a name in the file system, so
// that a process in a network namespace of its own reaches it too.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "fd.h"

namespace kobox::agent {

inline constexpr const char* k_modprobe_socket = "/run/kobox-modprobe";

struct ModprobeRequest {
  std::string name;  // a module's, or an alias
  std::string parameters = {};
};

// What modprobe(8) takes, as far as it makes sense here.
struct ModprobeArguments {
  ModprobeRequest request;
  bool quiet = false;
  bool remove = false;
  std::string mistake = {};  // not "": what is wrong with the arguments
};
ModprobeArguments parse_modprobe(const std::vector<std::string>& arguments);

// The process: asks and waits, for wire::k_modprobe_seconds at most. Its exit status. What is not
// asked of the host here is done by the system's own modprobe, where there is one.
bool is_modprobe(const std::string& program);
int run_modprobe(const std::vector<std::string>& arguments);
// "" or why not.
std::string ask_modprobe(const char* socket, const ModprobeRequest& request);

// Makes this program the guest's modprobe: the kernel's, and that of whoever has the agent's PATH.
void become_modprobe();

// The agent's end.
class ModprobeRequests {
 public:
  // Takes the place of a socket that an agent before this one left. 0, or an errno: then every
  // modprobe fails.
  int listen(const char* path);
  // To be polled. Empty while nobody listens.
  std::vector<int> descriptors() const;
  // Takes what has come, without waiting.
  void take(const std::function<void(std::uint64_t, const ModprobeRequest&)>& on_request);
  // Lets that process end; one that has gone by itself is no error.
  void answer(std::uint64_t id, const std::string& error);

 private:
  static constexpr std::size_t k_most = 64;  // the kernel has up to 50 at once (kernel/kmod.c)
  struct Asking {
    std::uint64_t id;
    Fd socket;
    bool asked = false;
    std::chrono::steady_clock::time_point gone;  // by then it no longer waits
  };
  void accept();

  Fd listener_;
  std::list<Asking> asking_;
  std::uint64_t last_id_ = 0;
};

}  // namespace kobox::agent
