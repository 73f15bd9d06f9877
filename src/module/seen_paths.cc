// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/seen_paths.h"

namespace kobox {
namespace {

std::string with_slash(const std::filesystem::path& path) {
  auto text = path.lexically_normal().string();
  if (!text.ends_with('/')) text += '/';
  return text;
}

void replace_every(std::string& text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

}  // namespace

SeenPaths::SeenPaths(std::filesystem::path directory, const std::filesystem::path& top)
    : directory_(with_slash(directory)), top_(with_slash(top.empty() ? directory : top)) {
  for (const char c : std::string_view(directory_).substr(top_.size()))
    if (c == '/') up_ += "../";
}

std::string SeenPaths::relative(std::string_view file) const {
  std::string found(file);
  if (file.starts_with(directory_))
    found = file.substr(directory_.size());
  else if (file.starts_with(top_))
    found = up_ + std::string(file.substr(top_.size()));
  else
    return found;
  return std::filesystem::path(found).lexically_normal().string();
}

void SeenPaths::make_relative(std::string& text) const {
  // The compiler repeats a path as it was given: "/module/drv/../shared/x.c".
  replace_every(text, directory_, "");
  if (top_ != directory_) replace_every(text, top_, up_);
}

}  // namespace kobox
