// SPDX-License-Identifier: GPL-2.0-or-later
// What GDB and QEMU's GDB server say to each other, mended where the server does other than GDB
// believes. Source of the packets: GDB's manual, "GDB Remote Serial Protocol".
//
// A step. When GDB steps one processor by an instruction it lets the others go on meanwhile. If one
// of them comes to a breakpoint first, QEMU (gdb_vm_state_change in gdbstub.c, as of 7.2) leaves
// the step under way: whenever the processor goes on later, it stops after one instruction, which
// GDB knows nothing of. At best GDB loses where it was stepping; if that instruction was at a
// breakpoint and one byte long, a push as functions begin with, GDB takes it for the breakpoint's
// own trap and has it executed again. So only the stepping processor runs for that one instruction;
// the others go on with everything that is more than a step.
//
// A breakpoint. Under KVM QEMU writes an INT3 into the guest's memory
// (kvm_arch_insert_sw_breakpoint in target/i386/kvm/kvm.c) and lets GDB read it there. When GDB
// then comes to know the breakpoint again, as it does whenever symbols are added, it takes it for
// one of the program's own, a permanent one, and continues behind it: in the midst of an
// instruction. So GDB reads what was there before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace kobox {

// The protocol's bytes, as they come in any pieces, as whole packets ("$…#xx") and single other
// bytes (acknowledgements, the interrupt).
class GdbPackets {
 public:
  // What is longer than any packet comes as it is.
  void feed(std::string_view bytes, const std::function<void(std::string&&)>& take);

 private:
  std::string packet_;   // of one that has begun
  std::size_t end_ = 0;  // how many characters of "#xx" are there
};

class GdbFilter {
 public:
  // What is to be sent on.
  struct Onward {
    std::string to_qemu, to_gdb;
    bool operator==(const Onward&) const = default;
  };
  Onward from_gdb(std::string_view bytes);
  Onward from_qemu(std::string_view bytes);

 private:
  struct Read {
    std::uint64_t address, bytes;
  };

  std::string of_gdb(std::string&& token);
  std::string step_alone(std::string&& packet);
  Onward of_qemu(std::string&& token);
  bool answers_our_read(std::string_view payload);
  std::string without_breakpoints(std::string_view payload, const Read& read) const;

  GdbPackets gdb_, qemu_;
  std::size_t steps_ = 0;  // in a row
  // GDB's, from the choice for a breakpoint until it is known what is there.
  std::string held_;
  std::uint64_t asked_ = 0;
  std::optional<Read> read_;                     // GDB's last packet, if it was one
  std::map<std::uint64_t, std::string> before_;  // at a breakpoint's address: the byte, in hex
};

}  // namespace kobox
