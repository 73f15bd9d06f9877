// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/sibling_export.h"

#include <algorithm>
#include <vector>

#include "base/files.h"
#include "module/build_method.h"
#include "module/source_tree.h"
#include "module/symbol_origin.h"

namespace kobox {
namespace {

constexpr std::uint64_t k_max_file = 2 << 20;

bool is_code(const fs::path& file) {
  return (file.extension() == ".c" || file.extension() == ".h") &&
         !is_build_product(file.filename());
}

class Search {
 public:
  Search(const std::string& symbol, Deadline deadline, const SiblingLimits& limits)
      : symbol_(symbol), deadline_(deadline), limits_(limits) {}

  bool is_whole() const { return is_whole_; }

  // By their names.
  std::vector<fs::path> siblings_of(const fs::path& own) {
    std::vector<fs::path> siblings;
    std::error_code error;
    for (auto it = fs::directory_iterator(own.parent_path(), error);
         !error && it != fs::directory_iterator() && goes_on(siblings.size(), limits_.directories);
         it.increment(error)) {
      std::error_code unknown;
      if (it->path() != own && it->is_directory(unknown)) siblings.push_back(it->path());
    }
    is_whole_ = is_whole_ && !error;
    std::ranges::sort(siblings);
    return siblings;
  }

  bool exports(const fs::path& directory) {
    std::error_code error;
    bool found = false;
    for (auto it = fs::directory_iterator(directory, error);
         !error && !found && it != fs::directory_iterator() && goes_on(files_, limits_.files);
         it.increment(error)) {
      if (!is_code(it->path())) continue;
      ++files_;
      const auto text = read_regular_file(it->path(), k_max_file);
      is_whole_ = is_whole_ && text.has_value();
      found = text && exports_symbol(*text, symbol_);
    }
    is_whole_ = is_whole_ && !error;
    return found;
  }

 private:
  bool goes_on(std::size_t count, std::size_t limit) {
    if (count < limit && !deadline_.passed()) return true;
    is_whole_ = false;
    return false;
  }

  const std::string& symbol_;
  Deadline deadline_;
  SiblingLimits limits_;
  std::size_t files_ = 0;
  bool is_whole_ = true;
};

// The nearest directory with a kobox.toml, from a module's directory upwards; without one that.
fs::path directory_of_toml(const fs::path& source) {
  std::error_code ignored;
  for (auto place = source; place != place.root_path(); place = place.parent_path())
    if (fs::exists(place / "kobox.toml", ignored)) return place;
  return source;
}

}  // namespace

SiblingSearch find_sibling(const fs::path& source, const std::string& symbol, Deadline deadline,
                           const SiblingLimits& limits) {
  std::error_code error;
  const auto own = fs::canonical(source, error);
  if (error) return {.is_whole = false};
  if (own == own.root_path()) return {};
  Search search(symbol, deadline, limits);
  for (const auto& one : search.siblings_of(own)) {
    if (methods_for(one, BuildMethod::automatic).empty() || !search.exports(one)) continue;
    const auto project = directory_of_toml(own);
    return {.found =
                SiblingExport{.directory = one.lexically_relative(own).string(),
                              .toml = (project / "kobox.toml").lexically_relative(own).string(),
                              .needs = one.lexically_relative(project).string()}};
  }
  return {.is_whole = search.is_whole()};
}

}  // namespace kobox
