// SPDX-License-Identifier: GPL-2.0-or-later
// Stands between GDB and QEMU's GDB server, and keeps one processor's step from being lost.
//
// When GDB steps one processor by an instruction it lets the others go on meanwhile. If one of them
// comes to a breakpoint first, QEMU (gdb_vm_state_change in gdbstub.c, as of 7.2) leaves the step
// under way: whenever the processor goes on later, it stops after one instruction, which GDB knows
// nothing of. At best GDB loses where it was stepping; if that instruction was at a breakpoint and
// one byte long, a push as functions begin with, GDB takes it for the breakpoint's own trap and has
// it executed again. The relay lets only the stepping processor run for that one instruction; the
// others go on with everything that is more than a step.
//
// Source of the packets: GDB's manual, "GDB Remote Serial Protocol".
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "vm/event_loop.h"

namespace kobox {

// What GDB sends, as it comes, to what QEMU shall get.
class StepFilter {
 public:
  std::string feed(std::string_view bytes);

 private:
  std::string end_packet();

  std::string packet_;     // "$…" of one that has begun
  std::size_t end_ = 0;    // how many characters of "#xx" are there
  std::size_t steps_ = 0;  // in a row
};

// Takes connections from `listener`, one after the other, and passes them on to QEMU's socket,
// while the loop runs.
class GdbRelay {
 public:
  GdbRelay(EventLoop& loop, Fd listener, std::filesystem::path server);
  GdbRelay(const GdbRelay&) = delete;
  GdbRelay& operator=(const GdbRelay&) = delete;
  ~GdbRelay();

  // Is a debugger there?
  bool connected() const { return client_ != nullptr; }

 private:
  void await_client();
  void take_client();

  EventLoop& loop_;
  Fd listener_;
  std::filesystem::path server_;
  StepFilter filter_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  std::unique_ptr<ReadableOnce> client_comes_;
  std::unique_ptr<Channel> client_;
  std::unique_ptr<Channel> qemu_;
};

}  // namespace kobox
