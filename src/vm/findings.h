// SPDX-License-Identifier: GPL-2.0-or-later
// What was found out about this host and its kernels, kept between runs in one small JSON file.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace kobox {

class Findings {
 public:
  explicit Findings(std::filesystem::path file) : file_(std::move(file)) {}

  // The value of a key; null if there is none. A damaged file counts as empty.
  nlohmann::json recall(const std::string& key) const;
  // Best effort: a cache that cannot be written only costs the next run the same search.
  void remember(const std::string& key, nlohmann::json value) const;

 private:
  std::filesystem::path file_;
};

// For a key that depends on a program: changes when its file does.
std::string program_stamp(const std::filesystem::path& program);

}  // namespace kobox
