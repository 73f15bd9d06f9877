// SPDX-License-Identifier: GPL-2.0-or-later
// The QEMU plugin behind `kobox trace` under TCG: which function of the module is active on each
// virtual CPU, and from where ports and device memory are accessed.
//
//   -plugin kobox-trace.so,control=FILE     (FILE: a TraceControl)
//
// What it sees it writes to QEMU's log, where QEMU's own trace events memory_region_ops_* stand as
// well; of one virtual CPU the lines are in the order in which things happened. Numbers are
// decimal, addresses hexadecimal; ID is 0 where no function of the module is active:
//
//   kobox call VCPU NS INSNS ID PARENT FUNCTION    a function of the module begins
//   kobox return VCPU NS INSNS ID                  it has returned
//   kobox port VCPU NS RIP ID VIA                  the next accesses are this instruction's
//   kobox memory VCPU NS RIP ID VIA                the access before was this instruction's
//
// NS: CLOCK_MONOTONIC of the host. INSNS: instructions this CPU has executed so far. VIA: the
// function outside the module that the active one has called, through which it came here, or 0.
//
// The plugin interface shows no registers. What is active is known by the stack: a call writes its
// return address to a slot, the ret that reads the same slot ends what was called. A slot also says
// on which stack its CPU works, so that interrupts, which have a stack of their own, and other
// tasks are not taken for the module's work. What an interrupt or exception does on the stack where
// it came, from the kernel's entry code until that goes back, is nobody's. One may come between a
// call and the first instruction of what is called: then the call is kept for so long.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <deque>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "qemu_plugin.h"
#include "trace/control.h"

