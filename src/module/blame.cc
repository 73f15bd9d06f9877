// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/blame.h"

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "module/decode.h"

namespace kobox {
namespace {

std::shared_ptr<const KoLines> open_lines(const BuiltModule& module) {
  auto lines = KoLines::open(module.ko, module.copy);
  if (!lines) return nullptr;
  return std::make_shared<const KoLines>(std::move(*lines));
}

}  // namespace

Blame::Blame(const BuiltModule& module)
    : name_(module.name),
      source_(module.source),
      copy_(module.copy.string() + "/"),
      lines_(open_lines(module)) {}

std::string Blame::as_user_knows_it(std::string text) const {
  for (auto at = text.find(copy_); at != std::string::npos; at = text.find(copy_, at))
    text.erase(at, copy_.size());
  return text;
}

Failure Blame::from_report(const KernelReport& report) const {
  Failure failure{.kind = report.kind, .message = as_user_knows_it(report.title)};
  for (const auto& line : report.lines) failure.log.push_back(as_user_knows_it(line));
  if (lines_) {
    Decoder decoder(name_, lines_);
    for (auto& line : failure.log) line = decoder.line(line);
  }
  const auto frame = report.innermost_frame(name_);
  if (!frame) return failure;
  failure.function = frame->function;
  if (!lines_) return failure;
  // The rip is the faulting instruction itself; what the trace holds are return addresses.
  const bool is_rip =
      report.rip && report.rip->function == frame->function && report.rip->offset == frame->offset;
  const auto places =
      lines_->locate(frame->function, frame->offset, frame->size,
                     is_rip ? KoLines::Address::exact : KoLines::Address::after_call);
  if (places.empty()) return failure;
  // What the kernel's headers inline into the module is not where the author will look first.
  const auto own = std::ranges::find_if(
      places, [](const SourceLocation& place) { return fs::path(place.file).is_relative(); });
  const auto& place = own != places.end() ? *own : places.front();
  failure.function = place.function;
  failure.file = place.file;
  failure.line = place.line;
  quote_source(failure);
  return failure;
}

void Blame::quote_source(Failure& failure) const {
  if (failure.file.empty() || failure.line <= 0) return;
  const auto text = read_file(source_ / failure.file, 16 << 20);
  if (!text) return;
  const auto lines = lines_of(*text);
  const auto index = static_cast<std::size_t>(failure.line) - 1;
  if (index < lines.size()) failure.source = trim(lines[index]);
}

}  // namespace kobox
