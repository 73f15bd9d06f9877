// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/apt.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "arch/arch.h"
#include "archive/apt_sources.h"
#include "archive/packed.h"
#include "archive/space.h"
#include "base/child.h"
#include "base/line_splitter.h"
#include "base/regex.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// A release's are 20 MB, and both the old and the new ones are there for a while.
constexpr std::uint64_t k_lists_bytes = std::uint64_t{80} * 1000 * 1000;
constexpr std::uint64_t k_max_list = std::uint64_t{1} << 30;

// pkgnames of a whole release is 1.5 MB.
constexpr std::size_t k_max_said = std::size_t{64} << 20;

// The kernels' part of all lists, so that 60 MB need not be read for each question: for each suite
// a line "Suite: NAME", then the stanzas.
constexpr std::string_view k_kernels = "kernels";
constexpr std::string_view k_suite = "Suite: ";
constexpr std::string_view k_left_out = "left-out";

Result<std::string> read_list(const fs::path& file) {
  KOBOX_TRY(auto bytes, read_file(file));
  const auto packing = packing_of(bytes);
  if (packing == Packing::none) return bytes;
  auto unpacked = unpack_bytes(bytes, packing, k_max_list);
  if (!unpacked)
    return std::unexpected(std::move(unpacked).error().while_doing("reading " + file.string()));
  return unpacked;
}

}  // namespace

std::string apt_errors(std::string_view text) {
  std::vector<std::string> found;
  for (const auto line : lines_of(text))
    if (line.starts_with("E: ") && found.size() < 3)
      found.push_back(printable(trim(line.substr(3))));
  return found.empty() ? printable(trim(text.substr(0, 500))) : join(found, "; ");
}

std::optional<double> parse_download_status(std::string_view line) {
  if (!line.starts_with("dlstatus:")) return std::nullopt;
  const auto parts = split(line, ':');
  if (parts.size() < 3) return std::nullopt;
  double percent = 0;
  const auto* last = parts[2].data() + parts[2].size();
  const auto [end, error] = std::from_chars(parts[2].data(), last, percent);
  if (error != std::errc() || end != last || !(percent >= 0 && percent <= 100)) return std::nullopt;
  return percent / 100;
}

std::optional<std::vector<std::string>> missing_suites(std::string_view text) {
  static const auto missing =
      Regex::compile(
          R"(E: The repository '\S+ (\S+) Release' (?:does not have|no longer has) a Release file\.)")
          .value();
  std::vector<std::string> suites;
  for (const auto line : lines_of(text)) {
    if (!line.starts_with("E: ")) continue;
    const auto parts = missing.match(trim(line));
    if (!parts) return std::nullopt;
    suites.emplace_back((*parts)[1]);
  }
  return suites;
}

Result<std::vector<DebPackage>> parse_print_uris(std::string_view text) {
  // 'http://…/make_4.3-4.1_amd64.deb' make_4.3-4.1_amd64.deb 396268 SHA256:…
  static const auto line_pattern =
      Regex::compile(R"('[^']+' ([a-z0-9.+-]+)_([^_ ]+)_[a-z0-9-]+\.deb ([0-9]{1,12})(?: \S*)?)")
          .value();
  std::vector<DebPackage> packages;
  for (const auto line : lines_of(text)) {
    if (trim(line).empty()) continue;
    const auto parts = line_pattern.match(trim(line));
    if (!parts)
      return fail(ErrorKind::protocol, "apt-get printed a package that is not understood: '{}'",
                  printable(line.substr(0, 200)));
    DebPackage package{.name = std::string((*parts)[1]), .version = std::string((*parts)[2])};
    for (auto at = package.version.find("%3a"); at != std::string::npos;
         at = package.version.find("%3a"))
      package.version.replace(at, 3, ":");
    package.download_bytes = std::stoull(std::string((*parts)[3]));
    packages.push_back(std::move(package));
  }
  return packages;
}

Apt::Apt(const std::filesystem::path& all, const Distribution& distribution, Progress& progress,
         HostFiles host)
    : distribution_(&distribution),
      directory_(all / distribution.name),
      progress_(progress),
      host_(std::move(host)) {}

Result<std::string> Apt::sources() const {
  KOBOX_TRY(const auto mirror, host_mirror(host_.apt));
  return debian_sources(mirror, *distribution_, host_.keyring);
}

