// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/header_tree.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/files.h"
#include "base/text.h"
#include "module/c_tokens.h"

namespace kobox {
namespace {

constexpr std::uint64_t k_max_header = 2 << 20;
constexpr std::uint64_t k_max_symvers = 16 << 20;
// Of one name. More say nothing new: it is a common word.
constexpr std::size_t k_max_found = 64;
// Of an include directory's files and directories; the kernel's largest has 8,000.
constexpr std::size_t k_max_entries = 100'000;

// The tree whose Makefile the build tree's Makefile includes: beside it, wherever the kernel's
// files lie, or where the Makefile says.
std::optional<fs::path> included_tree(const fs::path& build) {
  const auto makefile = read_file(build / "Makefile", k_max_header);
  if (!makefile) return std::nullopt;
  for (const auto line : lines_of(*makefile)) {
    if (!line.starts_with("include ") || !trim(line).ends_with("/Makefile")) continue;
    auto named = trim(line.substr(8));
    if (const auto made = named.rfind("))"); made != std::string_view::npos)
      named = named.substr(made + 2);  // $(dir $(abspath …))../linux-headers-X-common/Makefile
    const auto tree = fs::path(named).parent_path();
    std::error_code error;
    for (const auto& candidate : {build.parent_path() / tree.filename(), build / tree})
      if (fs::is_directory(candidate / "include", error)) return candidate.lexically_normal();
  }
  return std::nullopt;
}

// Of no use to a C file, or without anything in them.
bool is_left_out(const std::string& directory) {
  constexpr std::array<std::string_view, 2> k_names = {"dt-bindings", "config"};
  return std::ranges::find(k_names, directory) != k_names.end();
}

// Before the kernel's headers those of the other rooms have a say only where it has none.
bool is_kernels_own(const std::string& file) {
  return file.starts_with("include/linux/") && file.find("/platform_data/") == std::string::npos;
}

bool holds_headers(const fs::path& directory) {
  std::error_code error;
  fs::directory_iterator entries(directory, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error))
    if (entries->path().extension() == ".h") return true;
  return false;
}

}  // namespace

// Links to directories are followed, as Ubuntu's headers have them, and each directory is read
// once: at its own path if that is below `top`.
std::vector<std::string> HeaderTree::headers_below(const fs::path& top) const {
  std::vector<std::string> files;
  std::set<fs::path> directories = {top};
  std::set<fs::path> links;
  std::set<fs::path> read;  // as canonical paths
  std::size_t count = 0;
  while (!directories.empty() || !links.empty()) {
    auto& from = directories.empty() ? links : directories;
    const auto directory = from.extract(from.begin()).value();
    std::error_code error;
    const auto real = fs::canonical(directory, error);
    if (error || !read.insert(real).second) continue;
    fs::directory_iterator entries(directory, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      if (++count > k_max_entries) {
        incomplete_ = true;
        return files;
      }
      const auto& path = entries->path();
      std::error_code ignored;
      if (!entries->is_directory(ignored)) {
        if (path.extension() == ".h") files.push_back(path.string());
      } else if (!is_left_out(path.filename().string())) {
        (entries->is_symlink(ignored) ? links : directories).insert(path);
      }
    }
  }
  std::ranges::sort(files);
  return files;
}

HeaderTree::HeaderTree(const Kernel& kernel, Deadline deadline)
    : release_(kernel.release), build_(kernel.headers), deadline_(deadline) {
  if (build_.empty()) return;
  const auto arch = "arch/" + std::string(kernel.arch->linux) + "/include";
  if (const auto common = included_tree(build_)) trees_.push_back(*common);
  trees_.push_back(build_);
  for (const auto& tree : trees_)
    for (const auto& below : {std::string("include"), arch}) roots_.push_back({tree, below});
}

bool HeaderTree::empty() const {
  return std::ranges::none_of(
      trees_, [](const fs::path& tree) { return holds_headers(tree / "include/linux"); });
}

