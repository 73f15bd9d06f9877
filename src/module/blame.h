// SPDX-License-Identifier: GPL-2.0-or-later
// From what a kernel printed to a Failure that names the module's own line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "module/build.h"
#include "module/decode.h"
#include "verdict/kernel_report.h"
#include "verdict/verdict.h"

namespace kobox {

// The text of a line, 1-based, without the blanks around it; "" if there is no such line.
std::string source_line(const std::filesystem::path& file, int line);

// Finds function, file and line of the innermost frame of these modules by their own DWARF.
class Blame {
 public:
  // A module without DWARF, or one that cannot be read, only leaves its places unknown.
  explicit Blame(std::vector<BuiltModule> modules);

  // The report's lines in `log` have file and line behind each place in a module.
  Failure from_report(const KernelReport& report) const;

 private:
  // The kernel prints __FILE__ with the path of the private copy; the user knows the file's name.
  std::string as_user_knows_it(std::string text) const;

  std::vector<BuiltModule> modules_;
  Decoder::Lines lines_;  // without those whose .ko cannot be read
};

}  // namespace kobox
