// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/init_trace.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_limit = 20s;
constexpr std::size_t k_max_text = 1 << 20;
constexpr std::size_t k_max_anchors = 64;
constexpr std::size_t k_max_events = 4096;
constexpr std::uint64_t k_max_index = 100'000;
constexpr const char* k_definitions = "/run/kobox-init-events";

// sym-addr: the module and its symbols are gone when the trace is read. A probe that is turned into
// a jump after a while (kprobes-optimization) would have no part of init's few moments.
constexpr const char* k_start = R"(
[ -e /sys/kernel/tracing/trace ] || mount -t tracefs none /sys/kernel/tracing || exit 1
cd /sys/kernel/tracing || exit 1
echo 0 > tracing_on
echo nop > current_tracer
echo 1 > options/sym-addr
echo 0 > /proc/sys/debug/kprobes-optimization
while read -r definition; do
  echo "$definition" >> kprobe_events || echo "$definition"
done < /run/kobox-init-events 2> /dev/null
[ -e events/kobox_init/kobox_a0 ] || exit 1
for event in events/kobox_init/kobox_[cf]*; do
  [ -e $event ] && echo "ret == $ERROR" > $event/filter
done
echo > trace
echo 1 > events/kobox_init/enable || exit 1
echo 1 > tracing_on
)";

constexpr const char* k_read = R"(
cd /sys/kernel/tracing || exit 1
echo 0 > tracing_on
cat trace
)";

Result<std::string> shell(AgentClient& agent, const std::string& script) {
  KOBOX_TRY(auto reply,
            agent.run({.command = script, .timeout = k_limit, .max_output = k_max_text}));
  if (reply.status == 0 && !reply.timed_out) return std::move(reply.standard_output);
  return fail(ErrorKind::tool, "the guest cannot trace the module's init: {}",
              printable(trim(reply.standard_error)));
}

// A symbol's name is the author's: nothing in it may be read as more than a name.
bool is_name(std::string_view text) {
  return !text.empty() && text.find_first_not_of(
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                              "wxyz0123456789_.") == std::string_view::npos;
}

std::string definitions(const InitTraceSpec& spec) {
  std::string text = "p:kobox_init/kobox_a0 do_init_module";
  for (std::size_t i = 0; i < std::min(spec.anchors.size(), k_max_anchors); ++i)
    text += fmt::format(" a{}={}", i, spec.anchors[i]);
  text += "\n";
  for (std::size_t i = 0; i < spec.callees.size(); ++i)
    if (is_name(spec.callees[i]))
      text += fmt::format("r:kobox_init/kobox_c{} {} ret=$retval:s32\n", i, spec.callees[i]);
  for (std::size_t i = 0; i < spec.functions.size(); ++i)
    if (is_name(spec.functions[i]))
      text += fmt::format("r:kobox_init/kobox_f{} {}:{} ret=$retval:s32\n", i, spec.module,
                          spec.functions[i]);
  for (std::size_t i = 0; i < spec.moves.size(); ++i)
    if (is_name(spec.moves[i].function))
      text += fmt::format("p:kobox_init/kobox_m{} {}:{}+{}\n", i, spec.module,
                          spec.moves[i].function, spec.moves[i].offset);
  return text;
}

// The text behind `before` and up to `after`; "" if it is not there.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const auto at = text.find(before);
  if (at == std::string_view::npos) return "";
  text.remove_prefix(at + before.size());
  const auto end = text.find(after);
  return end == std::string_view::npos ? "" : text.substr(0, end);
}

std::optional<std::uint64_t> parse_number(std::string_view digits) {
  std::uint64_t number = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (digits.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// "    kobox-agent-77      [000] ..Zff     3.863907: kobox_m0: (0xffff <ffff>)"
struct Line {
  std::string_view task;  // its number
  char kind = 0;          // 'm'
  std::size_t index = 0;
  std::string_view rest;  // from "(" on
};
std::optional<Line> parse_line(std::string_view text) {
  constexpr std::string_view k_event = ": kobox_";
  const auto at = text.find(k_event);
  const auto processor = text.substr(0, at).rfind(" [");
  if (at == std::string_view::npos || processor == std::string_view::npos) return std::nullopt;
  const auto task = trim(text.substr(0, processor));
  text.remove_prefix(at + k_event.size());
  const auto colon = text.find(": ");
  if (colon == std::string_view::npos || colon < 2) return std::nullopt;
  const auto index = parse_number(text.substr(1, colon - 1));
  if (!index || *index > k_max_index) return std::nullopt;
  return Line{.task = task.substr(task.rfind('-') + 1),
              .kind = text.front(),
              .index = static_cast<std::size_t>(*index),
              .rest = text.substr(colon + 2)};
}

std::vector<std::uint64_t> parse_anchors(const Line& line) {
  std::vector<std::uint64_t> anchors;
  const auto text = std::string(line.rest) + " ";
  for (std::size_t i = 0; i < k_max_anchors; ++i) {
    const auto value = parse_hex(between(text, fmt::format(" a{}=0x", i), " "));
    if (!value) break;
    anchors.push_back(*value);
  }
  return anchors;
}

// "(caller+0x5/0xff0 [m] <ffffffffc0008005> <- f <ffffffff81234560>) ret=-16"
std::optional<InitTrace::Event> parse_event(const Line& line) {
  using Kind = InitTrace::Kind;
  if (!line.rest.starts_with('(')) return std::nullopt;
  InitTrace::Event event{.kind = line.kind == 'c'   ? Kind::callee
                                 : line.kind == 'f' ? Kind::function
                                                    : Kind::move,
                         .index = line.index};
  const bool returns = event.kind != Kind::move;
  if (!returns && line.kind != 'm') return std::nullopt;
  const auto place = between(line.rest, "(", returns ? " <- " : ")");
  const auto address = parse_hex(between(place, " <", ">"));
  if (!address) return std::nullopt;
  event.address = *address;
  event.in_place = returns && place.starts_with("[unknown/kretprobe'd]");
  return event;
}

}  // namespace

Result<std::vector<std::size_t>> start_init_trace(AgentClient& agent, const InitTraceSpec& spec) {
  KOBOX_CHECK(agent.put(k_definitions, definitions(spec), 0600));
  KOBOX_TRY(const auto refused, shell(agent, fmt::format("ERROR={}\n{}", spec.error, k_start)));
  std::vector<std::size_t> callees;
  for (const auto line : lines_of(refused))
    if (const auto index = parse_number(between(line, "r:kobox_init/kobox_c", " ")))
      callees.push_back(static_cast<std::size_t>(*index));
  return callees;
}

Result<InitTrace> read_init_trace(AgentClient& agent) {
  KOBOX_TRY(const auto text, shell(agent, k_read));
  return parse_init_trace(text);
}

InitTrace parse_init_trace(std::string_view text) {
  InitTrace trace;
  std::string_view task;
  for (const auto raw : lines_of(text)) {
    const auto line = parse_line(raw);
    if (!line) continue;
    if (line->kind == 'a') {
      trace = {.anchors = parse_anchors(*line), .events = {}};
      task = line->task;
    } else if (line->task == task && trace.events.size() < k_max_events) {
      if (const auto event = parse_event(*line)) trace.events.push_back(*event);
    }
  }
  return trace;
}

}  // namespace kobox
