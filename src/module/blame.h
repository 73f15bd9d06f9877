// SPDX-License-Identifier: GPL-2.0-or-later
// From what a kernel printed to a Failure that names the module's own line.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "module/build.h"
#include "module/ko_file.h"
#include "verdict/kernel_report.h"
#include "verdict/verdict.h"

namespace kobox {

// Finds function, file and line of the module's innermost frame by the module's own DWARF.
class Blame {
 public:
  // A module without DWARF, or one that cannot be read, only leaves the places unknown.
  explicit Blame(const BuiltModule& module);

  // The report's lines in `log` have file and line behind each place in the module.
  Failure from_report(const KernelReport& report) const;
  // Sets failure.source to the text of failure.line in the user's directory.
  void quote_source(Failure& failure) const;

 private:
  // The kernel prints __FILE__ with the path of the private copy; the user knows the file's name.
  std::string as_user_knows_it(std::string text) const;

  std::string name_;
  std::filesystem::path source_;
  std::string copy_;
  std::shared_ptr<const KoLines> lines_;  // none: the .ko cannot be read
};

}  // namespace kobox
