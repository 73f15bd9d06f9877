// SPDX-License-Identifier: GPL-2.0-or-later
// Reports as files, and on the way to the user.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "cli/terminal.h"
#include "report/formats.h"

namespace kobox {

// Errors name the file: usage where it is no report (read_report()), environment where it cannot be
// read.
Result<Report> read_report_file(const std::filesystem::path& file);

// The report in that format, to a file, or to standard output where `file` is "".
Result<> write_report(const Report& report, const ReportFormat& format, ColorChoice choice,
                      const std::string& file, StatusLine& status, const Output& output);

// The last report of each project, kept for its times: <state>/times/DIGEST.json, by the directory
// of its sources. Nothing if there is none that can be read.
Result<> keep_times(const Report& report, const std::filesystem::path& state,
                    const std::filesystem::path& source);
Report kept_times(const std::filesystem::path& state, const std::filesystem::path& source);

}  // namespace kobox
