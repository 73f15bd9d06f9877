// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/function_tracing.h"

#include <cstdlib>
#include <string_view>

#include "arch/arch.h"
#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_limit = 30s;  // each name that is added makes the kernel look through all
constexpr const char* k_functions = "/run/kobox-functions";
constexpr const char* k_called = "/run/kobox-called";

// Functions of the module begin a graph, those that it calls are parts of it and nothing else is.
// A name that the kernel cannot trace (its own tracing, for one) is left out. What an interrupt's
// handler calls is no doing of the function that it interrupts.
constexpr const char* k_prepare = R"(
[ -e /sys/kernel/tracing/trace ] || mount -t tracefs none /sys/kernel/tracing || exit 1
cd /sys/kernel/tracing || exit 1
grep -qw function_graph available_tracers || { echo "its kernel has no function_graph tracer" >&2; exit 1; }
echo 0 > tracing_on
echo nop > current_tracer
echo "$CLOCK" > trace_clock || exit 1
echo "$BUFFER" > buffer_size_kb
echo ":mod:$MODULE" > set_ftrace_filter || exit 1
while read name; do echo "$name" >> set_ftrace_filter; done < /run/kobox-called 2> /dev/null
while read name; do echo "$name" >> set_graph_function; done < /run/kobox-functions 2> /dev/null
echo 0 > options/funcgraph-irqs
echo function_graph > current_tracer || exit 1
for event in sched/sched_switch irq/softirq_entry irq/softirq_exit irq/irq_handler_entry \
    irq/irq_handler_exit; do echo 1 > events/$event/enable; done
for event in events/irq_vectors/*_entry events/irq_vectors/*_exit; do echo 1 > $event/enable; done
echo > trace
)";

constexpr const char* k_formats = R"(
cd /sys/kernel/tracing/events || exit 1
cat ftrace/funcgraph_entry/format ftrace/funcgraph_exit/format sched/sched_switch/format \
    irq/softirq_entry/format irq/softirq_exit/format irq/irq_handler_entry/format \
    irq/irq_handler_exit/format irq_vectors/*_entry/format irq_vectors/*_exit/format
)";

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += name + "\n";
  return text;
}

// Each format file begins with its name.
std::vector<std::string> split_formats(std::string_view text) {
  std::vector<std::string> formats;
  for (const auto line : lines_of(text)) {
    if (line.starts_with("name:")) formats.emplace_back();
    if (!formats.empty()) formats.back().append(line).append("\n");
  }
  return formats;
}

}  // namespace

Result<std::string> FunctionTracing::shell(const std::string& script) {
  KOBOX_TRY(auto reply, agent_->run({.command = script, .timeout = k_limit}));
  if (reply.status == 0 && !reply.timed_out) return std::move(reply.standard_output);
  const auto said = trim(reply.standard_error);
  return fail(ErrorKind::tool, "the guest cannot trace its functions: {}",
              reply.timed_out ? "its shell does not end"
              : said.empty()  ? "its kernel refuses"
                              : printable(said));
}

Result<FunctionTracing> FunctionTracing::prepare(AgentClient& agent, const Spec& spec) {
  FunctionTracing tracing(agent, spec);
  KOBOX_CHECK(agent.put(k_functions, list_of(spec.functions), 0600));
  KOBOX_CHECK(agent.put(k_called, list_of(spec.called), 0600));
  KOBOX_CHECK(tracing.shell(fmt::format("MODULE={} BUFFER={} CLOCK={}\n{}", spec.module,
                                        spec.buffer >> 10, default_arch().trace_clock, k_prepare)));
  return tracing;
}

Result<> FunctionTracing::start() {
  KOBOX_CHECK(shell("echo 1 > /sys/kernel/tracing/tracing_on"));
  return {};
}

Result<> FunctionTracing::stop() {
  KOBOX_CHECK(shell("echo 0 > /sys/kernel/tracing/tracing_on"));
  return {};
}

Result<FunctionTracing::Recording> FunctionTracing::collect(
    const std::filesystem::path& directory) {
  Recording recording;
  KOBOX_TRY(const auto formats, shell(k_formats));
  recording.formats = split_formats(formats);
  for (int cpu = 0; cpu < cpus_; ++cpu) {
    const auto place = fmt::format("/sys/kernel/tracing/per_cpu/cpu{}", cpu);
    KOBOX_TRY(const auto stats, shell(fmt::format("cat {}/stats", place)));
    for (const auto line : lines_of(stats))
      if (constexpr std::string_view key = "overrun: "; line.starts_with(key))
        recording.lost += std::strtoull(line.data() + key.size(), nullptr, 10);
    // A page that is not full is a page too: the kernel may keep more of them than were asked for.
    KOBOX_TRY(const auto pages, agent_->drain(place + "/trace_pipe_raw", 2 * buffer_));
    const auto file = directory / fmt::format("guest-{}", cpu);
    KOBOX_CHECK(write_file(file, pages));
    recording.files.push_back(file);
  }
  return recording;
}

}  // namespace kobox
