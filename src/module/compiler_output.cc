// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/compiler_output.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <span>

#include <re2/re2.h>

#include "base/text.h"

namespace kobox {
namespace {

constexpr std::size_t k_max_line = 500;  // bytes of one line that are kept
constexpr std::size_t k_lines_before = 3;
constexpr std::size_t k_lines_after = 16;

// Colours and other escape sequences (ECMA-48: ESC [ … final byte) are taken out; what else
// could drive a terminal is made visible.
std::string plain(std::string_view line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b' && i + 1 < line.size() && line[i + 1] == '[') {
      for (i += 2; i < line.size() && (line[i] < '@' || line[i] > '~');) ++i;
    } else if (line[i] != '\r') {
      text += line[i];
    }
  }
  if (text.size() > k_max_line) text = text.substr(0, k_max_line) + " [...]";
  return printable(text);
}

struct Place {
  std::string file;
  int line = 0;
};

// "path", "path:12" or "path:12:5".
Place parse_place(std::string_view text) {
  Place place;
  for (int fields = 0; fields < 2; ++fields) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) break;
    unsigned number = 0;  // so that "-2" is no line
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, number);
    if (error != std::errc() || stop != end) break;
    place.line = static_cast<int>(std::min(number, 1U << 30));
    text = text.substr(0, colon);
  }
  place.file = text;
  return place;
}

struct Finding {
  std::string message;
  Place place;
};

using Matcher = std::optional<Finding> (*)(std::string_view line);

// "   84 |   pr_err("No space left on device");" is the user's source, quoted by gcc.
bool quotes_source(std::string_view line) {
  const auto bar = line.find('|');
  return bar != std::string_view::npos &&
         line.substr(0, bar).find_first_not_of(" 0123456789+") == std::string_view::npos;
}

// "path:12:5: error: …", "path:12: fatal error: …", "x.S:3: Error: …", "gcc: error: …"
std::optional<Finding> match_compiler(std::string_view line) {
  constexpr std::array<std::string_view, 4> k_marks = {
      ": fatal error: ", ": error: ", ": Error: ", ": internal compiler error: "};
  for (const auto mark : k_marks) {
    const auto at = line.find(mark);
    if (at == std::string_view::npos || at == 0) continue;
    Finding finding{std::string(line.substr(at + mark.size())), parse_place(line.substr(0, at))};
    if (finding.place.file == "{standard input}") {
      finding.place = {};
    } else if (finding.place.line == 0) {  // "gcc: error: …", "x.o: error: objtool: …"
      finding.message = finding.place.file + ": " + finding.message;
      finding.place = {};
    }
    return finding;
  }
  return std::nullopt;
}

// "/usr/bin/ld: x.o: in function `f':" comes first and says nothing yet; then
// "x.c:(.text+0x5): undefined reference to `g'" or "x.c:12: multiple definition of `h'; …".
std::optional<Finding> match_linker(std::string_view line) {
  constexpr std::array<std::string_view, 2> k_marks = {": undefined reference to ",
                                                       ": multiple definition of "};
  for (const auto mark : k_marks) {
    const auto at = line.find(mark);
    if (at == std::string_view::npos) continue;
    auto where = line.substr(0, at);
    if (const auto section = where.rfind(":(."); section != std::string_view::npos)
      where = where.substr(0, section);
    if (const auto object = where.rfind(": "); object != std::string_view::npos)
      where = where.substr(object + 2);
    Finding finding{std::string(line.substr(at + 2)), parse_place(where)};
    if (finding.place.file.ends_with(".o")) finding.place = {};
    return finding;
  }
  const auto at = line.find("ld: cannot find ");
  if (at != std::string_view::npos && (at == 0 || line[at - 1] == '/' || line[at - 1] == '-'))
    return Finding{std::string(line.substr(at)), {}};
  return std::nullopt;
}

// 'ERROR: modpost: "foo" [x.ko] undefined!', 'FATAL: modpost: …'; before 5.4 without "modpost:".
std::optional<Finding> match_modpost(std::string_view line) {
  if (line.starts_with("ERROR: ")) return Finding{std::string(line.substr(7)), {}};
  if (line.starts_with("FATAL: ")) return Finding{std::string(line.substr(7)), {}};
  return std::nullopt;
}