// Given by -c, it is read after the host's apt.conf.d: what stands there of proxies, timeouts and
// credentials holds, and what is set here wins. The host's hooks would act on the host's own
// state (docker-clean empties /var/cache/apt), so they are cleared.
std::string Apt::config() const {
  const std::string at = directory_.string();
  return fmt::format(
      "Dir::State \"{0}\";\n"
      "Dir::State::lists \"{0}/lists\";\n"
      "Dir::State::status \"{0}/status\";\n"
      "Dir::State::extended_states \"{0}/extended_states\";\n"
      "Dir::Cache \"{0}/cache\";\n"
      "Dir::Cache::archives \"{0}/cache/archives\";\n"
      "Dir::Cache::pkgcache \"\";\n"
      "Dir::Cache::srcpkgcache \"\";\n"
      "Dir::Log \"{0}/log\";\n"
      "Dir::Etc::SourceList \"{0}/kobox.sources\";\n"
      "Dir::Etc::SourceParts \"/dev/null\";\n"
      "Dir::Etc::Preferences \"/dev/null\";\n"
      "Dir::Etc::PreferencesParts \"/dev/null\";\n"
      "APT::Architecture \"{1}\";\n"
      "#clear APT::Architectures;\n"
      "APT::Architectures {{ \"{1}\"; }};\n"
      "APT::Sandbox::User \"\";\n"
      "APT::Get::AllowUnauthenticated \"false\";\n"
      "APT::Update::Error-Mode \"any\";\n"
      "#clear APT::Update::Pre-Invoke;\n"
      "#clear APT::Update::Post-Invoke;\n"
      "#clear APT::Update::Post-Invoke-Success;\n"
      "Acquire::Languages \"none\";\n"
      "Acquire::GzipIndexes \"true\";\n"
      "Acquire::AllowInsecureRepositories \"false\";\n"
      "Acquire::AllowWeakRepositories \"false\";\n"
      "Acquire::AllowDowngradeToInsecureRepositories \"false\";\n",
      at, default_arch().debian);
}

Result<FileLock> Apt::lock() const {
  const auto file = directory_ / "lock";
  KOBOX_TRY(auto free, FileLock::try_acquire(file, LockMode::exclusive));
  if (free) return std::move(*free);
  progress_.stage("kernels", "waiting for another kobox that uses apt");
  return FileLock::acquire(file, LockMode::exclusive, Deadline::after(15min));
}

Result<> Apt::prepare(const std::string& sources) const {
  if (directory_.string().find_first_of("\"\n\\") != std::string::npos)
    return fail(
        ErrorKind::environment,
        "apt cannot use a directory with a quote, a backslash or a line break in its name: {}",
        printable(directory_.string()));
  std::error_code ignored;
  if (!fs::exists(host_.keyring, ignored))
    return fail(ErrorKind::environment,
                "{} is missing, so packages cannot be checked; install debian-archive-keyring",
                host_.keyring.string());
  for (const auto* name : {"lists/partial", "cache/archives/partial", "log"})
    KOBOX_CHECK(make_directories(directory_ / name));
  KOBOX_CHECK(write_file(directory_ / "status", ""));
  KOBOX_CHECK(write_file(directory_ / "kobox.sources", sources));
  return write_file(directory_ / "apt.conf", config());
}

Result<CommandResult> Apt::call(std::vector<std::string> words, Duration limit,
                                const std::optional<std::filesystem::path>& cwd,
                                const std::function<void(std::string_view)>& sink) const {
  if (!find_program(words.front()))
    return fail(ErrorKind::environment,
                "there is no {} here, with which kobox fetches Debian's kernels; give a "
                "vmlinuz file by its path and its build tree with --headers",
                words.front());
  words.insert(words.begin() + 1, {"-c", (directory_ / "apt.conf").string()});
  return run_command({.argv = std::move(words),
                      .cwd = cwd,
                      .environment = {{"LC_ALL", "C.UTF-8"}, {"DEBIAN_FRONTEND", ""}}},
                     {.deadline = Deadline::after(limit), .max_output = k_max_said},
                     Streams::separate, sink);
}

Result<std::string> Apt::run(std::vector<std::string> words, Duration limit,
                             const std::optional<std::filesystem::path>& cwd,
                             const std::function<void(std::string_view)>& sink) const {
  const auto what = words[0] + " " + words[1];
  KOBOX_TRY(auto done, call(std::move(words), limit, cwd, sink));
  if (!done.status.success())
    return fail(ErrorKind::environment, "{} {}: {}", what, done.status.to_string(),
                apt_errors(done.error));
  return std::move(done.output);
}

Duration Apt::age() const {
  const auto wanted = sources();
  const auto stamp = directory_ / "updated";
  const auto had = read_file(stamp, 1 << 20);
  if (!wanted || !had || *wanted != *had) return Duration::max();
  std::error_code error;
  const auto when = fs::last_write_time(stamp, error);
  if (error) return Duration::max();
  const auto age = std::chrono::duration_cast<Duration>(fs::file_time_type::clock::now() - when);
  return std::max(age, Duration::zero());
}