namespace {

using kobox::TraceControl;

constexpr std::uint64_t k_kernel = 0xffff800000000000;  // the upper half
// THREAD_SIZE and IRQ_STACK_SIZE of x86-64 (arch/x86/include/asm/page_64_types.h), to which stacks
// are aligned.
constexpr std::uint64_t k_stack_size = 16384;

const TraceControl* control = nullptr;
int interface = 0;  // the version of the plugin interface of the QEMU that has loaded this

struct Block {
  std::uint64_t address;
  std::uint32_t instructions;
};

// A function of the module that runs.
struct Frame {
  std::uint64_t id;
  std::uint64_t slot;  // where its return address is
  std::uint64_t via = 0;
  std::uint64_t via_slot = 0;
};

struct Cpu {
  std::uint64_t instructions = 0;
  std::uint64_t slot = 0;    // of the last call or ret
  bool entering = false;     // a call, and neither a ret nor a function of the module since
  bool called_out = false;   // the module has called, and nothing has run since
  bool in_entry = false;     // the block before was the kernel's entry code
  bool returned = false;     // a ret, and nothing has run since
  bool awaits_slot = false;  // a call or ret has begun, and has not come to its slot
};

// An interrupt or exception that came while the module was at work, and what it came upon.
struct Interrupt {
  std::uint64_t slot;              // Cpu::slot
  bool entering;                   // a call whose target had not run
  bool called_out;                 // Cpu::called_out
  std::uint64_t handler_slot = 0;  // of the entry code's last call
};

std::array<Cpu, 256> cpus;
// By stack. A task that sleeps in the module may go on on another CPU, so they are not a CPU's own;
// each CPU has a thread of QEMU's (on_translation says why), hence the lock.
std::unordered_map<std::uint64_t, std::vector<Frame>> stacks;
std::unordered_map<std::uint64_t, std::vector<Interrupt>> interrupts;  // by stack, innermost last
std::atomic<int> open_interrupts = 0;
std::uint64_t last_id = 0;
std::recursive_mutex mutex;
std::deque<Block> blocks;  // live as long as QEMU, as translations may

bool recording() { return control->recording.load(std::memory_order_acquire) != 0; }

std::uint64_t now() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

bool in_module(std::uint64_t address) {
  return std::any_of(control->ranges, control->ranges + control->range_count,
                     [&](const auto& r) { return address >= r.begin && address < r.end; });
}

bool is_function(std::uint64_t address) {
  return std::binary_search(control->functions, control->functions + control->function_count,
                            address);
}

std::vector<Frame>* frames_of(const Cpu& cpu) {
  const auto found = stacks.find(cpu.slot / k_stack_size);
  return found == stacks.end() || found->second.empty() ? nullptr : &found->second;
}

void enter(unsigned index, const Block& block) {
  auto& cpu = cpus[index];
  auto& frames = stacks[cpu.slot / k_stack_size];
  // What a ret was missed of (the recording began in the middle, or the stack is a new task's).
  while (!frames.empty() && frames.back().slot <= cpu.slot) frames.pop_back();
  cpu.entering = false;
  const auto parent = frames.empty() ? 0 : frames.back().id;
  frames.push_back({.id = ++last_id, .slot = cpu.slot});
  char line[160];
  std::snprintf(line, sizeof line, "kobox call %u %lu %lu %lu %lu %lx\n", index, now(),
                cpu.instructions - block.instructions, last_id, parent, block.address);
  qemu_plugin_outs(line);
}

bool in_entry(std::uint64_t address) {
  return address >= control->entries.begin && address < control->entries.end;
}

Interrupt* interrupt_on_stack_of(const Cpu& cpu) {
  if (open_interrupts == 0) return nullptr;
  const auto found = interrupts.find(cpu.slot / k_stack_size);
  return found == interrupts.end() || found->second.empty() ? nullptr : &found->second.back();
}

void end_interrupt(const Cpu& cpu) {
  interrupts[cpu.slot / k_stack_size].pop_back();
  --open_interrupts;
}

// An interrupt works deeper in the stack than where it came. One of which the end was not seen is
// over as soon as a call or ret is not.
void end_interrupts_below_slot(const Cpu& cpu) {
  for (auto* open = interrupt_on_stack_of(cpu); open != nullptr && open->slot <= cpu.slot;
       open = interrupt_on_stack_of(cpu))
    end_interrupt(cpu);
}

// What comes to the kernel's entry code is an interrupt, an exception, a system call, with which no
// function of the module is active, or the ret of what the entry code called. A call of it (up to
// 5.10 to take another stack) looks like an interrupt, which its ret ends.
void see_entry(Cpu& cpu, bool returned) {
  const auto* open = interrupt_on_stack_of(cpu);
  if (returned && open != nullptr && open->handler_slot == cpu.slot) return;
  if (!cpu.entering && open == nullptr && frames_of(cpu) == nullptr) return;
  interrupts[cpu.slot / k_stack_size].push_back({cpu.slot, cpu.entering, cpu.called_out});
  ++open_interrupts;
  cpu.entering = cpu.called_out = false;
}

// What runs behind the entry code, neither called by it nor returned to, is where the interrupt
// came: it goes on as if nothing had been.
void see_interrupts(Cpu& cpu, std::uint64_t address) {
  const bool was_in_entry = std::exchange(cpu.in_entry, in_entry(address));
  const bool returned = std::exchange(cpu.returned, false);
  if (cpu.in_entry == was_in_entry) return;
  if (cpu.in_entry) return see_entry(cpu, returned);
  auto* open = interrupt_on_stack_of(cpu);
  if (open == nullptr) return;
  if (cpu.entering) {
    open->handler_slot = cpu.slot;
  } else if (!returned && open->slot > cpu.slot) {
    const auto before = *open;
    end_interrupt(cpu);
    cpu.slot = before.slot;
    cpu.entering = before.entering;
    cpu.called_out = before.called_out;
  }
}

// At the start of every block.
void on_block(unsigned index, void* data) {
  const auto& block = *static_cast<const Block*>(data);
  auto& cpu = cpus[index & 255];
  cpu.instructions += block.instructions;
  if (block.address < k_kernel || !recording()) return;
  const std::scoped_lock lock(mutex);
  see_interrupts(cpu, block.address);
  if (cpu.called_out) {
    cpu.called_out = false;
    if (auto* frames = frames_of(cpu); frames != nullptr && !in_module(block.address)) {
      frames->back().via = block.address;
      frames->back().via_slot = cpu.slot;
    }
  }
  // A function's first block may be the head of a loop as well, and a tail call is its caller's.
  if (cpu.entering && is_function(block.address)) enter(index & 255, block);
}

// QEMU (7.2) leaves the callbacks of the instruction that ran last on when it delivers an
// interrupt, so what that reads of the IDT and GDT and what it pushes comes to on_call and
// on_return as well. What an instruction does itself comes behind this.
void on_call_or_return(unsigned index, void*) { cpus[index & 255].awaits_slot = true; }

void on_call(unsigned index, qemu_plugin_meminfo_t info, std::uint64_t slot, void* data) {
  if (!qemu_plugin_mem_is_store(info)) return;  // call *memory reads its target first
  auto& cpu = cpus[index & 255];
  if (!std::exchange(cpu.awaits_slot, false)) return;
  cpu.slot = slot;
  cpu.entering = true;
  cpu.returned = false;
  cpu.called_out = recording() && in_module(reinterpret_cast<std::uint64_t>(data));
  if (open_interrupts == 0) return;
  const std::scoped_lock lock(mutex);
  end_interrupts_below_slot(cpu);
}

void on_return(unsigned index, qemu_plugin_meminfo_t, std::uint64_t slot, void*) {
  auto& cpu = cpus[index & 255];
  if (!std::exchange(cpu.awaits_slot, false)) return;
  cpu.slot = slot;
  cpu.entering = cpu.called_out = false;
  cpu.returned = true;
  if (!recording()) return;
  const std::scoped_lock lock(mutex);
  end_interrupts_below_slot(cpu);
  auto* frames = frames_of(cpu);
  if (frames == nullptr) return;
  if (frames->back().via_slot != 0 && frames->back().via_slot <= slot) {
    frames->back().via = 0;
    frames->back().via_slot = 0;
  }
  while (!frames->empty() && frames->back().slot <= slot) {
    char line[128];
    std::snprintf(line, sizeof line, "kobox return %u %lu %lu %lu\n", index, now(),
                  cpu.instructions, frames->back().id);
    qemu_plugin_outs(line);
    frames->pop_back();
  }
}

void tell_access(const char* what, unsigned index, std::uint64_t rip) {
  const std::scoped_lock lock(mutex);
  const auto& cpu = cpus[index & 255];
  const auto* frames = frames_of(cpu);
  const auto* open = interrupt_on_stack_of(cpu);
  // A function of the module that an interrupt's handler calls lies deeper than the interrupt.
  if (frames != nullptr && open != nullptr && frames->back().slot >= open->slot) frames = nullptr;
  char line[160];
  std::snprintf(line, sizeof line, "kobox %s %u %lu %lx %lu %lx\n", what, index, now(), rip,
                frames != nullptr ? frames->back().id : 0,
                frames != nullptr ? frames->back().via : 0);
  qemu_plugin_outs(line);
}

void on_port(unsigned index, void* data) {
  if (recording()) tell_access("port", index, reinterpret_cast<std::uint64_t>(data));
}

void on_memory(unsigned index, qemu_plugin_meminfo_t info, std::uint64_t address, void* data) {
  if (!recording()) return;
  const auto* physical = qemu_plugin_get_hwaddr(info, address);
  if (physical == nullptr || !qemu_plugin_hwaddr_is_io(physical)) return;
  tell_access("memory", index, reinterpret_cast<std::uint64_t>(data));
}

// What an instruction does, as far as it matters here (Intel SDM volume 2, opcode maps).
enum class Kind { other, call, ret, port };

constexpr std::size_t k_longest_instruction = 15;

Kind kind_of(std::span<const std::uint8_t> bytes) {
  const auto size = bytes.size();
  std::size_t at = 0;
  while (at < size && (bytes[at] == 0x66 || bytes[at] == 0xf2 || bytes[at] == 0xf3 ||
                       bytes[at] == 0x2e || bytes[at] == 0x3e))
    ++at;
  if (at < size && (bytes[at] & 0xf0) == 0x40) ++at;  // REX
  if (at >= size) return Kind::other;
  const auto opcode = bytes[at];
  if (opcode == 0xe8) return Kind::call;
  if (opcode == 0xff && at + 1 < size && ((bytes[at + 1] >> 3) & 7) == 2) return Kind::call;
  if (opcode == 0xc2 || opcode == 0xc3) return Kind::ret;
  if ((opcode >= 0xe4 && opcode <= 0xe7) || (opcode >= 0xec && opcode <= 0xef) ||
      (opcode >= 0x6c && opcode <= 0x6f))
    return Kind::port;
  return Kind::other;
}

Kind kind_of(const qemu_plugin_insn* insn) {
  if (interface >= 3) {
    std::array<std::uint8_t, k_longest_instruction> bytes;
    const auto size = qemu_plugin_insn_data(insn, bytes.data(), bytes.size());
    return kind_of(std::span(bytes).first(size));
  }
  using Any = void (*)();  // through which GCC takes a cast to another signature as meant
  using ReturnBytes = const std::uint8_t* (*)(const qemu_plugin_insn*);
  const auto return_bytes =
      reinterpret_cast<ReturnBytes>(reinterpret_cast<Any>(&qemu_plugin_insn_data));
  return kind_of({return_bytes(insn), qemu_plugin_insn_size(insn)});
}

// Each CPU must have a thread of QEMU's (-accel tcg,thread=multi), or be the only one. Where
// several take turns in one thread, QEMU from 10.0 on puts the index of the CPU that it translates
// for into the code as a constant (gen_cpu_index in accel/tcg/plugin-gen.c), and all CPUs run that
// code.
void on_translation(qemu_plugin_id_t, qemu_plugin_tb* tb) {
  const auto count = qemu_plugin_tb_n_insns(tb);
  const auto address = qemu_plugin_tb_vaddr(tb);
  Block* block = nullptr;
  {
    const std::scoped_lock lock(mutex);
    block = &blocks.emplace_back(Block{address, static_cast<std::uint32_t>(count)});
  }
  qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
  if (address < k_kernel) return;
  for (std::size_t i = 0; i < count; ++i) {
    auto* insn = qemu_plugin_tb_get_insn(tb, i);
    // The interface hands a callback a pointer; here it is the instruction's address.
    auto* rip = reinterpret_cast<void*>(qemu_plugin_insn_vaddr(insn));  // NOLINT
    const auto kind = kind_of(insn);
    if (kind == Kind::port)
      qemu_plugin_register_vcpu_insn_exec_cb(insn, on_port, QEMU_PLUGIN_CB_NO_REGS, rip);
    if (kind == Kind::call || kind == Kind::ret)
      qemu_plugin_register_vcpu_insn_exec_cb(insn, on_call_or_return, QEMU_PLUGIN_CB_NO_REGS,
                                             nullptr);
    const auto callback = kind == Kind::call ? on_call : kind == Kind::ret ? on_return : on_memory;
    qemu_plugin_register_vcpu_mem_cb(insn, callback, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                     rip);
  }
}

const TraceControl* map_control(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  struct stat info = {};
  if (fd < 0 || ::fstat(fd, &info) != 0 ||
      static_cast<std::size_t>(info.st_size) < sizeof(TraceControl))
    return nullptr;
  void* mapped = ::mmap(nullptr, sizeof(TraceControl), PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  if (mapped == MAP_FAILED) return nullptr;
  const auto* found = static_cast<const TraceControl*>(mapped);
  return found->version == TraceControl::k_version ? found : nullptr;
}

}  // namespace

extern "C" {

// The version that the plugin declares. QEMU loads the plugin, and then refuses it if this is less
// than what it still supports (2 from QEMU 9.0 on) or more than what it knows (1 up to 8.2).
// Scoreboards came with version 2.
__attribute__((visibility("default"))) int qemu_plugin_version =
    ::dlsym(RTLD_DEFAULT, "qemu_plugin_scoreboard_new") != nullptr ? 2 : 1;

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const qemu_info_t* info, int argc,
                                                               char** argv) {
  constexpr std::string_view k_control = "control=";
  if (!info->system_emulation || std::string_view(info->target_name) != "x86_64") return -1;
  for (int i = 0; i < argc; ++i)
    if (std::string_view(argv[i]).starts_with(k_control))
      control = map_control(argv[i] + k_control.size());
  if (control == nullptr) {
    std::fprintf(stderr, "kobox-trace: no control file of version %u\n", TraceControl::k_version);
    return -1;
  }
  interface = info->version.cur;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  return 0;
}

}  // extern "C"
