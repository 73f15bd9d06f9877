// SPDX-License-Identifier: GPL-2.0-or-later
// For bench/trace_analysis: makes a recording of KVM's tracepoints as the kernel would, and reads
// one as kobox trace does.
//
//   trace_analysis_bench make FOLDER TRACING EVENTS    FOLDER/cpu0, cpu1: pages of the ring buffer
//   trace_analysis_bench read FOLDER TRACING           prints: events exits seconds peak-kilobytes
//
// TRACING: a kernel's tracefs, for the formats of its events.
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/files.h"
#include "trace/analysis.h"
#include "trace/host_records.h"
#include "trace/kvm_reader.h"
#include "trace/ring_pages.h"

using namespace kobox;

namespace {

constexpr unsigned k_thread = 4242;
constexpr std::array<const char*, 5> k_events = {"kvm_exit", "kvm_entry", "kvm_pio", "kvm_mmio",
                                                 "kvm_msr"};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "trace_analysis_bench: %s\n", what.c_str());
  std::_Exit(1);
}

std::vector<EventFormat> formats_of(const fs::path& tracing) {
  std::vector<EventFormat> formats;
  for (const auto* name : k_events) {
    const auto text = read_file(tracing / "events/kvm" / name / "format");
    if (!text) die(text.error().message());
    const auto format = parse_host_event_format(*text);
    if (!format) die(format.error().message());
    formats.push_back(*format);
  }
  return formats;
}

// A record with these fields set and all others zero.
std::string record(const EventFormat& format,
                   std::initializer_list<std::pair<const char*, std::uint64_t>> values) {
  std::size_t size = 0;
  for (const auto& [name, field] : format.fields)
    size = std::max<std::size_t>(size, field.offset + field.size);
  auto data = common_fields(format.id, k_thread);
  data.resize(size);
  for (const auto& [name, value] : values) {
    const auto field = format.field(name);
    std::memcpy(data.data() + field.offset, &value, std::min<std::size_t>(field.size, 8));
  }
  return data;
}

// What a guest does that writes to its console: ports, some memory, MSRs, and pages.
std::vector<std::string> cycle_of(const std::vector<EventFormat>& formats) {
  const auto& [exit, entry, pio, mmio, msr] =
      std::tie(formats[0], formats[1], formats[2], formats[3], formats[4]);
  std::vector<std::string> cycle;
  const auto leave = [&](std::uint64_t reason, std::uint64_t rip) {
    cycle.push_back(record(exit, {{"exit_reason", reason}, {"isa", 2}, {"guest_rip", rip}}));
  };
  for (std::uint64_t i = 0; i < 40; ++i) {
    leave(0x7b, 0xffffffff81600000 + i % 3);
    cycle.push_back(record(pio, {{"rw", 1}, {"port", 0x3f8 + i % 6}, {"size", 1}, {"val", i}}));
    cycle.push_back(record(entry, {}));
  }
  for (std::uint64_t i = 0; i < 8; ++i) {
    leave(0x400, 0xffffffff81700000 + i);
    cycle.push_back(record(mmio, {{"type", 2}, {"len", 4}, {"gpa", 0xfebf0000 + 4 * i}}));
    cycle.push_back(record(entry, {}));
    leave(0x7c, 0xffffffff81800000);
    cycle.push_back(record(msr, {{"write", 1}, {"ecx", 0x6e0}, {"data", i}}));
    cycle.push_back(record(entry, {}));
  }
  return cycle;
}

void make(const fs::path& directory, const fs::path& tracing, std::uint64_t events) {
  const auto cycle = cycle_of(formats_of(tracing));
  std::array<std::ofstream, 2> files = {std::ofstream(directory / "cpu0", std::ios::binary),
                                        std::ofstream(directory / "cpu1", std::ios::binary)};
  std::uint64_t time = 1'000'000'000, made = 0;
  for (std::size_t page = 0, next = 0; made < events; ++page) {
    RingPageMaker maker(time);
    // The thread moves from one CPU to the other now and then.
    for (std::size_t bytes = 0; bytes < 3900 && made < events; ++made) {
      const auto& data = cycle[next++ % cycle.size()];
      maker.record(1500, data);
      time += 1500;
      bytes += data.size() + 8;
    }
    time += 1500;
    const auto bytes = maker.page();
    files[page / 16 % 2].write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  for (auto& file : files)
    if (!file.flush()) die("cannot write below " + directory.string());
}

void read(const fs::path& directory, const fs::path& tracing) {
  const auto start = std::chrono::steady_clock::now();
  auto merge =
      RecordMerge::open({{.path = directory / "cpu0"}, {.path = directory / "cpu1", .cpu = 1}});
  if (!merge) die(merge.error().message());
  TraceAnalysis analysis;
  KvmReader reader({.host = formats_of(tracing),
                    .guest = {},
                    .vcpus = {{k_thread, 0}},
                    .in_module = [](std::uint64_t) { return false; },
                    .nanoseconds = [](std::uint64_t tsc) { return tsc; },
                    .region = [](Exit::Space, std::uint64_t) { return std::string("device"); }},
                   analysis.sink());
  std::uint64_t events = 0;
  for (; const auto next = merge->next(); ++events) reader.take(*next);
  reader.finish();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("%lu %lu %.3f %ld\n", events, analysis.exits().count(), took.count(),
              usage.ru_maxrss);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "make" && argc == 5)
    make(argv[2], argv[3], std::strtoull(argv[4], nullptr, 10));
  else if (what == "read" && argc == 4)
    read(argv[2], argv[3]);
  else
    die("usage: make FOLDER TRACING EVENTS | read FOLDER TRACING");
  return 0;
}
