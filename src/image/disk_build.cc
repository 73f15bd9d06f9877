// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/disk_build.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "archive/apt.h"
#include "archive/apt_sources.h"
#include "archive/space.h"
#include "base/files.h"
#include "base/line_splitter.h"
#include "base/text.h"
#include "image/disk_fill.h"
#include "image/disk_initramfs.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_install_limit = 1h;
// Of mmdebstrap, which tells each of its steps; one takes seconds.
constexpr Duration k_silence_limit = 15min;
constexpr Duration k_convert_limit = 15min;
// apt waits for ever on a disk that is full.
constexpr std::uint64_t k_full = std::uint64_t{4} << 20;
// The system's directory and its tar; later the raw disk and the qcow2.
constexpr std::uint64_t k_space = std::uint64_t{2500} * 1000 * 1000;
constexpr std::size_t k_max_output = std::size_t{16} << 20;
constexpr const char* k_status = "var/lib/dpkg/status";

// Has /etc/subuid or /etc/subgid a range for this user?
bool has_range(const char* file, const std::string& user) {
  const auto text = read_file(file, 16 << 20).value_or("");
  return std::ranges::any_of(lines_of(text), [&](std::string_view line) {
    return line.starts_with(user + ":") || line.starts_with(std::to_string(::getuid()) + ":");
  });
}

// What a command runs in so that mounts and processes end with it, however it ends, and, for an
// ordinary user, with the users of a whole system.
std::vector<std::string> namespaces(DebootstrapMode mode) {
  std::vector<std::string> argv;
  if (mode == DebootstrapMode::fakechroot) return argv;
  argv = {"unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"};
  if (mode == DebootstrapMode::unshare)
    argv.insert(argv.end(), {"--user", "--map-root-user", "--map-auto"});
  return argv;
}

bool can_have(std::vector<std::string> argv) {
  argv.emplace_back("true");
  const auto tried = run_command(
      {.argv = argv}, {.deadline = Deadline::after(10s), .on_interrupt = OnInterrupt::go_on});
  return tried && tried->status.success();
}

bool can_unshare() {
  const auto* user = ::getpwuid(::getuid());
  if (user == nullptr || !find_program("newuidmap") || !find_program("newgidmap")) return false;
  if (!has_range("/etc/subuid", user->pw_name) || !has_range("/etc/subgid", user->pw_name))
    return false;
  return can_have(namespaces(DebootstrapMode::unshare));
}

Result<> require(const char* program, const char* package) {
  if (find_program(program)) return {};
  return fail(ErrorKind::environment,
              "there is no {} here, with which an image is built; on Debian: apt-get install {}",
              program, package);
}

bool is_package_word(std::string_view word) {
  constexpr std::string_view k_allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.:=~/_";
  return !word.empty() && word[0] != '-' &&
         word.find_first_not_of(k_allowed) == std::string_view::npos;
}

Result<> check(const DiskRecipe& recipe) {
  if (!is_package_word(recipe.suite))
    return fail(ErrorKind::usage, "--suite '{}': write a Debian release, such as bookworm",
                printable(recipe.suite));
  for (const auto& package : recipe.packages)
    if (!is_package_word(package))
      return fail(ErrorKind::usage, "--include: '{}' is no package's name", printable(package));
  if (recipe.kernel.version.empty())
    return fail(ErrorKind::usage,
                "an image has a kernel of Debian's packages, and {} was not fetched from "
                "there",
                recipe.kernel.release);
  constexpr auto k_least = std::uint64_t{2} << 30;
  if (recipe.bytes < k_least || recipe.bytes % (1 << 20) != 0)
    return fail(ErrorKind::usage, "--size must be whole megabytes, and at least 2G");
  return {};
}

Error no_space(const fs::path& directory) {
  return {
      ErrorKind::environment,
      fmt::format(
          "no space left on the disk of {}; an image needs {} while it is made: free some, or set "
          "XDG_CACHE_HOME to a directory that has it",
          directory.string(), format_bytes(k_space))};
}

// As root mmdebstrap mounts the host's /proc, /sys and /dev below the system that it fills. A
// container's root may make no namespaces, and no mounts then.
std::vector<std::string> own_namespaces(DebootstrapMode mode) {
  auto argv = namespaces(mode);
  if (mode == DebootstrapMode::root && !can_have(argv)) argv.clear();
  return argv;
}