// "Makefile:2: *** missing separator.  Stop.", "make[1]: *** No rule to make target 'x.o'…", but
// not "make[1]: *** [Makefile:3: x.o] Error 1", which only says that something else failed.
std::optional<Finding> match_make(std::string_view line) {
  const auto at = line.find(": *** ");
  if (at == std::string_view::npos) return std::nullopt;
  auto message = line.substr(at + 6);
  if (message.starts_with('[') || message.starts_with("Deleting file ")) return std::nullopt;
  if (message.ends_with("Stop.")) message = trim(message.substr(0, message.size() - 5));
  if (message.ends_with('.')) message.remove_suffix(1);
  Finding finding{std::string(message), parse_place(line.substr(0, at))};
  if (finding.place.line == 0) finding.place = {};  // "make[1]"
  return finding;
}

bool is_giving_up(std::string_view line) {
  return line.find(": *** [") != std::string_view::npos ||
         line.find(": *** Deleting ") != std::string_view::npos || line.starts_with("make: ***");
}

// "WARNING: modpost: …", "x.o: warning: objtool: …"
bool is_tool_warning(std::string_view line) {
  return line.starts_with("WARNING: ") || line.contains(": warning: objtool: ");
}

// "Skipping BTF generation for x.ko due to unavailability of vmlinux"
bool is_about_btf(std::string_view line) { return line.contains("Skipping BTF generation"); }

class Reader {
 public:
  Reader(std::string_view output, const SeenPaths& sources) : sources_(sources) {
    for (const auto line : lines_of(output)) lines_.push_back(plain(line));
  }

  BuildFailure read() const {
    constexpr std::array<Matcher, 3> k_tools = {match_compiler, match_linker, match_modpost};
    constexpr std::array<Matcher, 1> k_make = {match_make};
    auto at = find(k_tools);
    if (!at) at = find(k_make);
    if (!at) return unknown();
    auto [index, finding] = std::move(*at);
    move_into_module(index, finding);
    BuildFailure failure{.message = std::move(finding.message),
                         .file = sources_.relative(finding.place.file),
                         .line = finding.place.line,
                         .log = around(index)};
    sources_.make_relative(failure.message);
    return failure;
  }

 private:
  struct Hit {
    std::size_t index;
    Finding finding;
  };

  std::optional<Hit> find(std::span<const Matcher> matchers) const {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (quotes_source(lines_[i])) continue;
      for (const auto matcher : matchers)
        if (auto finding = matcher(lines_[i])) return Hit{i, std::move(*finding)};
    }
    return std::nullopt;
  }

  // Nothing that is known: the line before make gave up is the best guess
  // ("/bin/sh: 1: flex: not found").
  BuildFailure unknown() const {
    std::size_t index = lines_.size();
    for (std::size_t i = 0; i < lines_.size() && !is_giving_up(lines_[i]); ++i)
      if (!trim(lines_[i]).empty()) index = i;
    if (index == lines_.size()) return {.message = "make failed and did not say why"};
    BuildFailure failure{.message = std::string(trim(lines_[index])), .log = around(index)};
    sources_.make_relative(failure.message);
    return failure;
  }

  // "./include/generated/…" is the build tree's, in whose directory kbuild runs the compiler.
  bool is_ours(std::string_view file) const {
    return sources_.hold(file) || (!file.starts_with('/') && !file.starts_with("./"));
  }

  // An error inside a header is the doing of the line that includes it or expands its macro.
  void move_into_module(std::size_t index, Finding& finding) const {
    if (finding.place.file.empty() || is_ours(finding.place.file)) return;
    auto own = expanded_from(index);
    if (!own) own = included_from(index);
    if (!own) return;
    auto header = finding.place.file;
    if (const auto at = header.rfind("/include/"); at != std::string::npos)
      header = header.substr(at + 9);
    finding.message += fmt::format(" (in {}:{})", header, finding.place.line);
    finding.place = *own;
  }

  // "path:5:1: note: in expansion of macro 'module_init'" among the notes below the error.
  std::optional<Place> expanded_from(std::size_t index) const {
    for (std::size_t i = index + 1; i < lines_.size(); ++i) {
      if (match_compiler(lines_[i]) || is_giving_up(lines_[i])) break;
      const auto note = lines_[i].find(": note: in expansion of macro ");
      if (note == std::string::npos) continue;
      auto place = parse_place(std::string_view(lines_[i]).substr(0, note));
      if (is_ours(place.file)) return place;
    }
    return std::nullopt;
  }

  // "In file included from path:3," and "                 from path:4:" above the error; between
  // them and it there may be "path: In function 'f':".
  std::optional<Place> included_from(std::size_t index) const {
    const auto [first, last] = include_stack(index);
    for (auto i = first; i < last; ++i) {
      const auto from = lines_[i].find("from ");
      auto text = trim(std::string_view(lines_[i]).substr(from + 5));
      while (text.ends_with(',') || text.ends_with(':')) text.remove_suffix(1);
      auto place = parse_place(text);
      if (is_ours(place.file)) return place;
    }
    return std::nullopt;
  }

  struct Range {
    std::size_t first, last;
  };
  Range include_stack(std::size_t index) const {
    auto last = index;
    while (last > 0 && last + 2 > index && lines_[last - 1].ends_with(':') &&
           lines_[last - 1].find("from ") == std::string::npos)
      --last;
    auto first = last;
    while (first > 0 && lines_[first - 1].starts_with("                 from ")) --first;
    if (first > 0 && lines_[first - 1].starts_with("In file included from "))
      return {first - 1, last};
    return {last, last};
  }

  std::vector<std::string> around(std::size_t index) const {
    const auto start =
        std::min(include_stack(index).first, index - std::min(index, k_lines_before));
    const auto end = std::min(lines_.size(), index + 1 + k_lines_after);
    std::vector<std::string> log;
    for (auto i = start; i < end; ++i)
      if (i == index || (!is_tool_warning(lines_[i]) && !is_about_btf(lines_[i])))
        log.push_back(lines_[i]);
    for (auto& line : log) sources_.make_relative(line);
    return log;
  }

  SeenPaths sources_;
  std::vector<std::string> lines_;
};

}  // namespace

