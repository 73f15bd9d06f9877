// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/qemu_log.h"

#include <charconv>
#include <optional>
#include <utility>

#include "trace/exit_reasons.h"

namespace kobox {
namespace {

constexpr std::size_t k_max_waiting = 64;  // parts of one instruction's access
// Ports have 16 bits. What a device emulates as memory on x86 begins far above, at 0xa0000.
constexpr std::uint64_t k_last_port = 0xffff;

// Takes words and numbers off the front of a line.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  std::string_view next() {
    const auto start = text_.find_first_not_of(' ');
    if (start == std::string_view::npos) return std::exchange(text_, {});
    text_.remove_prefix(start);
    const auto end = text_.find(' ');
    const auto word = text_.substr(0, end);
    text_.remove_prefix(word.size());
    return word;
  }
  template <typename Number>
  bool number(Number& value, int base = 10) {
    auto word = next();
    if (base == 16 && word.starts_with("0x")) word.remove_prefix(2);
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    return error == std::errc() && end == word.data() + word.size() && !word.empty();
  }
  bool key(std::string_view name) { return next() == name; }
  std::string_view rest() const { return text_; }
  bool at_end() const { return text_.find_first_not_of(' ') == std::string_view::npos; }

 private:
  std::string_view text_;
};

// Of one instruction: the byte behind, of the same register.
bool is_next_part(const Exit& whole, const Exit& part) {
  return part.is_write == whole.is_write && part.space == whole.space &&
         part.address == whole.address + whole.size && part.region == whole.region &&
         whole.size + part.size <= sizeof whole.value;
}

void join(Exit& whole, const Exit& part) {
  whole.value |= part.value << (8 * whole.size);
  whole.size += part.size;
}

// Takes "1234@1700000000.123456:" off the front of a line: nanoseconds, or 0 if it has none.
std::uint64_t take_time(std::string_view& line) {
  const auto at = line.find_first_not_of("0123456789");
  if (at == 0 || at == std::string_view::npos || line[at] != '@') return 0;
  const auto end = line.find(':', at);
  const auto dot = line.find('.', at);
  if (end == std::string_view::npos || dot == std::string_view::npos || dot + 7 != end) return 0;
  std::uint64_t seconds = 0, micros = 0;
  const auto whole = [&](std::size_t from, std::size_t to, std::uint64_t& value) {
    const auto [stop, error] = std::from_chars(line.data() + from, line.data() + to, value);
    return error == std::errc() && stop == line.data() + to;
  };
  if (!whole(at + 1, dot, seconds) || !whole(dot + 1, end, micros)) return 0;
  line.remove_prefix(end + 1);
  return (seconds * 1'000'000 + micros) * 1000;
}

}  // namespace

void QemuLogReader::feed(std::string_view bytes) {
  lines_.feed(bytes, [this](StreamLine line) {
    if (line.cut || !take_line(line.text)) ++malformed_;
  });
}

void QemuLogReader::finish() {
  lines_.finish([this](StreamLine) { ++malformed_; });
  for (auto& [index, cpu] : cpus_) {
    hand_on(cpu.to_ports, cpu.port);
    hand_on(cpu.waiting, {});
    hand_on(cpu.from_kvm);
  }
}

bool QemuLogReader::take_line(std::string_view line) {
  constexpr std::string_view k_plugin = "kobox ";
  constexpr std::string_view k_read = "memory_region_ops_read ";
  constexpr std::string_view k_write = "memory_region_ops_write ";
  constexpr std::string_view k_run_exit = "kvm_run_exit ";
  line_ns_ = take_time(line);
  if (line.starts_with(k_plugin)) return take_plugins(line.substr(k_plugin.size()));
  if (line.starts_with(k_read)) return take_region(line.substr(k_read.size()), false);
  if (line.starts_with(k_write)) return take_region(line.substr(k_write.size()), true);
  if (line.starts_with(k_run_exit) && !take_kvm_exit(line.substr(k_run_exit.size()))) return false;
  if (other_) other_(line);
  return true;
}

