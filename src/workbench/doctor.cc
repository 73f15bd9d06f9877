// SPDX-License-Identifier: GPL-2.0-or-later
#include "workbench/doctor.h"

#include <sys/statvfs.h>

#include <algorithm>

#include "arch/arch.h"
#include "archive/build_root.h"
#include "archive/release.h"
#include "base/child.h"
#include "base/files.h"
#include "base/text.h"
#include "image/initramfs.h"
#include "kernel/catalogue.h"
#include "module/sandbox.h"
#include "module/toolchain.h"
#include "vm/machine.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using Grade = Finding::Grade;

Finding from(const char* what, const Result<fs::path>& found) {
  if (found) return {Grade::fine, what, found->string()};
  return {Grade::missing, what, found.error().message()};
}

Finding tool(const char* what, std::string_view program, std::string_view package,
             const std::vector<std::string>& version_words) {
  const auto found = find_program(program);
  if (!found)
    return {Grade::missing, what,
            fmt::format("{} is not in PATH; on Debian: apt-get install {}", program, package)};
  std::vector<std::string> argv = {found->string()};
  argv.insert(argv.end(), version_words.begin(), version_words.end());
  const auto said =
      run_command({.argv = argv}, {.deadline = Deadline::after(10s)}, Streams::merged);
  if (!said || !said->status.success())
    return {Grade::missing, what, fmt::format("{} is there but does not run", found->string())};
  const auto lines = lines_of(said->output);
  return {Grade::fine, what, lines.empty() ? found->string() : printable(lines.front())};
}

Finding directory(const char* what, const fs::path& path) {
  if (const auto probe = TempDir::make(path, "doctor"); !probe)
    return {Grade::missing, what, probe.error().message()};
  struct statvfs info = {};
  if (::statvfs(path.c_str(), &info) != 0) return {Grade::fine, what, path.string()};
  const std::uint64_t free = std::uint64_t{info.f_bavail} * info.f_frsize;
  const auto detail = fmt::format("{}, {} free", path.string(), format_bytes(free));
  // A generic kernel with its headers is about 600 MB unpacked.
  return {free < (std::uint64_t{1} << 30) ? Grade::note : Grade::fine, what, detail};
}

Finding kvm() {
  if (const auto obstacle = kvm_obstacle())
    return {Grade::note, "KVM", fmt::format("{}; machines run under TCG", *obstacle)};
  return {Grade::fine, "KVM",
          "/dev/kvm opens; whether it boots a kernel, the first kobox test finds out"};
}

// The lines that this release of Debian has, as far as its lists are here: "6.12, 7.2, 7.3".
std::string lines_of_release(const Distribution& distribution, const fs::path& cache) {
  NoProgress silent;
  Catalogue catalogue(cache / "apt", silent, Catalogue::Refresh::never, {});
  std::vector<std::string> lines;
  if (const auto offers = catalogue.offers_of(distribution))
    for (const auto& offer : *offers)
      if (const auto parts = parse_debian_release(offer.release); parts && offer.has_headers)
        if (std::ranges::find(lines, parts->line) == lines.end())
          lines.insert(lines.begin(), parts->line);
  return lines.empty() ? std::string(distribution.line) : join(lines, ", ");
}

// How modules are built for the kernels of a release of Debian.
Finding kernels_of(const Distribution& distribution, const fs::path& cache) {
  const auto lines = lines_of_release(distribution, cache);
  const std::string compiler(distribution.compiler);
  const auto finding = [&](Grade grade, const std::string& text) {
    return Finding{grade, std::string(distribution.name),
                   fmt::format("{}: {} {}", lines, compiler, text)};
  };
  if (find_compiler(compiler) && find_program("make")) return finding(Grade::fine, "of this host");
  const BuildRootSpec root{.distribution = &distribution, .compiler = compiler};
  if (const auto works = sandbox_works(); !works)
    return finding(Grade::missing, "is not on this host, and no build root can be used: " +
                                       works.error().message());
  if (has_build_root(cache, root)) return finding(Grade::fine, "in the build root " + root.name());
  return finding(Grade::fine, "in a build root, made when it is first needed");
}

}  // namespace

std::vector<Finding> examine_host(const fs::path& cache, const fs::path& state) {
  const fs::path keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  std::error_code ignored;
  std::vector<Finding> findings = {
      tool("QEMU", default_arch().qemu, default_arch().qemu_package, {"--version"}),
      kvm(),
      from("agent", find_agent()),
      from("busybox", find_busybox()),
      tool("apt", "apt-get", "apt", {"--version"}),
      fs::exists(keyring, ignored)
          ? Finding{Grade::fine, "keyring", keyring.string()}
          : Finding{Grade::missing, "keyring", "apt-get install debian-archive-keyring"},
      directory("cache", cache),
      directory("state", state),
  };
  for (const auto& distribution : distributions())
    if (!distribution.named_only) findings.push_back(kernels_of(distribution, cache));
  return findings;
}

}  // namespace kobox