Result<> Apt::update() {
  KOBOX_TRY(const auto wanted, sources());
  KOBOX_TRY(const auto held, lock());
  // Whoever held the lock may just have done it.
  if (age() < 1min) return {};
  KOBOX_CHECK(prepare(wanted));
  // apt-get hangs for ever when the disk fills up in the middle of an update.
  KOBOX_CHECK(check_space(directory_, k_lists_bytes, "an update of Debian's package lists"));
  progress_.stage("kernels", "reading Debian's lists of packages");
  // One retry: without a network the answer should not take long.
  const auto done = call({"apt-get", "update", "-q", "-o", "Acquire::Retries=1"}, 5min);
  progress_.done("kernels");
  if (!done) return std::unexpected(done.error());
  KOBOX_CHECK(judge_update(*done));
  KOBOX_CHECK(extract_kernels());
  return write_file(directory_ / "updated", wanted);
}

Result<> Apt::judge_update(const CommandResult& update) const {
  std::vector<std::string> missing;
  if (!update.status.success()) {
    const auto found = missing_suites(update.error);
    if (!found || found->empty())
      return fail(ErrorKind::environment, "apt-get update {}: {}", update.status.to_string(),
                  apt_errors(update.error));
    missing = *found;
  }
  return write_file(directory_ / k_left_out, join(missing, "\n"));
}

std::vector<std::string> Apt::left_out() const {
  std::vector<std::string> suites;
  const auto text = read_file(directory_ / k_left_out, 1 << 16).value_or("");
  for (const auto line : lines_of(text)) suites.emplace_back(line);
  return suites;
}

Result<> Apt::extract_kernels() const {
  KOBOX_TRY(const auto files, run({"apt-get", "indextargets", "--format", "$(FILENAME) $(RELEASE)",
                                   "Created-By: Packages"},
                                  1min));
  std::string kernels;
  for (const auto line : lines_of(files)) {
    // The directory's name may hold spaces, a suite's cannot.
    const auto space = line.rfind(' ');
    if (space == std::string_view::npos) continue;
    KOBOX_TRY(const auto list, read_list(std::string(line.substr(0, space))));
    kernels += fmt::format("{}{}\n\n{}", k_suite, line.substr(space + 1), kernel_stanzas(list));
  }
  return write_file(directory_ / k_kernels, kernels);
}

Result<PackageIndex> Apt::index() const {
  PackageIndex index;
  if (age() == Duration::max()) return index;
  KOBOX_TRY(const auto text, read_file(directory_ / k_kernels));
  std::string_view rest = text;
  while (rest.starts_with(k_suite)) {
    const auto line = rest.find('\n');
    const auto next = rest.find(fmt::format("\n{}", k_suite), line);
    KOBOX_CHECK(
        index.add(rest.substr(line, next == std::string_view::npos ? next : next + 1 - line),
                  rest.substr(k_suite.size(), line - k_suite.size())));
    rest = next == std::string_view::npos ? "" : rest.substr(next + 1);
  }
  return index;
}

Result<std::vector<std::string>> Apt::known(const std::vector<std::string>& names) const {
  KOBOX_TRY(const auto held, lock());
  KOBOX_TRY(const auto all, run({"apt-cache", "pkgnames"}, 1min));
  std::vector<std::string> found;
  for (const auto line : lines_of(all))
    if (std::ranges::find(names, line) != names.end()) found.emplace_back(line);
  return found;
}

Result<std::vector<DebPackage>> Apt::closure(const std::vector<std::string>& names) const {
  KOBOX_TRY(const auto held, lock());
  std::vector<std::string> words = {"apt-get", "install", "--print-uris",
                                    "-qq",     "-y",      "--no-install-recommends"};
  words.insert(words.end(), names.begin(), names.end());
  KOBOX_TRY(const auto said, run(std::move(words), 1min));
  return parse_print_uris(said);
}

Result<> Apt::download(const std::vector<DebPackage>& packages, const std::filesystem::path& into,
                       const std::function<void(std::uint64_t)>& on_bytes) const {
  std::vector<std::string> words = {"apt-get", "download", "-q", "-o", "APT::Status-Fd=1"};
  std::uint64_t total = 0;
  for (const auto& package : packages) {
    words.push_back(package.name + "=" + package.version);
    total += package.download_bytes;
  }
  KOBOX_TRY(const auto held, lock());
  LineSplitter lines(4096);
  const auto sink = [&](std::string_view bytes) {
    lines.feed(bytes, [&](StreamLine line) {
      if (const auto part = parse_download_status(line.text))
        on_bytes(static_cast<std::uint64_t>(*part * static_cast<double>(total)));
    });
  };
  KOBOX_CHECK(run(std::move(words), 2h, into, sink));
  return {};
}

}  // namespace kobox
