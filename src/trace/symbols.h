// SPDX-License-Identifier: GPL-2.0-or-later
// Names for the guest's addresses: the kernel's functions, and those of modules where they lie.
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
  struct Loaded {
    std::filesystem::path ko;                       // the file that was loaded
    std::map<std::string, std::uint64_t> sections;  // where they lie (AgentClient::sections)
  };
  // Error: environment (no kallsyms; no such file).
  static Result<TraceSymbols> open(const Kernel& kernel, const std::vector<Loaded>& modules);

  // The modules' functions' beginnings, ascending, and where their code lies.
  std::vector<std::uint64_t> module_functions() const;
  // What the modules call outside of themselves: their undefined symbols, data among them.
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
  Result<> add_module(const Loaded& module);

  std::map<std::uint64_t, Function> functions_;
  AddressRange entries_;
  std::vector<AddressRange> code_;
  std::vector<std::string> called_;
};

}  // namespace kobox