bool QemuLogReader::take_plugins(std::string_view text) {
  Words words(text);
  const auto what = words.next();
  unsigned index = 0;
  std::uint64_t ns = 0;
  if (!words.number(index) || !words.number(ns)) return false;
  auto& cpu = cpus_[index];
  hand_on(cpu.to_ports, cpu.port);
  cpu.in_port_instruction = false;
  if (what == "call") {
    CallBegin call{.cpu = index, .ns = ns};
    if (!words.number(call.instructions) || !words.number(call.id) || !words.number(call.parent) ||
        !words.number(call.function, 16) || !words.at_end())
      return false;
    sink_.call(call);
    return true;
  }
  if (what == "return") {
    CallEnd end{.cpu = index, .ns = ns};
    if (!words.number(end.instructions) || !words.number(end.id) || !words.at_end()) return false;
    sink_.end(end);
    return true;
  }
  Instruction instruction{.ns = ns};
  if (!words.number(instruction.rip, 16) || !words.number(instruction.call) ||
      !words.number(instruction.via, 16) || !words.at_end())
    return false;
  if (what == "port") {
    hand_on(cpu.waiting, {});
    cpu.in_port_instruction = true;
    cpu.port = instruction;
    return true;
  }
  if (what != "memory") return false;
  hand_on(cpu.waiting, instruction);
  return true;
}

// cpu 0 mr 0x55d0c0ffee00 addr 0x3fd value 0x60 size 1 name 'serial'
bool QemuLogReader::take_region(std::string_view text, bool is_write) {
  Words words(text);
  int index = 0;
  Exit access{.is_write = is_write};
  std::uint64_t region = 0;
  if (!words.key("cpu") || !words.number(index) || !words.key("mr") || !words.number(region, 16) ||
      !words.key("addr") || !words.number(access.address, 16) || !words.key("value") ||
      !words.number(access.value, 16) || !words.key("size") || !words.number(access.size) ||
      !words.key("name"))
    return false;
  auto name = words.rest();
  if (name.size() < 3 || !name.starts_with(" '") || !name.ends_with('\'')) return false;
  name.remove_prefix(2);
  name.remove_suffix(1);
  if (index < 0) return true;  // a device's own doing, no CPU's
  access.region = name;
  access.cpu = static_cast<unsigned>(index);
  add_access(cpus_[access.cpu], std::move(access));
  return true;
}

void QemuLogReader::add_access(Cpu& cpu, Exit access) {
  if (cpu.from_kvm) {
    auto& exit = *cpu.from_kvm;
    access.space = exit.reason == "IO" ? Exit::Space::port : Exit::Space::memory;
    if (exit.space != Exit::Space::none) {
      if (is_next_part(exit, access)) join(exit, access);
      return;  // what the device itself accesses meanwhile
    }
    exit.space = access.space;
    exit.is_write = access.is_write;
    exit.address = access.address;
    exit.size = access.size;
    exit.value = access.value;
    exit.region = std::move(access.region);
    return;
  }
  const bool is_port = cpu.in_port_instruction && access.address <= k_last_port;
  access.space = is_port ? Exit::Space::port : Exit::Space::memory;
  access.reason = is_port ? "port" : "memory";
  auto& accesses = is_port ? cpu.to_ports : cpu.waiting;
  if (!accesses.empty() && is_next_part(accesses.back(), access)) {
    join(accesses.back(), access);
    return;
  }
  if (accesses.size() >= k_max_waiting) hand_on(accesses, is_port ? cpu.port : Instruction{});
  accesses.push_back(std::move(access));
}

// cpu_index 0, reason 2
bool QemuLogReader::take_kvm_exit(std::string_view text) {
  Words words(text);
  unsigned index = 0, reason = 0;
  if (!words.key("cpu_index")) return false;
  auto first = words.next();
  if (!first.ends_with(',')) return false;
  first.remove_suffix(1);
  if (!Words(first).number(index) || !words.key("reason") || !words.number(reason)) return false;
  auto& pending = cpus_[index].from_kvm;
  hand_on(pending);
  pending = Exit{.cpu = index, .ns = line_ns_, .reason = kvm_run_exit_name(reason)};
  return true;
}

void QemuLogReader::hand_on(std::vector<Exit>& accesses, const Instruction& instruction) {
  for (auto& access : accesses) {
    access.ns = instruction.ns;
    access.rip = instruction.rip;
    access.call = instruction.call;
    access.via = instruction.via;
    sink_.exit(access);
  }
  accesses.clear();
}

void QemuLogReader::hand_on(std::optional<Exit>& exit) {
  if (exit) sink_.exit(*exit);
  exit.reset();
}

}  // namespace kobox
