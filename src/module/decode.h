// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel's log with the modules' own file and line at every place in them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "module/build.h"
#include "module/ko_file.h"
#include "verdict/trace_line.h"

namespace kobox {

// Reads a log from its first line to its last: what a line of a call trace means depends on the
// register dump before it.
class Decoder {
 public:
  // Error (environment): a .ko cannot be read.
  static Result<Decoder> open(const std::vector<BuiltModule>& modules);
  // For modules whose lines were read before: by their names, with '_' for '-'.
  using Lines = std::map<std::string, std::shared_ptr<const KoLines>>;
  explicit Decoder(Lines lines) : lines_(std::move(lines)) {}

  // The line, with " (file:line)" after each "function+0x12/0x34 [module]" of these modules that is
  // found in its DWARF. For code that is inlined there: " (store at a.c:3, inlined into dev_write
  // at a.c:5)".
  std::string line(std::string_view text);

  int decoded() const { return decoded_; }
  int unknown() const { return unknown_; }  // places of theirs that this build does not have

 private:
  std::string place_of(const KoLines& lines, const TraceFrame& frame, KoLines::Address address);

  Lines lines_;
  std::optional<TraceFrame> fault_;  // the last place that was no return address
  int decoded_ = 0;
  int unknown_ = 0;
};

// The release of the kernel that wrote the log, from the line that begins an oops' register dump
// ("CPU: 0 PID: 1 Comm: cat Tainted: G OE 6.1.0-56-cloud-amd64 #1 Debian …", dump_stack_print_info
// in lib/dump_stack.c) or from its first line ("Linux version 6.1.0-56-cloud-amd64 (…").
std::optional<std::string> release_in_log(std::string_view log);

}  // namespace kobox