// Until `each` returns false.
template <typename Each>
void HeaderTree::each_header(Each each) const {
  for (const bool own : {true, false}) {
    for (const auto& root : roots_) {
      for (const auto& path : headers_below(root.tree / root.below)) {
        const auto file = path.substr(root.tree.string().size() + 1);
        if (is_kernels_own(file) != own) continue;
        if (deadline_.passed()) {
          incomplete_ = true;
          return;
        }
        if (const auto text = read_file(path, k_max_header); text && !each(file, *text)) return;
      }
    }
  }
}

std::map<std::string, std::vector<HeaderTree::Found>> HeaderTree::look_up(
    std::span<const std::string> names) const {
  std::map<std::string, std::vector<Found>> found;
  each_header([&](const std::string& file, const std::string& text) {
    for (const auto& name : names) {
      auto& all = found[name];
      if (all.size() >= k_max_found) continue;
      for (auto& declaration : declarations_of(text, name))
        all.push_back({file, std::move(declaration)});
    }
    return true;
  });
  return found;
}

std::optional<HeaderTree::Struct> HeaderTree::find_struct(const std::string& tag) const {
  std::optional<Struct> found;
  each_header([&](const std::string& file, const std::string& text) {
    if (text.find(" " + tag + " {") == std::string::npos) return true;
    for (auto& one : declarations_of(text, tag)) {
      if (one.kind != CDeclaration::Kind::type || one.type.starts_with("typedef")) continue;
      found = Struct{file, text, std::move(one)};
      return false;
    }
    return true;
  });
  return found;
}

std::optional<std::string> HeaderTree::header(std::string_view name) const {
  std::error_code error;
  for (const auto& root : roots_) {
    for (const auto* between : {"", "generated", "uapi", "generated/uapi"}) {
      const auto file = fs::path(root.below) / between / name;
      if (fs::is_regular_file(root.tree / file, error)) return file.lexically_normal().string();
    }
  }
  return std::nullopt;
}

std::vector<std::string> HeaderTree::namesakes(std::string_view name) const {
  const auto file_name = fs::path(name).filename();
  std::vector<std::string> found;
  for (const auto& root : roots_) {
    const auto top = root.tree / root.below;
    for (const auto& path : headers_below(top)) {
      if (fs::path(path).filename() != file_name) continue;
      const auto as_included = fs::path(path).lexically_relative(top).string();
      if (as_included.starts_with("uapi/") || as_included.starts_with("generated/")) continue;
      found.push_back(as_included);
    }
  }
  return found;
}

std::string HeaderTree::read(const std::string& file) const {
  for (const auto& tree : trees_)
    if (const auto text = read_file(tree / file, k_max_header)) return *text;
  return "";
}

bool HeaderTree::has_exports() const {
  std::error_code error;
  return !build_.empty() && fs::is_regular_file(build_ / "Module.symvers", error);
}

// "0x12345678\tsymbol\tvmlinux\tEXPORT_SYMBOL\tNAMESPACE"
std::optional<HeaderTree::Export> HeaderTree::exported(std::string_view symbol) const {
  const auto text = read_file(build_ / "Module.symvers", k_max_symvers);
  if (!text) return std::nullopt;
  int number = 0;
  for (const auto line : lines_of(*text)) {
    ++number;
    if (line.find(symbol) == std::string_view::npos) continue;
    const auto fields = split(line, '\t');
    if (fields.size() < 4 || fields[1] != symbol) continue;
    return Export{.line = number,
                  .text = std::string(line),
                  .module = fields[2],
                  .how = fields[3],
                  .name_space = fields.size() > 4 ? fields[4] : ""};
  }
  return std::nullopt;
}

std::optional<HeaderTree::Found> HeaderTree::read_variable(std::string_view variable) const {
  const auto use = "$(" + std::string(variable) + ")";
  constexpr std::array<const char*, 3> k_files = {"scripts/Makefile.lib", "scripts/Makefile.build",
                                                  "Makefile"};
  for (const auto* file : k_files) {
    const auto text = read(file);
    int number = 0;
    for (const auto line : lines_of(text)) {
      ++number;
      if (line.find(use) == std::string_view::npos || trim(line).starts_with('#')) continue;
      return Found{
          file, {.kind = CDeclaration::Kind::variable, .line = number, .text = std::string(line)}};
    }
  }
  return std::nullopt;
}

}  // namespace kobox
