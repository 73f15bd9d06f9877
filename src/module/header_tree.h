// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel's headers as files, to look names up in: a build tree as modules are built with
// (Kernel::headers), with what it includes from elsewhere. Debian's has the generated headers and
// a Makefile that includes that of linux-headers-RELEASE-common, which has all others; the build
// tree of a kernel that was made with O= has the same form; a whole source tree has everything.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/deadline.h"
#include "kernel/kernel.h"
#include "module/c_declarations.h"

namespace kobox {

class HeaderTree {
 public:
  // Reads the build tree's Makefile. A kernel without headers has a tree without files. `deadline`:
  // searches that it ends find nothing (incomplete()).
  HeaderTree(const Kernel& kernel, Deadline deadline);

  const std::string& release() const { return release_; }
  // It has no headers of the kernel's own (include/linux), so that nothing follows from what is not
  // found in it.
  bool empty() const;

  struct Found {
    std::string file;  // relative to the tree it is in: "include/linux/fs.h"
    CDeclaration declaration;
  };
  // The declarations of each of these names, the kernel's own headers (include/linux) first. Reads
  // every header once: about 0.2 s for all of them.
  std::map<std::string, std::vector<Found>> look_up(std::span<const std::string> names) const;

  // A member in the definition of a struct or union, and that definition itself.
  struct Struct {
    std::string file;
    std::string text;  // the whole file
    CDeclaration definition;
  };
  std::optional<Struct> find_struct(const std::string& tag) const;

  // "linux/genhd.h" as one includes it: where it is, relative to its tree; nothing if it is gone.
  std::optional<std::string> header(std::string_view name) const;
  // Headers of the same file name in other directories, as one includes them.
  std::vector<std::string> namesakes(std::string_view name) const;
  std::string read(const std::string& file) const;

  // The line of Module.symvers (Documentation/kbuild/modules.rst) for a symbol.
  struct Export {
    int line = 0;
    std::string text;
    std::string module;      // "vmlinux", or of a module the path in the kernel's tree, without .ko
    std::string how;         // EXPORT_SYMBOL or EXPORT_SYMBOL_GPL
    std::string name_space;  // that a module has to import, or ""
  };
  std::optional<Export> exported(std::string_view symbol) const;
  bool has_exports() const;

  // The first line of kbuild's own files (scripts/) that reads a make variable: "$(NAME)".
  std::optional<Found> read_variable(std::string_view variable) const;

  // The deadline came in a search, or there were too many files: what was not found may still be
  // there.
  bool incomplete() const { return incomplete_; }

 private:
  // Include directories, with the part of the path that is shown.
  struct Root {
    std::filesystem::path tree;
    std::string below;  // "include"
  };
  std::vector<std::string> headers_below(const std::filesystem::path& top) const;
  template <typename Each>
  void each_header(Each each) const;

  std::string release_;
  std::filesystem::path build_;
  std::vector<std::filesystem::path> trees_;
  std::vector<Root> roots_;
  Deadline deadline_;
  mutable bool incomplete_ = false;
};

}  // namespace kobox
