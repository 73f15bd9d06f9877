// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/source_tree.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/text.h"

namespace kobox {
namespace {

bool is_below(const fs::path& path, const fs::path& directory) {
  const auto relative = path.lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

bool is_hidden(const fs::path& name) { return name.native().starts_with('.'); }

// Whether a path that is below the module's directory is one of its sources.
bool is_source(const fs::path& relative) {
  for (const auto& directory : relative.parent_path())
    if (is_hidden(directory)) return false;
  return !is_build_product(relative);
}

class Lister {
 public:
  Lister(fs::path directory, fs::path root, fs::path skip, const SourceLimits& limits,
         const WantedSource& is_wanted)
      : directory_(std::move(directory)),
        root_(std::move(root)),
        skip_(std::move(skip)),
        limits_(limits),
        is_wanted_(is_wanted) {}

  Result<> add_directory(const fs::path& relative) {
    std::error_code error;
    for (auto it = fs::directory_iterator(root_ / relative, error);
         !error && it != fs::directory_iterator(); it.increment(error)) {
      if (interrupted()) return fail_interrupted();
      KOBOX_CHECK(add(*it, relative / it->path().filename()));
    }
    if (error)
      return fail(ErrorKind::environment, "cannot read the directory {}: {}",
                  (directory_ / relative).string(), error.message());
    return {};
  }

  std::vector<SourceEntry> take() {
    std::ranges::sort(entries_, {}, &SourceEntry::relative);
    return std::move(entries_);
  }

 private:
  Result<> add(const fs::directory_entry& entry, const fs::path& relative) {
    std::error_code error;
    const auto status = entry.symlink_status(error);
    if (status.type() == fs::file_type::directory) {
      if (is_hidden(relative.filename()) || entry.path() == skip_) return {};
      return add_directory(relative);
    }
    if (is_build_product(relative) || (is_wanted_ && !is_wanted_(relative))) return {};
    if (status.type() == fs::file_type::symlink) return add_link(entry.path(), relative);
    // Sockets, pipes and devices are nobody's source, and reading a pipe would block.
    if (status.type() == fs::file_type::regular) return add_file(entry.path(), relative);
    return {};
  }

  Result<> add_link(const fs::path& path, const fs::path& relative) {
    std::error_code error;
    const auto target = fs::canonical(path, error);
    if (error) {  // it dangles; whether the build needs it is make's to say
      entries_.push_back({.relative = relative, .link = fs::read_symlink(path, error).string()});
      return {};
    }
    const bool stays =
        is_below(target, root_) && is_source(target.lexically_relative(root_)) && target != skip_;
    if (stays) {
      entries_.push_back(
          {.relative = relative, .link = target.lexically_relative(path.parent_path()).string()});
      return {};
    }
    if (fs::is_regular_file(target, error)) return add_file(target, relative);
    if (fs::is_directory(target, error))
      entries_.push_back({.relative = relative, .link = fs::read_symlink(path, error).string()});
    return {};
  }

  Result<> add_file(const fs::path& origin, const fs::path& relative) {
    std::error_code error;
    const auto mode = fs::status(origin, error).permissions();
    const auto size = fs::file_size(origin, error);
    if (error)
      return fail(ErrorKind::environment, "cannot read {}: {}", (directory_ / relative).string(),
                  error.message());
    bytes_ += size;
    const bool executable = (mode & fs::perms::owner_exec) != fs::perms::none;
    entries_.push_back({.relative = relative, .origin = origin, .executable = executable});
    if (bytes_ > limits_.bytes || entries_.size() > limits_.files)
      return fail(ErrorKind::usage,
                  "{} holds more than {} or {} files, too much to copy for a build; give the "
                  "module a directory of its own (source and root in [module] of kobox.toml)",
                  directory_.string(), format_bytes(limits_.bytes), limits_.files);
    return {};
  }

  fs::path directory_;  // as the user wrote it, for messages
  fs::path root_;       // the same without links
  fs::path skip_;
  SourceLimits limits_;
  const WantedSource& is_wanted_;
  std::uint64_t bytes_ = 0;
  std::vector<SourceEntry> entries_;
};

// A link that points elsewhere now is another line: its new target may be older than the objects
// made from its old one, and make would see nothing to do.
std::set<std::string> manifest_lines(const std::vector<SourceEntry>& entries) {
  std::set<std::string> lines;
  for (const auto& entry : entries) {
    lines.insert(shell_quote(entry.relative.string()) +
                 (entry.origin.empty() ? " -> " + shell_quote(entry.link) : ""));
  }
  return lines;
}

Result<> sync_link(const SourceEntry& entry, const fs::path& target) {
  std::error_code error;
  if (fs::read_symlink(target, error) == entry.link && !error) return {};
  KOBOX_CHECK(remove_tree(target));
  KOBOX_CHECK(make_directories(target.parent_path()));
  error.clear();
  fs::create_symlink(entry.link, target, error);
  if (error)
    return fail(ErrorKind::environment, "cannot make the link {}: {}", target.string(),
                error.message());
  return {};
}

Result<> sync_file(const SourceEntry& entry, const fs::path& target, Digest& digest) {
  KOBOX_TRY(auto bytes, read_file(entry.origin));
  digest.add(bytes);
  std::error_code error;
  const auto there = fs::symlink_status(target, error);
  bool same = there.type() == fs::file_type::regular;
  if (same) {
    const auto old = read_file(target);
    same = old && *old == bytes;
  }
  if (!same) KOBOX_CHECK(write_file(target, bytes));
  const auto wanted = static_cast<fs::perms>(entry.executable ? 0755 : 0644);
  error.clear();
  if (!same || there.permissions() != wanted) fs::permissions(target, wanted, error);
  if (error)
    return fail(ErrorKind::environment, "cannot set the mode of {}: {}", target.string(),
                error.message());
  return {};
}

// A build may have put a link in the place of a directory, to have the next copy written elsewhere.
bool leads_through_link(const fs::path& copy, const fs::path& relative) {
  std::error_code ignored;
  auto place = copy;
  for (const auto& part : relative.parent_path())
    if (fs::is_symlink(fs::symlink_status(place /= part, ignored))) return true;
  return false;
}

}  // namespace

bool is_build_product(const fs::path& relative) {
  constexpr std::array<std::string_view, 14> k_endings = {
      ".o",   ".ko",       ".ko.gz", ".ko.xz", ".ko.zst",       ".mod", ".mod.c",
      ".cmd", ".symtypes", ".dwo",   ".o.d",   "modules.order", "~",    ".swp"};
  const auto name = relative.filename().string();
  for (const auto ending : k_endings)
    if (name.ends_with(ending)) return true;
  // Emacs' locks and auto-saves, and kbuild's own temporary files.
  if (name.starts_with(".#") || name.starts_with("#") || name.starts_with(".tmp_")) return true;
  // In a subdirectory Module.symvers may be another module's, for KBUILD_EXTRA_SYMBOLS.
  return relative == "Module.symvers" || relative == "kobox.toml";
}

Result<std::vector<SourceEntry>> list_sources(const fs::path& directory, const fs::path& skip,
                                              const SourceLimits& limits,
                                              const WantedSource& is_wanted) {
  std::error_code error;
  const auto root = fs::canonical(directory, error);
  if (error) return fail(ErrorKind::usage, "{}: {}", directory.string(), error.message());
  const auto skipped = skip.empty() ? skip : fs::weakly_canonical(skip, error);
  Lister lister(directory, root, skipped, limits, is_wanted);
  KOBOX_CHECK(lister.add_directory({}));
  return lister.take();
}

Result<std::string> sync_sources(const std::vector<SourceEntry>& entries, const fs::path& copy,
                                 const fs::path& manifest) {
  const auto lines = manifest_lines(entries);
  std::set<std::string> old;
  std::error_code ignored;
  if (fs::exists(manifest, ignored)) {
    KOBOX_TRY(auto text, read_file(manifest));
    for (const auto line : lines_of(text)) old.emplace(line);
  }
  // The manifest is away while the set of files changes, so that a sync cut short starts from the
  // start.
  if (lines != old) KOBOX_CHECK(remove_tree(manifest));
  if (old.empty() || !std::ranges::includes(lines, old) ||
      std::ranges::any_of(entries, [&](const SourceEntry& entry) {
        return leads_through_link(copy, entry.relative);
      }))
    KOBOX_CHECK(remove_tree(copy));
  KOBOX_CHECK(make_directories(copy));

  Digest digest;
  for (const auto& entry : entries) {
    if (interrupted()) return fail_interrupted();
    digest.add(entry.relative.native()).add(entry.executable ? "x" : "").add(entry.link);
    const auto target = copy / entry.relative;
    if (entry.origin.empty())
      KOBOX_CHECK(sync_link(entry, target));
    else
      KOBOX_CHECK(sync_file(entry, target, digest));
  }
  if (lines != old) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    KOBOX_CHECK(write_file(manifest, text));
  }
  return digest.hex();
}

}  // namespace kobox
