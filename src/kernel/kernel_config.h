// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel's .config: what kobox's guest wants of it, and the fragment that gives that.
//
// The options' meanings are in the kernel's own Kconfig files; the form of .config in
// Documentation/kbuild/kconfig-language.rst.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kobox {

class KernelConfig {
 public:
  // ErrorKind::usage if there is no such file or it is no .config.
  static Result<KernelConfig> read(const std::filesystem::path& file);
  static KernelConfig parse(std::string_view text);

  // "y", "m", a number or a text as it stands there, without CONFIG_; "" for what is not set.
  std::string_view value(std::string_view option) const;
  // What the file says at its top that it is for: "x86", "arm64"; "" if it does not.
  std::string_view architecture() const { return architecture_; }

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::string architecture_;
};

struct ConfigNeed {
  enum class Value { built_in, built_in_or_module, off };
  enum class Weight {
    required,  // nothing runs without it
    useful,    // something of kobox's does not work without it
  };
  std::string_view option;  // without CONFIG_
  Value value = Value::built_in;
  Weight weight = Weight::required;
  std::string_view purpose;  // "for the guest's console"
};

// What the configuration lacks, the required ones first.
std::vector<ConfigNeed> missing_options(const KernelConfig& config);

// "CONFIG_VIRTIO_CONSOLE=y", or "# CONFIG_MODULE_SIG_FORCE is not set".
std::string config_line(const ConfigNeed& need);

// A fragment for scripts/kconfig/merge_config.sh with these lines, their purposes and the commands
// that apply it in `directory`.
std::string config_fragment(const std::vector<ConfigNeed>& missing,
                            const std::filesystem::path& directory);

}  // namespace kobox
