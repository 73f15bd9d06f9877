// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/decode.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "kernel/module_name.h"
#include "module/ko_file.h"
#include "verdict/log_prefix.h"

namespace kobox {
namespace {

std::optional<std::string> release_in_line(std::string_view line) {
  constexpr std::string_view k_first = "Linux version ";
  if (const auto at = line.find(k_first); at != std::string_view::npos) {
    line.remove_prefix(at + k_first.size());
    return std::string(line.substr(0, line.find(' ')));
  }
  const auto comm = line.find(" Comm: ");
  if (!line.contains("CPU: ") || comm == std::string_view::npos) return {};
  const auto build = line.find(" #", comm);
  if (build == std::string_view::npos) return {};
  const auto start = line.rfind(' ', build - 1) + 1;
  const auto word = line.substr(start, build - start);
  if (word.empty() || word[0] < '0' || word[0] > '9') return {};  // a part of the command's name
  return std::string(word);
}

// Does what follows a place begin with " (file:line)"?
bool is_decoded(std::string_view rest) {
  const auto place = rest.substr(0, rest.find(')'));
  const auto colon = place.rfind(':');
  return place.starts_with(" (") && place.size() < rest.size() && colon != std::string_view::npos &&
         colon + 1 < place.size() &&
         place.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
}

}  // namespace

Result<Decoder> Decoder::open(const std::vector<BuiltModule>& modules) {
  Lines all;
  for (const auto& module : modules) {
    KOBOX_TRY(auto lines, KoLines::open(module.ko, module.built_at()));
    all.emplace(module.name, std::make_shared<const KoLines>(std::move(lines)));
  }
  return Decoder(std::move(all));
}

std::string Decoder::place_of(const KoLines& lines, const TraceFrame& frame,
                              KoLines::Address address) {
  const auto places = lines.locate(frame.function, frame.offset, frame.size, address);
  if (places.empty() || places.front().file.empty()) {
    ++unknown_;
    return "";
  }
  ++decoded_;
  if (places.size() == 1) return fmt::format(" ({}:{})", places[0].file, places[0].line);
  std::vector<std::string> words;
  for (const auto& place : places)
    words.push_back(fmt::format("{} at {}:{}", place.function, place.file, place.line));
  return fmt::format(" ({})", join(words, ", inlined into "));
}

std::string Decoder::line(std::string_view text) {
  std::string shown;
  std::size_t done = 0;
  const bool in_trace = parse_trace_line(read_log_prefix(text).text).has_value();
  for (const auto& [frame, end] : find_frames(text)) {
    const auto module = lines_.find(kernel_name(frame.module));
    if (module == lines_.end()) continue;
    if (is_decoded(text.substr(end))) {
      ++decoded_;
      continue;
    }
    // A trace that begins where the fault was repeats its place, which is no return address.
    const bool at_fault = fault_ && fault_->function == frame.function &&
                          fault_->offset == frame.offset && fault_->size == frame.size;
    if (!in_trace) fault_ = frame;
    shown.append(text.substr(done, end - done));
    shown.append(
        place_of(*module->second, frame,
                 in_trace && !at_fault ? KoLines::Address::after_call : KoLines::Address::exact));
    done = end;
  }
  shown.append(text.substr(done));
  return shown;
}

std::optional<std::string> release_in_log(std::string_view log) {
  for (const auto& line : lines_of(log))
    if (auto release = release_in_line(line); release) return release;
  return {};
}

}  // namespace kobox
