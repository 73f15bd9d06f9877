// SPDX-License-Identifier: GPL-2.0-or-later
// `kobox doctor`: is everything here that kobox needs?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace kobox {

struct Finding {
  enum class Grade { fine, note, missing };
  Grade grade = Grade::fine;
  std::string what;  // "QEMU"
  std::string detail;
};

// cache and state as kobox would use them.
std::vector<Finding> examine_host(const std::filesystem::path& cache,
                                  const std::filesystem::path& state);

}  // namespace kobox