CommandLine debootstrap_command(const DiskRecipe& recipe, DebootstrapMode mode,
                                const fs::path& sources, const fs::path& tar,
                                const fs::path& workspace) {
  CommandLine command{.argv = own_namespaces(mode),
                      // No initramfs of Debian's: kobox adds its own, and that takes a tenth of
                      // the time.
                      .environment = {{"SOURCE_DATE_EPOCH", std::to_string(k_disk_epoch)},
                                      {"TMPDIR", workspace.string()},
                                      {"INITRD", "No"},
                                      {"DEBIAN_FRONTEND", "noninteractive"},
                                      {"LC_ALL", "C.UTF-8"}}};
  command.argv.insert(
      command.argv.end(),
      {"mmdebstrap", mode == DebootstrapMode::fakechroot ? "--mode=fakechroot" : "--mode=root",
       "--variant=minbase", "--format=tar", "--include=" + join(disk_packages(recipe), ",")});
  // What nobody reads in a machine that is thrown away; copyrights stay.
  for (const auto* left_out : {"path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*",
                               "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/doc/*",
                               "path-include=/usr/share/doc/*/copyright"})
    command.argv.push_back(fmt::format("--dpkgopt={}", left_out));
  for (const auto& hook : disk_hooks()) command.argv.push_back("--customize-hook=" + hook);
  command.argv.insert(command.argv.end(), {recipe.suite, tar.string(), sources.string()});
  return command;
}

// mmdebstrap's "I: installing essential packages..." becomes the stage.
class StageReader {
 public:
  StageReader(const std::string& name, Progress& progress) : name_(name), progress_(progress) {}
  void operator()(std::string_view bytes) {
    silent_until_ = Deadline::after(k_silence_limit);
    lines_.feed(bytes, [this](StreamLine line) { take_line(line.text); });
  }
  Result<> check_silence() const {
    if (!silent_until_.passed()) return {};
    return fail(
        ErrorKind::timeout,
        "mmdebstrap has said nothing for {} while it was at '{}'; try again, or with another "
        "mirror in KOBOX_DEBIAN_MIRROR",
        format_duration(k_silence_limit), stage_);
  }

 private:
  void take_line(std::string_view line) {
    if (!line.starts_with("I: ") || line.find('/') != std::string_view::npos) return;
    line.remove_prefix(3);
    while (line.ends_with('.')) line.remove_suffix(1);
    stage_ = printable(line);
    progress_.stage(name_, stage_);
  }

  const std::string& name_;
  Progress& progress_;
  LineSplitter lines_{4096};
  std::string stage_ = "its beginning";
  Deadline silent_until_ = Deadline::after(k_silence_limit);
};

Result<> run_debootstrap(const DiskRecipe& recipe, const fs::path& directory, const fs::path& tar,
                         const std::string& name, Progress& progress, const HostFiles& host) {
  KOBOX_TRY(const auto mode, debootstrap_mode());
  KOBOX_TRY(const auto sources, disk_sources(recipe, host));
  // mmdebstrap makes the system below TMPDIR.
  KOBOX_TRY(const auto workspace, TempDir::make(directory, ".work-"));
  const auto sources_file = workspace.path() / "debian.sources";
  KOBOX_CHECK(write_file(sources_file, sources));
  progress.detail(fmt::format("{}: mmdebstrap in mode {}", name, to_string(mode)));
  const auto command = debootstrap_command(recipe, mode, sources_file, tar, workspace.path());
  StageReader stages(name, progress);
  const auto check = [&](pid_t) -> Result<> {
    KOBOX_TRY(const auto free, free_space(workspace.path()));
    if (free < k_full) return std::unexpected(no_space(workspace.path()));
    return stages.check_silence();
  };
  auto done = run_command(
      command,
      {.deadline = Deadline::after(k_install_limit), .max_output = k_max_output, .check = check},
      Streams::merged, std::ref(stages));
  remove_system(workspace.path());
  if (!done) return std::unexpected(std::move(done).error());
  if (!done->status.success())
    return std::unexpected(explain_debootstrap(done->output, recipe, directory));
  return {};
}

Result<> run_qemu_img(std::vector<std::string> words) {
  words.insert(words.begin(), "qemu-img");
  KOBOX_TRY(const auto done,
            run_command({.argv = words, .environment = {{"LC_ALL", "C.UTF-8"}}},
                        {.deadline = Deadline::after(k_convert_limit)}, Streams::merged));
  if (done.status.success()) return {};
  return fail(ErrorKind::environment, "{} {} {}: {}", words[0], words[1], done.status.to_string(),
              printable(trim(done.output)));
}

}  // namespace

const char* to_string(DebootstrapMode mode) {
  switch (mode) {
    case DebootstrapMode::root:
      return "root";
    case DebootstrapMode::unshare:
      return "unshare";
    case DebootstrapMode::fakechroot:
      break;
  }
  return "fakechroot";
}

Result<DebootstrapMode> debootstrap_mode() {
  if (::geteuid() == 0) return DebootstrapMode::root;
  if (can_unshare()) return DebootstrapMode::unshare;
  if (find_program("fakechroot") && find_program("fakeroot")) return DebootstrapMode::fakechroot;
  return fail(ErrorKind::environment,
              "an ordinary user needs fakechroot and fakeroot to build an image, or uidmap with "
              "ranges in /etc/subuid and /etc/subgid; on Debian: apt-get install fakechroot");
}

void remove_system(const fs::path& directory) {
  if (remove_tree(directory) || ::geteuid() == 0 || !can_unshare()) return;
  // What a namespace's users own, only its root can remove.
  auto argv = namespaces(DebootstrapMode::unshare);
  argv.insert(argv.end(), {"rm", "-rf", "--one-file-system", directory.string()});
  [[maybe_unused]] const auto done = run_command(
      {.argv = argv},
      {.deadline = Deadline::after(k_convert_limit), .on_interrupt = OnInterrupt::go_on});
}

