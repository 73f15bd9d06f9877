// SPDX-License-Identifier: GPL-2.0-or-later
// Who uses a module, so that it cannot be unloaded.
//
// The kernel counts references and does not say whose they are. So this looks for what can hold
// one: other modules, mounts, swap space, and processes that have a device, a file or a socket of
// the module's open. What is the module's follows from what has been registered since a mark, and
// from sysfs. Of several modules that were loaded since the mark, it is not known which of them a
// device belongs to.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace kobox::agent {

// What a module has registered.
struct Belongings {
  std::string module;
  std::set<unsigned> character_majors, block_majors;
  std::set<dev_t> character_devices, block_devices;
  std::set<std::string> files;         // in /proc and debugfs
  std::set<std::string> file_systems;  // types
  std::set<std::string> protocols;     // of sockets, as /proc/net/protocols calls them

  bool has_device(mode_t mode, dev_t number) const;
};

// `fresh`: what has been registered since before the module was loaded (see new_entries()).
Belongings belongings(const std::string& module, const std::vector<std::string>& fresh);

// Sentences about users, such as "process 87 (sleep 1000) has opened /dev/x". Each is kept once and
// no more than a bounded number of them.
class Users {
 public:
  void add(const std::string& sentence);
  bool full() const { return sentences_.size() >= k_most; }
  const std::vector<std::string>& sentences() const { return sentences_; }

 private:
  static constexpr std::size_t k_most = 32;
  std::vector<std::string> sentences_;
};

// From the text of /proc/net/protocols: the module's protocols; those with sockets are users.
void add_protocols(Belongings& of, const std::string& text, Users& users);
// From the text of /proc/mounts.
void add_mounts(const Belongings& of, const std::string& text, Users& users);
// One process: its open files and what it has mapped. `directory`: "/proc/PID".
void add_process(const Belongings& of, const std::string& directory, Users& users);

// All of it, as the host gets it: a line with the reference count, then a line for each user. Looks
// into files of the module's own, and so may hang or oops: not for PID 1's own process.
std::string users_of(const std::string& module, const std::vector<std::string>& fresh);

}  // namespace kobox::agent
