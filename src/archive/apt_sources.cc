// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/apt_sources.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <vector>

#include "arch/arch.h"
#include "archive/apt.h"
#include "base/child.h"
#include "base/files.h"
#include "base/regex.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_limit = 30s;

constexpr std::array<std::string_view, 13> k_suites = {
    "buster", "bullseye",  "bookworm",     "trixie",  "forky",    "duke",           "sid",
    "stable", "oldstable", "oldoldstable", "testing", "unstable", "oldoldoldstable"};

bool is_main_suite(std::string_view suite) {
  return std::ranges::find(k_suites, suite) != k_suites.end();
}

// A main suite's name with this behind it.
bool is_suite_with(std::string_view suite, std::string_view ending) {
  return suite.ends_with(ending) && is_main_suite(suite.substr(0, suite.size() - ending.size()));
}

bool is_security_suite(std::string_view suite) {
  return is_suite_with(suite, "-security") || is_suite_with(suite, "/updates");
}

// What one address has.
struct Repository {
  std::string uri;
  std::set<std::string, std::less<>>
      suites;  // that have the architecture's packages in a component "main"

  bool has(bool (*is_such)(std::string_view)) const { return std::ranges::any_of(suites, is_such); }
};

// In the order in which they are first named.
std::vector<Repository> repositories_in(std::string_view uris) {
  static const auto list =
      Regex::compile(fmt::format(R"('([^']+)/dists/([^']+)/main/binary-{}/Packages[^']*' .*)",
                                 default_arch().debian))
          .value();
  std::vector<Repository> all;
  for (const auto line : lines_of(uris)) {
    const auto parts = list.match(line);
    if (!parts || line.starts_with("'cdrom:")) continue;
    const std::string uri((*parts)[1]);
    auto found = std::ranges::find(all, uri, &Repository::uri);
    if (found == all.end()) found = all.insert(found, {.uri = uri, .suites = {}});
    found->suites.emplace((*parts)[2]);
  }
  return all;
}

// How sure it is that this is Debian's own; nobody else has updates beside a release.
int rank(const Repository& repository) {
  const bool debian_path = repository.uri.find("debian") != std::string::npos;
  const bool updates =
      repository.has([](std::string_view suite) { return is_suite_with(suite, "-updates"); });
  return 1 + (debian_path ? 1 : 0) + (updates ? 2 : 0);
}

std::string best(const std::vector<Repository>& all, bool (*is_such)(std::string_view)) {
  const Repository* best = nullptr;
  for (const auto& one : all)
    // apt names what stands last in the sources first.
    if (one.has(is_such) && (best == nullptr || rank(one) >= rank(*best))) best = &one;
  return best != nullptr ? best->uri : "";
}

// An archive of snapshots has the time in its path: /debian/20250520T000000Z
bool is_snapshot(std::string_view uri) {
  static const auto time = Regex::compile("/[0-9]{8}T[0-9]{6}Z(/|$)").value();
  return time.search(uri);
}

std::unexpected<Error> no_mirror(const fs::path& etc, const std::string& why) {
  return fail(ErrorKind::environment,
              "no Debian mirror is named in {0}/sources.list or {0}/sources.list.d{1}, so kobox "
              "does not know where to fetch kernels from; set KOBOX_DEBIAN_MIRROR to the address "
              "of one (and KOBOX_DEBIAN_SECURITY_MIRROR to that of its security archive)",
              etc.string(), why.empty() ? "" : " (" + why + ")");
}

}  // namespace

DebianMirror choose_mirror(std::string_view uris) {
  const auto all = repositories_in(uris);
  DebianMirror mirror{.archive = best(all, is_main_suite),
                      .security = best(all, is_security_suite)};
  mirror.is_snapshot = is_snapshot(mirror.archive);
  return mirror;
}

Result<DebianMirror> host_mirror(const std::filesystem::path& etc) {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return std::string(trim(value != nullptr ? value : ""));
  };
  if (auto archive = variable("KOBOX_DEBIAN_MIRROR"); !archive.empty())
    return DebianMirror{.archive = archive,
                        .security = variable("KOBOX_DEBIAN_SECURITY_MIRROR"),
                        .is_snapshot = is_snapshot(archive)};
  // indextargets would be made for this, but it names only lists that have been fetched, of which a
  // container often has none. A state that is not there makes apt name all that it would fetch.
  CommandLine command{.argv = {"apt-get", "update", "--print-uris"},
                      .environment = {{"LC_ALL", "C.UTF-8"}}};
  for (const auto& setting :
       {"Dir::Etc=" + etc.string(), std::string("Dir::State=/nonexistent"),
        std::string("Dir::State::Lists=/nonexistent"), std::string("Dir::State::status=/dev/null"),
        std::string("Dir::Cache=/nonexistent"), std::string("Dir::Cache::pkgcache="),
        std::string("Dir::Cache::srcpkgcache="),
        fmt::format("APT::Architecture={}", default_arch().debian),
        fmt::format("APT::Architectures={}", default_arch().debian),
        std::string("Acquire::Languages=none")})
    command.argv.insert(command.argv.end(), {"-o", setting});
  const auto listed =
      run_command(command, {.deadline = Deadline::after(k_limit)}, Streams::separate);
  if (!listed && listed.error().kind() == ErrorKind::interrupted)
    return std::unexpected(listed.error());
  if (!listed) return no_mirror(etc, listed.error().message());
  if (!listed->status.success()) return no_mirror(etc, "apt: " + apt_errors(listed->error));
  auto mirror = choose_mirror(listed->output);
  if (mirror.archive.empty()) return no_mirror(etc, "");
  return mirror;
}

std::string debian_sources(const DebianMirror& mirror, const Distribution& distribution,
                           const std::filesystem::path& keyring) {
  const auto stanza = [&](const std::string& uri, std::string_view suites) {
    return fmt::format(
        "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nTargets: Packages\nSigned-By: "
        "{}\n{}\n",
        uri, suites, keyring.string(), mirror.is_snapshot ? "Check-Valid-Until: no\n" : "");
  };
  auto text = stanza(mirror.archive, distribution.suites);
  if (!mirror.security.empty() && !distribution.security.empty())
    text += stanza(mirror.security, distribution.security);
  return text;
}

}  // namespace kobox
