// SPDX-License-Identifier: GPL-2.0-or-later
// Stands between GDB and QEMU's GDB server, and passes on what gdb_filter.h makes of both.
#pragma once

#include <filesystem>
#include <memory>

#include "base/fd.h"
#include "base/result.h"
#include "vm/event_loop.h"
#include "vm/gdb_filter.h"

namespace kobox {

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
  void pass_on(const GdbFilter::Onward& onward);

  EventLoop& loop_;
  Fd listener_;
  std::filesystem::path server_;
  GdbFilter filter_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  std::unique_ptr<ReadableOnce> client_comes_;
  std::unique_ptr<Channel> client_;
  std::unique_ptr<Channel> qemu_;
};

}  // namespace kobox
