// SPDX-License-Identifier: GPL-2.0-or-later
// walkthrough.toml as a value: what `kobox exercise` shows of a module, step by step
// (docs/kobox.toml.md).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "project/project.h"

namespace kobox {

// A test, and what its reader is told when it passes.
struct TestStep {
  TestSpec test;
  std::vector<std::string> show;
};

// A command that is traced instead.
struct TraceStep {
  std::string name;
  std::string run;                       // by the guest's /bin/sh -c, once the module is loaded
  std::vector<std::string> returns;      // functions of the module that are called and return
  std::vector<std::string> accesses;     // RE2 regexes; each matches a row of the trace (Way)
  std::vector<std::string> no_accesses;  // none of these does
};

// In the order in which they are shown; the traces come last.
struct Walkthrough {
  std::vector<TestStep> tests;
  std::vector<TraceStep> traces;
};

// Reads DIR/walkthrough.toml. `directory` is as the user gave it. ErrorKind::usage: there is none,
// or what is wrong with it, with line and column.
Result<Walkthrough> load_walkthrough(const std::filesystem::path& directory);

}  // namespace kobox
