// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/blame.h"

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "kernel/module_name.h"
#include "module/build_record.h"

namespace kobox {
namespace {

Decoder::Lines lines_of_all(const std::vector<BuiltModule>& modules) {
  Decoder::Lines all;
  for (const auto& module : modules)
    if (auto lines = KoLines::open(module.ko, module.built_at()))
      all.emplace(module.name, std::make_shared<const KoLines>(std::move(*lines)));
  return all;
}

}  // namespace

std::string source_line(const fs::path& file, int line) {
  if (line <= 0) return "";
  const auto text = read_file(file, 16 << 20);
  if (!text) return "";
  const auto lines = lines_of(*text);
  const auto index = static_cast<std::size_t>(line) - 1;
  return index < lines.size() ? std::string(trim(lines[index])) : "";
}

Blame::Blame(std::vector<BuiltModule> modules)
    : modules_(std::move(modules)), lines_(lines_of_all(modules_)) {}

std::string Blame::as_user_knows_it(std::string text) const {
  for (const auto& module : modules_) module.built_at().make_relative(text);
  return text;
}

Failure Blame::from_report(const KernelReport& report) const {
  Failure failure{.kind = report.kind, .message = as_user_knows_it(report.title)};
  Decoder decoder(lines_);
  for (const auto& line : report.lines) failure.log.push_back(decoder.line(as_user_knows_it(line)));
  std::vector<std::string> names;
  for (const auto& module : modules_) names.push_back(module.name);
  const auto frame = report.innermost_frame(names);
  if (!frame) return failure;
  failure.function = frame->function;
  const auto module = std::ranges::find(modules_, kernel_name(frame->module), &BuiltModule::name);
  const auto lines = lines_.find(module->name);
  if (lines == lines_.end()) return failure;
  // The rip is the faulting instruction itself; what the trace holds are return addresses.
  const bool is_rip =
      report.rip && report.rip->function == frame->function && report.rip->offset == frame->offset;
  const auto places =
      lines->second->locate(frame->function, frame->offset, frame->size,
                            is_rip ? KoLines::Address::exact : KoLines::Address::after_call);
  if (places.empty()) return failure;
  // What the kernel's headers inline into the module is not where the author will look first.
  const auto own = std::ranges::find_if(places, &SourceLocation::is_in_module);
  const auto& place = own != places.end() ? *own : places.front();
  failure.function = place.function;
  failure.file = place.file;
  failure.line = place.line;
  failure.source = source_line(module->source / failure.file, failure.line);
  return failure;
}

}  // namespace kobox
