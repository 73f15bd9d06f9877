// SPDX-License-Identifier: GPL-2.0-or-later
// kobox doctor
#include <memory>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "workbench/doctor.h"

namespace kobox {
namespace {

const char* word(Finding::Grade grade) {
  switch (grade) {
    case Finding::Grade::fine:
      return "ok";
    case Finding::Grade::note:
      return "note";
    case Finding::Grade::missing:
      break;
  }
  return "MISSING";
}

Result<int> run_doctor(const CommonOptions& options, Console& console) {
  KOBOX_TRY(const auto lab, lab_options(options));
  int code = k_exit_passed;
  for (const auto& finding : examine_host(lab.cache, lab.state)) {
    const bool missing = finding.grade == Finding::Grade::missing;
    if (missing) code = k_exit_environment;
    if (missing || !options.quiet)
      console.output.write(
          fmt::format("{:<8} {:<9} {}\n", word(finding.grade), finding.what, finding.detail));
  }
  return code;
}

}  // namespace

void add_doctor_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<CommonOptions>();
  auto& command = *app.add_subcommand("doctor", "Is everything here that kobox needs?");
  command.add_flag("-q,--quiet", options->quiet, "Say only what is missing");
  command.callback([options, &action] {
    action = [options](Console& console) { return run_doctor(*options, console); };
  });
}

}  // namespace kobox
