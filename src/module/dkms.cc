// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/dkms.h"

#include <algorithm>
#include <array>
#include <thread>

#include "base/files.h"
#include "base/text.h"
#include "module/sandbox.h"

namespace kobox {
namespace {

using Kind = Sandbox::Step::Kind;

constexpr const char* k_tree = "/var/lib/dkms";
// Comes first in PATH: dkms would strip what it has built.
constexpr const char* k_programs = "/tmp/kobox-bin";

// dkms sets these before it reads a dkms.conf (read_conf in its script).
constexpr const char* k_read_conf =
    "kernelver=$1 arch=$2 dkms_tree=/var/lib/dkms source_tree=/usr/src\n"
    "kernel_source_dir=/lib/modules/$1/build\n"
    ". ./dkms.conf >/dev/null || exit\n"
    "printf '%s\\n' \"$PACKAGE_NAME\" \"$PACKAGE_VERSION\" \"$BUILD_EXCLUSIVE_CONFIG\"\n"
    "for one in KERNEL KERNEL_MIN KERNEL_MAX ARCH; do\n"
    "  name=BUILD_EXCLUSIVE_$one; [ -n \"${!name}\" ] && printf '%s=%s ' $name \"${!name}\"\n"
    "done; echo";

constexpr const char* k_build =
    "dkms build -m \"$1\" -v \"$2\" -k \"$3\" -a \"$4\" -j \"${5#-j}\" --no-depmod 2>&1\n"
    "status=$?\n"
    "cat /var/lib/dkms/\"$1\"/\"$2\"/build/make.log"
    " /var/lib/dkms/\"$1\"/\"$2\"/\"$3\"/\"$4\"/log/make.log 2>/dev/null\n"
    "exit $status";

// A part of a path, and a word of dkms'.
bool is_plain(std::string_view text) {
  return !text.empty() && !text.starts_with('.') && !text.starts_with('-') &&
         std::ranges::all_of(text, [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                  std::string_view("._+~-").contains(c);
         });
}

}  // namespace

Result<DkmsPackage> read_dkms_conf(const BuildSite& site, const BuildPlace& place,
                                   const Kernel& kernel, Deadline deadline) {
  KOBOX_TRY(const auto command,
            site.command(place, {.words = {"bash", "-c", k_read_conf, "bash", kernel.release,
                                           std::string(kernel.arch->name)}}));
  KOBOX_TRY(const auto done, run_command(command, {.deadline = deadline}));
  const auto lines = split(done.output, '\n');
  if (!done.status.success() || lines.size() < 4 || !is_plain(lines[0]) || !is_plain(lines[1]))
    return fail(ErrorKind::usage,
                "the dkms.conf in {} gives no PACKAGE_NAME and PACKAGE_VERSION that a directory "
                "can be named by ({}); build = \"kbuild\" or \"make\" in [module] of kobox.toml "
                "builds without dkms",
                site.sources(place).string(),
                printable(trim((done.error + done.output).substr(0, 300))));
  return DkmsPackage{.name = lines[0],
                     .version = lines[1],
                     .exclusive_configs = lines[2],
                     .exclusive = std::string(trim(lines[3]))};
}

std::optional<std::string> why_excluded(const DkmsPackage& package, const Kernel& kernel,
                                        std::string_view output) {
  if (!output.contains("BUILD_EXCLUSIVE")) return std::nullopt;
  std::vector<std::string> reasons;
  const auto config = read_file(kernel.headers / ".config", 1 << 20).value_or("");
  for (const auto& word : split(package.exclusive_configs, ' ')) {
    const bool must_be_off = word.starts_with('!');
    const auto option = word.substr(must_be_off ? 1 : 0);
    if (option.empty()) continue;
    const bool is_on = config.contains("\n" + option + "=");
    if (is_on == must_be_off)
      reasons.push_back(fmt::format("this kernel has {}{}", is_on ? "" : "no ", option));
  }
  // The dkms.conf may say it in words of its own, before dkms does.
  const auto first = output.substr(0, output.find('\n'));
  constexpr std::array<std::string_view, 4> k_dkms_own = {"Error!", "Creating symlink",
                                                          "Sign command", "Key file"};
  if (reasons.empty() && !trim(first).empty() &&
      std::ranges::none_of(k_dkms_own, [&](const auto own) { return first.starts_with(own); }))
    reasons.emplace_back(trim(first));
  if (reasons.empty()) reasons.push_back(package.exclusive);
  return fmt::format("its dkms.conf says that it is not for {}: {}", kernel.release,
                     printable(join(reasons, ", ")));
}

BuildJob dkms_job(const DkmsPackage& package, const BuildPlace& place, const Kernel& kernel) {
  const auto sources = fmt::format("/usr/src/{}-{}", package.name, package.version);
  const auto jobs = std::max(1U, std::thread::hardware_concurrency());
  return {.words = {"bash", "-c", k_build, "bash", package.name, package.version, kernel.release,
                    std::string(kernel.arch->name), fmt::format("-j{}", jobs)},
          .environment = {{"PATH", fmt::format("{}:/usr/bin:/usr/sbin", k_programs)}},
          .mounts = {{Kind::lend, place.sources(), sources},
                     {Kind::lend, place.dkms(), k_tree},
                     {Kind::link, "/usr/bin/true", fs::path(k_programs) / "strip"}}};
}

fs::path dkms_built_at(const DkmsPackage& package) {
  return fs::path(k_tree) / package.name / package.version / "build";
}

fs::path dkms_modules(const DkmsPackage& package, const BuildPlace& place, const Kernel& kernel) {
  return place.dkms() / package.name / package.version / kernel.release / kernel.arch->name /
         "module";
}

}  // namespace kobox
