// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/apt_sources.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr std::array<std::string_view, 13> k_suites = {
    "buster", "bullseye",  "bookworm",     "trixie",  "forky",    "duke",           "sid",
    "stable", "oldstable", "oldoldstable", "testing", "unstable", "oldoldoldstable"};

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool is_no(std::string_view value) {
  const auto word = lower(trim(value));
  return word == "no" || word == "false" || word == "without" || word == "off" || word == "disable";
}

void set_option(AptSource& source, std::string_view name, std::string_view value) {
  if (name == "signed-by") source.signed_by = trim(value);
  if (name == "check-valid-until") source.check_valid_until = is_no(value) ? "no" : "yes";
  if (name == "arch" || name == "architectures") {
    std::string list(value);
    std::ranges::replace(list, ',', ' ');
    source.amd64 = has(words_of(list), "amd64");
  }
}

// Fields of one deb822 stanza, names in lower case; a continued value keeps its lines.
std::map<std::string, std::string> fields_of(const std::vector<std::string_view>& lines) {
  std::map<std::string, std::string> fields;
  std::string* last = nullptr;
  for (const auto line : lines) {
    if (line.starts_with(' ') || line.starts_with('\t')) {
      if (last != nullptr) last->append("\n").append(trim(line));
      continue;
    }
    const auto colon = line.find(':');
    last = nullptr;
    if (colon == std::string_view::npos) continue;
    last = &fields[lower(trim(line.substr(0, colon)))];
    *last = trim(line.substr(colon + 1));
  }
  return fields;
}

void add_stanza(const std::vector<std::string_view>& lines, std::vector<AptSource>& sources) {
  auto fields = fields_of(lines);
  if (!has(words_of(fields["types"]), "deb")) return;
  if (fields.contains("enabled") && is_no(fields["enabled"])) return;
  AptSource source{.uris = words_of(fields["uris"]),
                   .suites = words_of(fields["suites"]),
                   .components = words_of(fields["components"])};
  for (const auto& [name, value] : fields) set_option(source, name, value);
  if (!source.uris.empty() && !source.suites.empty()) sources.push_back(std::move(source));
}

// How sure it is that the source is Debian's own archive; 0: it is not.
int rank(const AptSource& source, std::string_view uri) {
  if (!source.amd64 || !has(source.components, "main")) return 0;
  if (uri.starts_with("cdrom:")) return 0;
  const bool debian_key = source.signed_by.find("debian-archive") != std::string::npos;
  if (!source.signed_by.empty() && !debian_key) return 0;
  const bool debian_path = uri.find("debian") != std::string_view::npos;
  return 1 + (debian_path ? 1 : 0) + (debian_key ? 2 : 0);
}

bool is_main_suite(std::string_view suite) {
  return std::ranges::find(k_suites, suite) != k_suites.end();
}

bool is_security_suite(std::string_view suite) {
  for (const std::string_view ending : {"-security", "/updates"})
    if (suite.ends_with(ending) && is_main_suite(suite.substr(0, suite.size() - ending.size())))
      return true;
  return false;
}

// sources.list(5): apt itself reads only these names of a .d folder.
std::vector<fs::path> source_files(const fs::path& etc) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(etc / "sources.list.d", ignored)) {
    const auto ending = entry.path().extension();
    if (ending == ".list" || ending == ".sources") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  files.insert(files.begin(), etc / "sources.list");
  return files;
}

}  // namespace

std::vector<AptSource> parse_one_line_sources(std::string_view text) {
  std::vector<AptSource> sources;
  for (auto line : lines_of(text)) {
    line = trim(line.substr(0, line.find('#')));
    if (!line.starts_with("deb ") && !line.starts_with("deb\t")) continue;
    line = trim(line.substr(4));
    AptSource source;
    if (line.starts_with('[')) {
      const auto end = line.find(']');
      if (end == std::string_view::npos) continue;
      for (const auto& option : words_of(line.substr(1, end - 1))) {
        const auto equals = option.find('=');
        if (equals == std::string::npos) continue;
        set_option(source, lower(option.substr(0, equals)), option.substr(equals + 1));
      }
      line = line.substr(end + 1);
    }
    auto words = words_of(line);
    if (words.size() < 2) continue;
    source.uris = {words[0]};
    source.suites = {words[1]};
    source.components.assign(words.begin() + 2, words.end());
    sources.push_back(std::move(source));
  }
  return sources;
}

std::vector<AptSource> parse_deb822_sources(std::string_view text) {
  std::vector<AptSource> sources;
  std::vector<std::string_view> stanza;
  for (const auto line : lines_of(text)) {
    if (line.starts_with('#')) continue;
    if (!trim(line).empty()) {
      stanza.push_back(line);
      continue;
    }
    add_stanza(stanza, sources);
    stanza.clear();
  }
  add_stanza(stanza, sources);
  return sources;
}

DebianMirror choose_mirror(const std::vector<AptSource>& sources) {
  DebianMirror mirror;
  int archive_rank = 0;
  int security_rank = 0;
  for (const auto& source : sources) {
    for (const auto& uri : source.uris) {
      const int sure = rank(source, uri);
      if (sure > archive_rank && std::ranges::any_of(source.suites, is_main_suite)) {
        archive_rank = sure;
        mirror.archive = uri;
        mirror.ignore_valid_until = source.check_valid_until == "no";
      }
      if (sure > security_rank && std::ranges::any_of(source.suites, is_security_suite)) {
        security_rank = sure;
        mirror.security = uri;
      }
    }
  }
  return mirror;
}

Result<DebianMirror> host_mirror(const std::filesystem::path& etc) {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return std::string(trim(value != nullptr ? value : ""));
  };
  if (auto archive = variable("KOBOX_DEBIAN_MIRROR"); !archive.empty())
    return DebianMirror{.archive = archive, .security = variable("KOBOX_DEBIAN_SECURITY_MIRROR")};
  std::vector<AptSource> sources;
  for (const auto& file : source_files(etc)) {
    const auto text = read_file(file, 1 << 20);
    if (!text) continue;  // absent, or not for our eyes: others may do
    auto more = file.extension() == ".sources" ? parse_deb822_sources(*text)
                                               : parse_one_line_sources(*text);
    sources.insert(sources.end(), more.begin(), more.end());
  }
  auto mirror = choose_mirror(sources);
  if (mirror.archive.empty())
    return fail(ErrorKind::environment,
                "no Debian mirror is named in {0}/sources.list or {0}/sources.list.d, so kobox "
                "does not know where to fetch kernels from; set KOBOX_DEBIAN_MIRROR to the address "
                "of one (and KOBOX_DEBIAN_SECURITY_MIRROR to that of its security archive)",
                etc.string());
  return mirror;
}

std::string debian_sources(const DebianMirror& mirror, std::string_view release,
                           const std::filesystem::path& keyring) {
  const auto stanza = [&](const std::string& uri, const std::string& suites) {
    return fmt::format(
        "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nTargets: Packages\nSigned-By: "
        "{}\n{}\n",
        uri, suites, keyring.string(), mirror.ignore_valid_until ? "Check-Valid-Until: no\n" : "");
  };
  auto text = stanza(mirror.archive, fmt::format("{0} {0}-updates", release));
  if (!mirror.security.empty())
    text += stanza(mirror.security, fmt::format("{}-security", release));
  return text;
}

}  // namespace kobox
