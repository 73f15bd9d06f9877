// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/report_files.h"

#include "base/files.h"
#include "base/text.h"
#include "cli/kept_console.h"
#include "report/read_report.h"

namespace kobox {
namespace {

fs::path times_file(const fs::path& state, const fs::path& source) {
  return state / "times" / (Digest().add(source.string()).hex() + ".json");
}

}  // namespace

Result<Report> read_report_file(const fs::path& file) {
  KOBOX_TRY(const auto text, read_file(file, k_max_report_bytes));
  auto report = read_report(text);
  if (!report)
    return std::unexpected(std::move(report).error().while_doing(printable(file.string())));
  return report;
}

Result<> write_report(const Report& report, const ReportFormat& format, ColorChoice choice,
                      const std::string& file, StatusLine& status, const Output& output) {
  KOBOX_TRY(const auto state, state_directory());
  const auto color =
      use_color(choice, file.empty() && output.is_terminal()) ? Color::on : Color::off;
  const auto text = format.render(report, {.color = color, .console = kept_console(state)});
  if (!file.empty()) return write_file(fs::absolute(file), text);
  status.print(text);
  return {};
}

Result<> keep_times(const Report& report, const fs::path& state, const fs::path& source) {
  return write_file(times_file(state, source), render_json(report));
}

Report kept_times(const fs::path& state, const fs::path& source) {
  const auto report = read_report_file(times_file(state, source));
  return report ? *report : Report{};
}

}  // namespace kobox
