// SPDX-License-Identifier: GPL-2.0-or-later
// How a user names a kernel.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/distribution.h"
#include "base/result.h"

namespace kobox {

struct Selector {
  enum class Kind {
    line,     // "6.1", "6.1-cloud", "6.12-rt": the newest of that line in Debian
    release,  // "6.1.0-56-cloud-amd64": exactly this one
    path,     // a vmlinuz file, whose build tree comes from --headers, or a kernel tree
    host,     // the running kernel's own files
    all,      // "all", "all-rt": the newest of each line that can be built for
    oldest,   // of those the first
    newest,   // of those the last; with `from`, of that release of Debian: "sid", "sid-cloud"
    stable,   // of those the one that Debian's stable release has
  };
  Kind kind = Kind::line;
  std::string text;             // as the user wrote it
  std::string version;          // line: "6.1"
  std::string flavour;          // line: "" (generic), "cloud" or "rt"
  std::filesystem::path image;  // path
  // all, oldest, newest, stable: the same, or nothing for cloud where there is one.
  std::optional<std::string> only_flavour = {};

  // newest: a release of Debian that has to be named (archive/distribution.h). Else nullptr.
  const Distribution* from = nullptr;

  // Whether it stands for what has to be looked up before it is one kernel.
  bool is_group() const { return kind >= Kind::all; }
  // line, release: is the kernel release such a one?
  bool names(std::string_view release) const;
};

// What names exactly one kernel, or one of the words that stand for some. ErrorKind::usage says
// which forms there are.
Result<Selector> parse_selector(std::string_view text);

// Where several kernels may be named: words with blanks between, each a selector or a condition on
// the version. Conditions hold for all; without a selector they choose among `all`.
//   "6.1 6.12-cloud"   ">=6.12"   "all-rt >=6.1 <7"
struct Selection {
  std::vector<Selector> selectors;
  std::string condition;  // "" for none
};
Result<Selection> parse_selection(std::string_view text);

// The line of a release as a selector: "6.12-cloud" for "6.12.117+deb12-cloud-amd64"; the release
// itself where it is not one of Debian's.
std::string line_of_release(std::string_view release);

// Does a kernel release satisfy a condition from kobox.toml such as ">=6.1" or "<6.12" or
// ">=6.1 <6.12"? Compares the numbers before the first '-' or '+'. ErrorKind::usage for a
// condition that is not understood.
Result<bool> release_satisfies(std::string_view release, std::string_view condition);

}  // namespace kobox
