// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/source_tree.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/text.h"

namespace kobox {
namespace {

// As many links as Linux follows in one path (MAXSYMLINKS in its include/linux/namei.h).
constexpr std::size_t k_max_nested_links = 40;

bool is_hidden(const fs::path& name) { return name.native().starts_with('.'); }

class Lister {
 public:
  Lister(const fs::path& directory, const fs::path& root, fs::path skip,
         const SourceSelection& selection)
      : directory_(directory),
        skip_(std::move(skip)),
        selection_(selection),
        trees_({{.place = root, .relative = {}}}) {}

  Result<> add_directory(const fs::path& place, const fs::path& relative) {
    ++directories_;
    KOBOX_CHECK(check_limits());
    std::error_code error;
    for (auto it = fs::directory_iterator(place, error); !error && it != fs::directory_iterator();
         it.increment(error)) {
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
  // A directory that is listed: the one itself, or one that a link leads to.
  struct Tree {
    fs::path place;     // canonical
    fs::path relative;  // where it comes to lie in the copy
  };

  bool is_product(const fs::path& relative) const {
    return is_build_product(relative, selection_.inside);
  }

  bool is_wanted(const fs::path& relative) const {
    return !selection_.is_wanted || selection_.is_wanted(relative);
  }

  Result<> add(const fs::directory_entry& entry, const fs::path& relative) {
    std::error_code error;
    const auto status = entry.symlink_status(error);
    if (status.type() == fs::file_type::directory) {
      if (is_hidden(relative.filename()) || entry.path() == skip_) return {};
      return add_directory(entry.path(), relative);
    }
    if (is_product(relative) || !is_wanted(relative)) return {};
    if (status.type() == fs::file_type::symlink) return add_link(entry.path(), relative);
    // Sockets, pipes and devices are nobody's source, and reading a pipe would block.
    if (status.type() == fs::file_type::regular) return add_file(entry.path(), relative);
    return {};
  }

  Result<> add_link(const fs::path& path, const fs::path& relative) {
    std::error_code error;
    const auto named = fs::read_symlink(path, error);
    auto target = fs::canonical(path, error);
    const bool dangles = static_cast<bool>(error);
    if (dangles) target = fs::weakly_canonical(path.parent_path() / named, error);
    // Whether the build needs one that dangles is make's to say.
    if (const auto inner = place_in_copy(target, dangles)) {
      const auto link = inner->lexically_relative(relative.parent_path());
      entries_.push_back({.relative = relative, .link = link.string()});
      return {};
    }
    if (!dangles && fs::is_regular_file(target, error)) return add_file(target, relative);
    if (selection_.outer_links == OuterLinks::listed) {
      entries_.push_back({.relative = relative, .link = named.string()});
      return {};
    }
    if (dangles || !fs::is_directory(target, error)) return {};
    return add_outer_directory(target, relative);
  }

  // Where the copy has what a link leads to; nothing if it does not have it.
  std::optional<fs::path> place_in_copy(const fs::path& target, bool dangles) const {
    std::error_code ignored;
    for (const auto& tree : trees_) {
      if (!is_below(target, tree.place)) continue;
      const auto rest = target.lexically_relative(tree.place);
      const auto relative = rest == "." ? tree.relative : tree.relative / rest;
      if (dangles) return relative;
      const bool is_taken =
          !std::ranges::any_of(rest.parent_path(), is_hidden) && !is_product(relative) &&
          !is_below(target, skip_) &&
          (fs::is_directory(target, ignored) ? !is_hidden(rest.filename()) : is_wanted(relative));
      if (is_taken || rest == ".") return relative;
    }
    return std::nullopt;
  }

  // A directory that holds one that is being listed would come without end.
  Result<> add_outer_directory(const fs::path& target, const fs::path& relative) {
    const auto is_in_it = [&](const Tree& tree) { return is_below(tree.place, target); };
    if (std::ranges::any_of(trees_, is_in_it) || is_below(target, skip_)) return {};
    if (trees_.size() > k_max_nested_links)
      return fail(ErrorKind::usage, "{} leads through more than {} links",
                  (directory_ / relative).string(), k_max_nested_links);
    trees_.push_back({.place = target, .relative = relative});
    KOBOX_CHECK(add_directory(target, relative));
    trees_.pop_back();
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
    return check_limits();
  }

  // Directories count too: links can show one tree any number of times.
  Result<> check_limits() const {
    const auto& limits = selection_.limits;
    if (bytes_ <= limits.bytes && entries_.size() <= limits.files && directories_ <= limits.files)
      return {};
    const auto through = trees_.size() == 1 ? ""
                                            : fmt::format(" with what the link {} leads to",
                                                          trees_[1].relative.string());
    return fail(ErrorKind::usage,
                "{}{} holds more than {} or {} files, too much to copy for a build; give the "
                "module a directory of its own (source and root in [module] of kobox.toml)",
                directory_.string(), through, format_bytes(limits.bytes), limits.files);
  }

  fs::path directory_;  // as the user wrote it, for messages
  fs::path skip_;
  const SourceSelection& selection_;
  std::vector<Tree> trees_;  // the directory without links, and those that are being listed in it
  std::uint64_t bytes_ = 0;
  std::size_t directories_ = 0;
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

bool is_build_product(const fs::path& relative, const fs::path& inside) {
  constexpr std::array<std::string_view, 14> k_endings = {
      ".o",   ".ko",       ".ko.gz", ".ko.xz", ".ko.zst",       ".mod", ".mod.c",
      ".cmd", ".symtypes", ".dwo",   ".o.d",   "modules.order", "~",    ".swp"};
  const auto name = relative.filename().string();
  for (const auto ending : k_endings)
    if (name.ends_with(ending)) return true;
  // Emacs' locks and auto-saves, and kbuild's own temporary files.
  if (name.starts_with(".#") || name.starts_with("#") || name.starts_with(".tmp_")) return true;
  // Elsewhere Module.symvers may be another module's, for KBUILD_EXTRA_SYMBOLS.
  return relative == inside / "Module.symvers" || name == "kobox.toml";
}

Result<std::vector<SourceEntry>> list_sources(const fs::path& directory, const fs::path& skip,
                                              const SourceSelection& selection) {
  std::error_code error;
  const auto root = fs::canonical(directory, error);
  if (error) return fail(ErrorKind::usage, "{}: {}", directory.string(), error.message());
  const auto skipped = skip.empty() ? skip : fs::weakly_canonical(skip, error);
  Lister lister(directory, root, skipped, selection);
  KOBOX_CHECK(lister.add_directory(root, {}));
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
