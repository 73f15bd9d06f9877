// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/build_site.h"

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/installed.h"
#include "base/text.h"
#include "module/sandbox.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

using Step = Sandbox::Step;
using Kind = Step::Kind;

// Of a merged /usr: /bin is a link to usr/bin.
constexpr std::array k_usr_links = {"bin", "sbin", "lib", "lib64"};

// A kernel's build tree as Debian lays it out: usr/src has it and its common part, usr/lib its
// programs, and they refer to one another by these paths. Ubuntu's has its programs in itself.
std::vector<Step> debian_tree(const fs::path& headers) {
  std::vector<Step> mounts;
  const auto src = headers.parent_path();
  if (src.filename() != "src") return mounts;
  bool has_programs = false;
  std::error_code error;
  for (const auto* where : {"src", "lib"}) {
    for (const auto& entry : fs::directory_iterator(src.parent_path() / where, error)) {
      const auto name = entry.path().filename();
      if (!name.string().starts_with("linux-") || entry.is_symlink(error)) continue;
      mounts.push_back({.from = entry.path(), .at = fs::path("/usr") / where / name});
      has_programs = has_programs || name.string().starts_with("linux-kbuild-");
    }
  }
  if (!has_programs && !headers.filename().string().starts_with("linux-headers-")) mounts.clear();
  return mounts;
}

// A tree of the user's own, at the path that it has: its Makefile and its `source` name it by that.
std::vector<Step> own_tree(const fs::path& headers) {
  std::error_code error;
  const auto tree = fs::canonical(headers, error);
  std::vector<Step> mounts = {{.from = tree, .at = headers}};
  const auto source = fs::canonical(headers / "source", error);
  if (!error && source != tree) mounts.push_back({.from = source, .at = source});
  return mounts;
}

// Writable directories of the sandbox's own, which take mounts that the root has no place for.
constexpr std::array k_scratch = {"/usr/src", "/usr/lib/modules", "/var"};

// `path` with the links at the top of a merged /usr followed: /lib/x is /usr/lib/x.
fs::path in_merged_usr(const fs::path& path) {
  const auto plain = path.lexically_normal();
  for (const auto* name : k_usr_links)
    if (is_below(plain, fs::path("/") / name)) return fs::path("/usr") / plain.relative_path();
  return plain;
}

// Is it in a part of the root that is shown as it is, where a mount needs a directory that is
// there?
bool needs_mount_point(const fs::path& path) {
  if (std::ranges::any_of(k_scratch, [&](const char* one) { return is_below(path, one); }))
    return false;
  return is_below(path, "/usr") || is_below(path, "/etc");
}

// Do the programs of the kernel's build tree (modpost) run with the host's C library? An Error if
// they cannot be tried.
Result<bool> host_runs_build_tree(const Kernel& kernel) {
  const auto modpost = kernel.headers / "scripts/mod/modpost";
  std::error_code ignored;
  if (!fs::exists(modpost, ignored)) return true;  // make says what is missing
  KOBOX_TRY_WHILE("trying the kernel's build tree", const auto said,
                  run_command({.argv = {modpost.string()}}, {.deadline = Deadline::after(10s)},
                              Streams::merged));
  // ld.so's own words; without arguments the program itself writes nothing or how it is used.
  return said.output.find("GLIBC_") == std::string::npos &&
         said.output.find("shared object file") == std::string::npos;
}

Error with_advice(const Error& error, std::string_view advice) {
  return Error(error.kind(), fmt::format("{}; {}", error.to_string(), advice));
}

// Both reasons in one sentence.
Error why_no_root(const Error& root, const Error& host) {
  return Error(host.kind(), fmt::format("{}; and no build root can be used: {}", host.message(),
                                        root.to_string()));
}

}  // namespace

Result<BuildRootSpec> build_root_for(const Kernel& kernel) {
  const auto* from = find_distribution(kernel.distribution);
  if (from == nullptr) {
    const auto all = distributions();
    const auto found = std::ranges::find(all, kernel.compiler, &Distribution::compiler);
    if (found == all.end())
      return fail(ErrorKind::environment,
                  "the kernel {} was built with {}, and kobox knows no release of Debian whose "
                  "kernels are",
                  kernel.release,
                  kernel.compiler.empty() ? "an unknown compiler" : kernel.compiler);
    from = &*found;
  }
  return BuildRootSpec{
      .distribution = from,
      .compiler = kernel.compiler.empty() ? std::string(from->compiler) : kernel.compiler,
      .needs = kernel.build_needs};
}

Result<BuildSite> BuildSite::choose(const BuildRequest& request, const Kernel& kernel) {
  if (request.where == BuildIn::root) return in_root(request, kernel);
  auto host = on_host(kernel);
  if (host || host.error().kind() != ErrorKind::environment) return host;
  if (request.where == BuildIn::host)
    return std::unexpected(with_advice(
        host.error(), "or build in a small Debian that has what is needed: --build-in root"));
  auto root = in_root(request, kernel);
  if (!root && root.error().kind() == ErrorKind::environment)
    return std::unexpected(why_no_root(root.error(), host.error()));
  return root;
}

