// SPDX-License-Identifier: GPL-2.0-or-later
// A command in namespaces of its own, made by bubblewrap: it sees a file system that is put
// together for it, its own processes, and no network. A module's Makefile is not trusted.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/child.h"
#include "base/result.h"

namespace kobox {

struct Sandbox {
  struct Step {
    enum class Kind {
      show,     // `from`, a path of the host, is seen at `at`, read-only
      lend,     // the same, writable
      scratch,  // an empty directory, writable, gone afterwards
      link,     // a symbolic link to `from`
    };
    Kind kind = Kind::show;
    std::filesystem::path from;
    // Must be there already if what it lies in is read-only.
    std::filesystem::path at;
  };
  std::vector<Step> steps = {};           // in this order; /dev, /proc and /tmp come before
  std::filesystem::path directory = "/";  // where the command starts
  std::vector<std::pair<std::string, std::string>> environment = {};  // all of it
};

// The command line that runs `words` in the sandbox as its root user, without any capability. Ends
// with kobox, and all that it has started with it.
CommandLine in_sandbox(const Sandbox& sandbox, const std::vector<std::string>& words);

// Tries it once for this process. ErrorKind::environment says what keeps sandboxes from working
// here and what can be done about it.
Result<> sandbox_works();

}  // namespace kobox
