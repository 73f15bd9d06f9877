// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/kept_console.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace kobox {
namespace {

namespace fs = std::filesystem;

constexpr std::streamoff k_shown = 64 * 1024;

bool stands_below(const fs::path& path, const fs::path& directory) {
  return std::mismatch(directory.begin(), directory.end(), path.begin(), path.end()).first ==
         directory.end();
}

std::string end_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  if (size <= 0) return "";
  const auto from = std::max<std::streamoff>(0, size - k_shown);
  std::string text(static_cast<std::size_t>(size - from), '\0');
  file.seekg(from);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  if (from == 0) return text;
  return fmt::format("({} bytes before this)\n", from) + text.substr(text.find('\n') + 1);
}

}  // namespace

ConsoleOf kept_console(fs::path state) {
  return [state = std::move(state)](const std::string& path) -> std::string {
    std::error_code error;
    const auto real_state = fs::canonical(state, error);
    if (error) return "";
    const auto real = fs::canonical(path, error);
    if (error || !fs::is_regular_file(real, error) || !stands_below(real, real_state)) return "";
    return end_of(real);
  };
}

}  // namespace kobox
