// SPDX-License-Identifier: GPL-2.0-or-later
// The sections of an ELF file, mapped into memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kobox {

struct ElfSection {
  std::string name;
  std::uint32_t type = 0;     // SHT_…
  std::uint64_t flags = 0;    // SHF_…
  std::uint64_t address = 0;  // where it lies in the running program
  std::uint64_t size = 0;     // bytes there
  std::string_view bytes;     // its contents; none for SHT_NOBITS

  bool holds(std::uint64_t place) const { return place >= address && place - address < size; }
};

class ElfImage {
 public:
  // ErrorKind::environment for what cannot be read or is no 64-bit ELF file.
  static Result<ElfImage> open(const std::filesystem::path& path);
  ElfImage(ElfImage&&) noexcept;
  ElfImage& operator=(ElfImage&&) noexcept;
  ~ElfImage();

  // Whose code it is: e_machine (elf(5)).
  std::uint16_t machine() const;
  // In the file's order; their bytes live as long as this.
  const std::vector<ElfSection>& sections() const;
  const ElfSection* find(std::string_view name) const;  // nullptr if there is none

 private:
  struct Impl;
  explicit ElfImage(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kobox