Result<std::string> disk_sources(const DiskRecipe& recipe, const HostFiles& host) {
  KOBOX_TRY(const auto mirror, host_mirror(host.apt));
  // A suite that kobox takes no kernels from, such as `testing`, has these beside it.
  const auto others = fmt::format("{0} {0}-updates", recipe.suite);
  const auto security = recipe.suite + "-security";
  const auto* system = find_distribution(recipe.suite);
  auto sources = debian_sources(
      mirror, system != nullptr ? *system : Distribution{.suites = others, .security = security},
      host.keyring);
  const auto* kernel = find_distribution(recipe.kernel.distribution);
  if (kernel != nullptr && kernel != system)
    sources += debian_sources(mirror, *kernel, host.keyring);
  return sources;
}

Error explain_debootstrap(std::string_view output, const DiskRecipe& recipe,
                          const fs::path& directory) {
  const auto find = [&](std::string_view text) -> std::string {
    for (const auto line : lines_of(output))
      if (line.find(text) != std::string_view::npos) {
        const auto start = line.starts_with("E: ") ? std::size_t{3} : std::size_t{0};
        return printable(trim(line.substr(start)));
      }
    return "";
  };
  const auto environment = [](std::string text) {
    return Error(ErrorKind::environment, std::move(text));
  };
  if (!find("No space left on device").empty()) return no_space(directory);
  if (const auto line = find("E: Version '"); !line.empty())
    return environment(fmt::format(
        "Debian has this version of the kernel no more ({}); fetch the newest with `kobox kernel "
        "fetch`, and build the image for that",
        line));
  if (const auto line = find("E: Unable to locate package"); !line.empty())
    return environment(fmt::format("{} has no such package: {}", recipe.suite, line));
  if (const auto line = find("has no installation candidate"); !line.empty())
    return environment(fmt::format("{} has no such package: {}", recipe.suite, line));
  for (const auto* text : {"does not have a Release file", "Temporary failure resolving",
                           "Could not resolve", "Could not connect", "Unable to connect",
                           "Connection refused", "Connection timed out", "Failed to fetch"})
    if (const auto line = find(text); !line.empty())
      return environment(
          fmt::format("Debian's mirror cannot be reached, or lacks {}: {}", recipe.suite, line));
  std::string last;
  for (const auto line : lines_of(output))
    if (line.starts_with("E: ") && last.empty()) last = printable(trim(line.substr(3)));
  if (last.empty())
    last =
        printable(trim(output.substr(output.size() - std::min<std::size_t>(output.size(), 300))));
  return environment("mmdebstrap failed: " + last);
}

Result<BuiltDisk> build_disk(const DiskRecipe& recipe, const fs::path& directory,
                             const std::string& name, Progress& progress, const HostFiles& host) {
  KOBOX_CHECK(check(recipe));
  KOBOX_CHECK(require("mmdebstrap", "mmdebstrap"));
  KOBOX_CHECK(require("qemu-img", "qemu-utils"));
  KOBOX_CHECK(require("mke2fs", "e2fsprogs"));
  KOBOX_CHECK(check_space(directory, k_space, "a disk image"));
  KOBOX_TRY(const auto initramfs, make_disk_initramfs(recipe.kernel, WithAgent::no));
  KOBOX_TRY(const auto files, disk_files(recipe, initramfs));
  const auto tar = directory / "system.tar";
  const auto raw = directory / "disk.raw";
  progress.stage(name, "installing Debian");
  KOBOX_CHECK(run_debootstrap(recipe, directory, tar, name, progress, host));

  progress.stage(name, "making the file system");
  std::error_code ignored;
  const auto total = fs::file_size(tar, ignored);
  KOBOX_TRY(const auto texts,
            write_disk(tar, raw, recipe.bytes, files, {k_status},
                       [&](std::uint64_t bytes) { progress.amount(name, bytes, total); }));
  KOBOX_CHECK(remove_tree(tar));
  progress.stage(name, "converting it to qcow2");
  KOBOX_CHECK(run_qemu_img(
      {"convert", "-f", "raw", "-O", "qcow2", raw.string(), (directory / "disk.qcow2").string()}));
  KOBOX_CHECK(remove_tree(raw));
  KOBOX_CHECK(run_qemu_img({"create", "-q", "-f", "qcow2", (directory / "overlay.qcow2").string(),
                            std::to_string(recipe.bytes)}));
  // For a QEMU that is to load them itself.
  KOBOX_TRY(const auto kernel, read_file(recipe.kernel.vmlinuz));
  KOBOX_CHECK(write_file(directory / "vmlinuz", kernel));
  KOBOX_CHECK(write_file(directory / "initrd.img", initramfs));
  progress.done(name);
  const auto status = texts.find(k_status);
  return BuiltDisk{.packages = installed_packages(status != texts.end() ? status->second : "")};
}

}  // namespace kobox
