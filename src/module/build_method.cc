// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/build_method.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr std::uint64_t k_largest_makefile = 1 << 20;

// It may be a link, but a FIFO would be waited for.
std::optional<std::string> read_makefile(const fs::path& path) {
  std::error_code error;
  const auto real = fs::canonical(path, error);
  if (error) return std::nullopt;
  auto text = read_regular_file(real, k_largest_makefile);
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

// In the order in which make looks for them.
std::optional<std::string> makefile_of(const fs::path& directory) {
  for (const auto* name : {"GNUmakefile", "makefile", "Makefile"})
    if (auto text = read_makefile(directory / name)) return text;
  return std::nullopt;
}

bool speaks_of_objects(std::string_view text) {
  return text.contains("obj-m") || text.contains("obj-$") || text.contains("obj-y");
}

// A recipe's lines begin with a tab.
bool has_rules(std::string_view text) { return text.starts_with('\t') || text.contains("\n\t"); }

// A variable that a Makefile hands to the make it calls, other than those that every wrapper has:
// "CONFIG_X=m", "EXTRA_CFLAGS=-DY".
bool hands_on_variables(std::string_view text) {
  constexpr std::array<std::string_view, 12> k_usual = {
      "M", "SUBDIRS", "KBUILD_EXTMOD", "ARCH",          "CROSS_COMPILE", "CC", "LLVM", "V",
      "W", "O",       "src",           "KBUILD_VERBOSE"};
  for (const auto line : lines_of(text)) {
    const bool calls_make = line.contains("$(MAKE)") || line.contains("make");
    const bool builds = !line.contains("clean") && !line.contains("modules_install");
    if (!line.starts_with('\t') || !calls_make || !builds) continue;
    for (const auto& word : split(std::string(trim(line)), ' ')) {
      const auto equals = word.find('=');
      if (equals == std::string::npos || equals == 0) continue;
      const auto name = std::string_view(word).substr(0, equals);
      if (name.find_first_not_of(
              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
              std::string_view::npos &&
          std::ranges::find(k_usual, name) == k_usual.end())
        return true;
    }
  }
  return false;
}

// "ifneq ($(KERNELRELEASE),)": the file has one part for kbuild and one for the user's make.
bool tells_kbuild_by_release(std::string_view text) {
  return std::ranges::any_of(lines_of(text), [](std::string_view line) {
    return trim(line).starts_with("if") && line.contains("KERNELRELEASE");
  });
}

}  // namespace

Result<BuildMethod> parse_build_method(std::string_view text) {
  if (text == "auto") return BuildMethod::automatic;
  if (text == "kbuild") return BuildMethod::kbuild;
  if (text == "make") return BuildMethod::make;
  if (text == "dkms") return BuildMethod::dkms;
  return fail(ErrorKind::usage, "'{}' is not a way to build; choose auto, kbuild, make or dkms",
              printable(text));
}

std::string_view describe(BuildMethod method) {
  switch (method) {
    case BuildMethod::automatic:
      break;
    case BuildMethod::kbuild:
      return "kbuild";
    case BuildMethod::make:
      return "its own Makefile";
    case BuildMethod::dkms:
      return "dkms";
  }
  return "what is in its directory";
}

std::vector<BuildMethod> methods_for(const fs::path& directory, BuildMethod wanted) {
  if (wanted != BuildMethod::automatic) return {wanted};
  std::error_code ignored;
  if (fs::exists(directory / "dkms.conf", ignored)) return {BuildMethod::dkms};
  std::vector<BuildMethod> methods;
  const auto makefile = makefile_of(directory);
  if (makefile && hands_on_variables(*makefile)) return {BuildMethod::make};
  if (fs::exists(directory / "Kbuild", ignored) || (makefile && speaks_of_objects(*makefile)))
    methods.push_back(BuildMethod::kbuild);
  // One without rules of its own is for kbuild too, whatever it includes.
  if (makefile && has_rules(*makefile)) methods.push_back(BuildMethod::make);
  if (makefile && methods.empty()) methods.push_back(BuildMethod::kbuild);
  return methods;
}

bool makefile_may_help(std::string_view message) {
  return message.contains("No such file or directory") ||
         message.contains("No rule to make target");
}

std::vector<std::pair<std::string, std::string>> kernel_variables(const fs::path& directory,
                                                                  const Kernel& kernel,
                                                                  const fs::path& headers) {
  constexpr std::array k_trees = {"KDIR",
                                  "KERNELDIR",
                                  "KERNEL_DIR",
                                  "KERNEL_SRC",
                                  "KERNEL_SOURCE",
                                  "KERNELSRC",
                                  "KSRC",
                                  "KSOURCE",
                                  "KERNEL_PATH",
                                  "KERNEL_TREE",
                                  "KERN_DIR",
                                  "KERNDIR",
                                  "KBUILD_DIR",
                                  "KERNEL_BUILD",
                                  "KBUILD",
                                  "LINUX_DIR",
                                  "LINUX_SRC",
                                  "LINUXSRC",
                                  "KERNEL_SOURCE_DIR",
                                  "KERNELBUILDDIR",
                                  "LINUXINCLUDE_DIR",
                                  "KDIR_BUILD"};
  constexpr std::array k_releases = {"KVER",           "KVERSION",       "kver",
                                     "KERNEL_VERSION", "KERNELVERSION",  "kernelver",
                                     "KERNELVER",      "KERNEL_RELEASE", "TARGET_KERNEL"};
  std::vector<std::pair<std::string, std::string>> variables;
  for (const auto* name : k_trees) variables.emplace_back(name, headers.string());
  for (const auto* name : k_releases) variables.emplace_back(name, kernel.release);
  const auto makefile = makefile_of(directory);
  if (makefile && makefile->contains("KERNELRELEASE") && !tells_kbuild_by_release(*makefile))
    variables.emplace_back("KERNELRELEASE", kernel.release);
  return variables;
}

}  // namespace kobox
