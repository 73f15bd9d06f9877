// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kernel_config.h"

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr std::uint64_t k_max_config = 16 << 20;
constexpr std::string_view k_prefix = "CONFIG_";

using enum ConfigNeed::Value;
using enum ConfigNeed::Weight;

// In the order of the fragment; an option stands behind those that it depends on.
constexpr auto k_needs = std::to_array<ConfigNeed>({
    {"64BIT", built_in, required, "for the machine that kobox makes"},
    {"PRINTK", built_in, required, "for the kernel's log"},
    {"BLK_DEV_INITRD", built_in, required, "for the initramfs that is the guest"},
    {"BINFMT_ELF", built_in, required, "for the guest's programs"},
    {"FUTEX", built_in, required, "for the guest's programs"},
    {"SIGNALFD", built_in, required, "for the guest's agent"},
    {"PROC_FS", built_in, required, "for the guest's agent"},
    {"SYSFS", built_in, required, "for the guest's agent"},
    {"DEVTMPFS", built_in, required, "for the guest's devices"},
    {"SHMEM", built_in, required, "for the guest's files"},
    {"TMPFS", built_in, required, "for the guest's files"},
    {"TTY", built_in, required, "for the guest's console"},
    {"SERIAL_8250", built_in, required, "for the guest's console"},
    {"SERIAL_8250_CONSOLE", built_in, required, "for the guest's console"},
    {"ACPI", built_in, required, "for the machine's interrupts and its end"},
    {"PCI", built_in, required, "for the agent's port"},
    {"VIRTIO_MENU", built_in, required, "for the agent's port"},
    {"VIRTIO_PCI", built_in_or_module, required, "for the agent's port"},
    {"VIRTIO_CONSOLE", built_in_or_module, required, "for the agent's port"},
    {"MODULES", built_in, required, "for your module"},
    {"MODULE_UNLOAD", built_in, required, "for your module's end"},
    {"MODULE_SIG_FORCE", off, required, "for a module that nobody has signed"},
    {"LOCK_DOWN_KERNEL_FORCE_INTEGRITY", off, required, "for a module that nobody has signed"},
    {"LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY", off, required,
     "for a module that nobody has signed"},
    {"CMDLINE_OVERRIDE", off, required, "for the parameters that kobox boots with"},
    {"HYPERVISOR_GUEST", built_in, useful, "for the quickest way to boot"},
    {"PVH", built_in, useful, "for the quickest way to boot"},
    {"MULTIUSER", built_in, useful, "for tests that run as an ordinary user"},
    {"BINFMT_SCRIPT", built_in, useful, "for scripts in the guest"},
    {"UNIX98_PTYS", built_in, useful, "for kobox shell on a terminal"},
    {"KALLSYMS", built_in, useful, "for names in reports, kobox debug and kobox trace"},
    {"DEBUG_KERNEL", built_in, useful, "for the kernel's variables in kobox debug"},
    {"KALLSYMS_ALL", built_in, useful, "for the kernel's variables in kobox debug"},
    {"UNWINDER_ORC", built_in, useful, "for backtraces through the kernel in kobox debug"},
    {"DEBUG_INFO_BTF", built_in, useful,
     "for a module's symbols in kobox debug; needs pahole, and DEBUG_INFO of some kind"},
    {"SOFTLOCKUP_DETECTOR", built_in, useful, "for reports of lockups"},
    {"DETECT_HUNG_TASK", built_in, useful, "for reports of lockups"},
    {"DEBUG_FS", built_in, useful, "for modules' files in debugfs"},
    {"FTRACE", built_in, useful, "for kobox trace under KVM"},
    {"FUNCTION_TRACER", built_in, useful, "for kobox trace under KVM"},
    {"FUNCTION_GRAPH_TRACER", built_in, useful, "for kobox trace under KVM"},
});

bool is_met(const ConfigNeed& need, std::string_view value) {
  switch (need.value) {
    case built_in:
      return value == "y";
    case built_in_or_module:
      return value == "y" || value == "m";
    case off:
      return value.empty() || value == "n";
  }
  return false;
}

// "# Linux/x86 6.12.1 Kernel Configuration"
std::string architecture_in(std::string_view line) {
  constexpr std::string_view k_title = "# Linux/";
  if (!line.starts_with(k_title) || !line.ends_with(" Kernel Configuration")) return "";
  line.remove_prefix(k_title.size());
  return std::string(line.substr(0, line.find(' ')));
}

}  // namespace

KernelConfig KernelConfig::parse(std::string_view text) {
  KernelConfig config;
  for (auto line : lines_of(text)) {
    line = trim(line);
    if (config.architecture_.empty()) config.architecture_ = architecture_in(line);
    const auto equals = line.find('=');
    if (!line.starts_with(k_prefix) || equals == std::string_view::npos) continue;
    // The last of several holds, as for kconfig.
    config.values_.insert_or_assign(
        std::string(line.substr(k_prefix.size(), equals - k_prefix.size())),
        std::string(line.substr(equals + 1)));
  }
  return config;
}

Result<KernelConfig> KernelConfig::read(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return fail(ErrorKind::usage, "there is no {}", file.string());
  KOBOX_TRY(const auto text, read_file(file, k_max_config));
  auto config = parse(text);
  if (config.values_.empty())
    return fail(ErrorKind::usage, "{} is no configuration of a kernel: it has no CONFIG_ line",
                file.string());
  return config;
}

std::string_view KernelConfig::value(std::string_view option) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::string_view() : found->second;
}

std::vector<ConfigNeed> missing_options(const KernelConfig& config) {
  std::vector<ConfigNeed> missing;
  for (const auto& need : k_needs)
    if (!is_met(need, config.value(need.option))) missing.push_back(need);
  std::ranges::stable_sort(missing, {}, &ConfigNeed::weight);
  return missing;
}

std::string config_line(const ConfigNeed& need) {
  if (need.value == off) return fmt::format("# {}{} is not set", k_prefix, need.option);
  return fmt::format("{}{}=y", k_prefix, need.option);
}

std::string config_fragment(const std::vector<ConfigNeed>& missing,
                            const std::filesystem::path& directory) {
  std::error_code ignored;
  const bool built_elsewhere = fs::exists(directory / "source", ignored);  // by O=
  std::string text = fmt::format(
      "# What the kernel in {0} lacks for kobox. With this text in a file FRAGMENT:\n"
      "#   cd {0} && {1}scripts/kconfig/merge_config.sh .config FRAGMENT && make\n",
      shell_quote(directory.string()), built_elsewhere ? "source/" : "");
  if (missing.empty()) return text + "# It lacks nothing.\n";
  std::string_view purpose;
  for (const auto& need : missing) {
    if (need.purpose != purpose)
      text += fmt::format("\n# {}{}\n", need.purpose,
                          need.weight == required ? "" : "; kobox can do without");
    purpose = need.purpose;
    text += config_line(need) + "\n";
  }
  return text;
}

}  // namespace kobox
