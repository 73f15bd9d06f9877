// SPDX-License-Identifier: GPL-2.0-or-later
// Names for the guest's addresses: the kernel's functions, and those of one module where it lies.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

struct AddressRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class TraceSymbols {
 public:
  // `ko`: the file that was loaded; `sections`: where its sections lie in the guest (AgentClient::
  // sections). `ko` empty: the kernel alone. Error: environment (no kallsyms; no such file).
  static Result<TraceSymbols> open(const Kernel& kernel, const std::filesystem::path& ko,
                                   const std::map<std::string, std::uint64_t>& sections);

  // The module's functions' beginnings, ascending, and where its code lies.
  std::vector<std::uint64_t> module_functions() const;
  // What the module calls outside of itself: its undefined symbols, data among them.
  const std::vector<std::string>& called() const { return called_; }
  const std::vector<AddressRange>& module_code() const { return code_; }
  bool in_module(std::uint64_t address) const;
  // The kernel's .entry.text, by which system calls and interrupts come in; empty if not known.
  const AddressRange& entries() const { return entries_; }

  // The function that holds an address; "0xffffffff81000000" if none does.
  std::string name(std::uint64_t address) const;

 private:
  struct Function {
    std::string name;
    std::uint64_t end = 0;
  };
  Result<> add_kernel(const Kernel& kernel);
  Result<> add_module(const std::filesystem::path& ko,
                      const std::map<std::string, std::uint64_t>& sections);

  std::map<std::uint64_t, Function> functions_;
  AddressRange entries_;
  std::vector<AddressRange> code_;
  std::vector<std::string> called_;
};

}  // namespace kobox
