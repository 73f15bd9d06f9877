// SPDX-License-Identifier: GPL-2.0-or-later
// From records to exits and calls: the host's KVM tracepoints, and the guest's own function
// tracing, on one clock.
//
// The guest's function graph tracer says when a function of the module is entered and left, and
// when one that it calls in the kernel is; its scheduler's and interrupts' tracepoints say whose
// work a CPU does meanwhile. An exit belongs to what its CPU did at the moment of kvm_exit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "trace/event_format.h"
#include "trace/events.h"
#include "trace/record_merge.h"

namespace kobox {

// What each CPU of the guest is doing, by its own records.
class GuestActivity {
 public:
  // `formats`: of the guest's events. `in_module`: is that function one of the module's?
  GuestActivity(const std::vector<EventFormat>& formats,
                std::function<bool(std::uint64_t)> in_module, TraceSink sink);

  void take(unsigned cpu, std::uint64_t ns, std::string_view record);

  struct Active {
    std::uint64_t call = 0;  // of the module; 0: none
    std::uint64_t via = 0;
  };
  Active active(unsigned cpu) const;

 private:
  enum class Kind { entry, exit, schedule, interrupt, end_of_interrupt };
  struct Event {
    Kind kind = Kind::entry;
    unsigned pair = 0;  // of an interrupt's beginning and its end
    EventField function, next_pid;
  };
  struct Frame {
    std::uint64_t function = 0;  // 0: an interrupt
    std::uint64_t call = 0;      // 0: not the module's
    unsigned pair = 0;
  };
  struct Cpu {
    std::uint64_t task = 0;
  };
  using Stack = std::vector<Frame>;

  void add_format(const EventFormat& format, std::map<std::string, unsigned>& pairs);
  void enter(Stack& stack, unsigned cpu, std::uint64_t ns, std::uint64_t function);
  void leave(Stack& stack, unsigned cpu, std::uint64_t ns, std::uint64_t function);
  void end_interrupt(Stack& stack, unsigned cpu, std::uint64_t ns, unsigned pair);
  void drop(Stack& stack, std::size_t keep, unsigned cpu, std::uint64_t ns);

  std::function<bool(std::uint64_t)> in_module_;
  TraceSink sink_;
  std::unordered_map<unsigned, Event> events_;  // by ID
  std::unordered_map<std::uint64_t, Stack> stacks_;
  std::unordered_map<unsigned, Cpu> cpus_;
  std::uint64_t last_call_ = 0;
};

class KvmReader {
 public:
  struct Setup {
    std::vector<EventFormat> host;
    std::vector<EventFormat> guest;
    std::map<unsigned, unsigned> vcpus;  // by the thread that runs it
    std::function<bool(std::uint64_t)> in_module;
    std::function<std::uint64_t(std::uint64_t)> nanoseconds;  // from the row's clock
    // QEMU's name for what is at a port or a guest-physical address; "" for nothing.
    std::function<std::string(Exit::Space, std::uint64_t)> region;
  };
  KvmReader(const Setup& setup, TraceSink sink);

  void take(const MergedRecord& record);
  // Exits that were not followed by an entry are handed on, without a duration.
  void finish();

  // How often each of the host's events came, by name.
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

 private:
  enum class Kind { exit, entry, port, memory, msr, other };
  struct Event {
    Kind kind = Kind::other;
    std::uint64_t* count = nullptr;
    // In the order in which take_… read them.
    EventField reason, isa, rip, write, address, size, value;
  };
  void add_format(const EventFormat& format);
  void take_host(std::uint64_t ns, std::string_view data);
  void begin_exit(unsigned vcpu, std::uint64_t ns, const Event& event, std::string_view data);
  void describe(Exit& exit, const Event& event, std::string_view data) const;
  void hand_on(std::optional<Exit>& exit, std::uint64_t ns);

  std::map<unsigned, unsigned> vcpus_;
  std::function<bool(std::uint64_t)> in_module_;
  std::function<std::uint64_t(std::uint64_t)> nanoseconds_;
  std::function<std::string(Exit::Space, std::uint64_t)> region_;
  TraceSink sink_;
  GuestActivity guest_;
  std::map<std::string, std::uint64_t> counts_;
  std::unordered_map<unsigned, Event> events_;  // by ID
  std::map<unsigned, std::optional<Exit>> open_;
};

}  // namespace kobox