BuildFailure first_error(std::string_view output, const SeenPaths& sources) {
  return Reader(output, sources).read();
}

std::vector<std::string> tool_warnings(std::string_view output, const SeenPaths& sources) {
  std::vector<std::string> warnings;
  std::set<std::string> seen;
  for (const auto line : lines_of(output)) {
    auto text = plain(trim(line));
    if (!is_tool_warning(text) || text.contains("missing MODULE_")) continue;
    sources.make_relative(text);
    if (seen.insert(text).second) warnings.push_back(std::move(text));
  }
  return warnings;
}

std::optional<std::string> host_fault(std::string_view output) {
  const auto says = [](std::string_view line, std::string_view words) {
    return line.find(words) != std::string_view::npos;
  };
  for (const auto line : lines_of(output)) {
    if (quotes_source(line)) continue;
    // kbuild's fixdep does not say why it could not write.
    if (says(line, "No space left on device") || says(line, "Disk quota exceeded") ||
        says(line, "fixdep: not all data was written"))
      return "the disk is full: " + plain(trim(line));
    if (says(line, "Killed signal terminated program") || says(line, "virtual memory exhausted") ||
        says(line, "out of memory allocating"))
      return "there was not enough memory: " + plain(trim(line));
  }
  return std::nullopt;
}

std::string missing_in_root(std::string_view output) {
  // glibc's gai_strerror, git, curl, wget.
  constexpr std::array<std::string_view, 5> k_no_network = {
      "Could not resolve host", "Temporary failure in name resolution",
      "unable to resolve host address", "Network is unreachable", "Name or service not known"};
  constexpr std::array<std::string_view, 6> k_fetchers = {"curl",    "wget", "git",
                                                          "apt-get", "pip",  "pip3"};
  constexpr const char* k_network =
      "; the build asks for the network, which a build root does not have: fetch what it needs "
      "before";
  for (const auto raw : lines_of(output)) {
    if (quotes_source(raw)) continue;
    const auto line = plain(raw);
    if (std::ranges::any_of(k_no_network, [&](const auto words) { return line.contains(words); }))
      return k_network;
    // dash: "/bin/sh: 1: bison: not found"; bash: "bash: line 1: bison: command not found"; make:
    // "make: bison: No such file or directory".
    std::string program;
    if (!RE2::PartialMatch(line, R"(^/bin/sh: \d+: ([\w.+-]+): not found)", &program) &&
        !RE2::PartialMatch(line, R"(: ([\w.+-]+): command not found)", &program) &&
        !RE2::PartialMatch(line, R"(^make(?:\[\d+\])?: ([\w.+-]+): No such file or directory)",
                           &program))
      continue;
    if (std::ranges::find(k_fetchers, program) != k_fetchers.end()) return k_network;
    return fmt::format("; the build root has no {}: --build-in host builds with what this host has",
                       program);
  }
  return "";
}

}  // namespace kobox