Result<BuildSite> BuildSite::on_host(const Kernel& kernel) {
  KOBOX_TRY(auto compiler, find_compiler(kernel.compiler));
  if (!find_program("make"))
    return fail(ErrorKind::environment,
                "there is no make on this host; install it: apt install make");
  KOBOX_TRY(const bool runs, host_runs_build_tree(kernel));
  if (!runs)
    return fail(ErrorKind::environment,
                "the programs of the build tree {} need a newer C library than this host's",
                kernel.headers.string());
  BuildSite site;
  site.identity_ = compiler.version;
  site.compiler_ = compiler.program;
  site.headers_ = kernel.headers;
  return site;
}

Result<BuildSite> BuildSite::in_root(const BuildRequest& request, const Kernel& kernel,
                                     const std::vector<std::string>& programs) {
  KOBOX_CHECK(sandbox_works());
  const auto found = build_root_for(kernel);
  if (!found && request.where == BuildIn::root)
    return std::unexpected(
        with_advice(found.error(), "--build-in host builds with this host's own compiler"));
  KOBOX_TRY(auto spec, found);
  spec.needs.insert(spec.needs.end(), programs.begin(), programs.end());
  NoProgress silent;
  KOBOX_TRY(auto root, ensure_build_root(request.cache, spec, request.network,
                                         request.progress != nullptr ? *request.progress : silent));
  BuildSite site;
  site.name_ = spec.name();
  site.identity_ = root.identity;
  site.compiler_ = spec.compiler;
  site.release_ = kernel.release + "\n";
  site.mounts_ = debian_tree(kernel.headers);
  if (site.mounts_.empty()) {
    site.headers_ = kernel.headers;
    site.mounts_ = own_tree(kernel.headers);
  } else {
    site.headers_ = fs::path("/usr/src") / kernel.headers.filename();
  }
  site.root_ = std::move(root);
  return site;
}

fs::path BuildSite::top(const BuildPlace& place) const {
  return root_ ? place.in_root : place.copy();
}

fs::path BuildSite::sources(const BuildPlace& place) const {
  return place.inside.empty() ? top(place) : top(place) / place.inside;
}

std::filesystem::path BuildSite::release_file(const BuildPlace& place) {
  return place.directory / "release";
}

Result<> BuildSite::prepare(const BuildPlace& place) const {
  if (!root_) return {};
  for (const auto& mount : mounts_)
    if (const auto at = in_merged_usr(mount.at); needs_mount_point(at))
      KOBOX_CHECK(make_mount_point(*root_, at));
  return write_file(release_file(place), release_);
}

Result<CommandLine> BuildSite::command(const BuildPlace& place, BuildJob job) const {
  if (!root_) {
    auto environment = build_environment(place.sources());
    environment.insert(environment.end(), job.environment.begin(), job.environment.end());
    return CommandLine{.argv = std::move(job.words),
                       .cwd = place.sources(),
                       .environment = std::move(environment)};
  }
  KOBOX_TRY(const auto preload, installed_file("kobox-uname.so", "KOBOX_UNAME",
                                               "the library for uname in build roots"));

  Sandbox sandbox;
  auto& steps = sandbox.steps;
  // Not the root as a whole: what is mounted beside its directories then needs no mount point.
  for (const auto* part : {"usr", "etc"})
    steps.push_back({Kind::show, root_->root / part, fs::path("/") / part});
  for (const auto* name : k_usr_links)
    steps.push_back({Kind::link, fs::path("usr") / name, fs::path("/") / name});
  for (const auto* name : k_scratch) steps.push_back({.kind = Kind::scratch, .at = name});
  steps.insert(steps.end(), mounts_.begin(), mounts_.end());
  const auto build = fs::path("/usr/lib/modules") / trim(release_) / "build";
  if (in_merged_usr(headers_) != build) steps.push_back({Kind::link, headers_, build});
  steps.push_back({Kind::show, preload, k_root_preload});
  for (const auto* file : {k_root_release, "/proc/sys/kernel/osrelease"})
    steps.push_back({Kind::show, release_file(place), file});
  steps.push_back({Kind::lend, place.copy(), place.in_root});
  steps.insert(steps.end(), job.mounts.begin(), job.mounts.end());
  sandbox.directory = sources(place);
  sandbox.environment = {{"PATH", "/usr/bin:/usr/sbin"},
                         {"HOME", "/tmp"},
                         {"LC_ALL", "C"},
                         {"USER", "root"},
                         {"PWD", sandbox.directory.string()}};
  for (auto& variable : job.environment) sandbox.environment.push_back(std::move(variable));
  // dash has no other name for it: the number of processes, which root may pass.
  std::vector<std::string> limited = {
      "/bin/sh", "-c", fmt::format("ulimit -p {} 2>/dev/null; exec \"$@\"", k_max_processes), "sh"};
  limited.insert(limited.end(), job.words.begin(), job.words.end());
  auto command = in_sandbox(sandbox, limited);
  command.cwd = place.sources();
  return command;
}

}  // namespace kobox
