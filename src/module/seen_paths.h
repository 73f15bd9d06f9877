// SPDX-License-Identifier: GPL-2.0-or-later
// The paths by which a build saw the module's sources, and what the user calls them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace kobox {

class SeenPaths {
 public:
  // `directory`: the module's own, as the build knew it; `top`: the directory that holds it and was
  // taken along for the build, or the same.
  SeenPaths(std::filesystem::path directory, const std::filesystem::path& top);
  // NOLINTNEXTLINE(google-explicit-constructor): nothing but the module's directory
  SeenPaths(const std::filesystem::path& directory) : SeenPaths(directory, directory) {}

  // Is an absolute path one of the sources'?
  bool hold(std::string_view file) const { return file.starts_with(top_); }
  // The path relative to the module's directory, "../shared/x.c" for one beside it; any other path
  // stays as it is.
  std::string relative(std::string_view file) const;
  // The same for every path in a text.
  void make_relative(std::string& text) const;

 private:
  std::string directory_;  // both end in '/'
  std::string top_;
  std::string up_;  // from the directory to the top: "../../"
};

}  // namespace kobox
