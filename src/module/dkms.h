// SPDX-License-Identifier: GPL-2.0-or-later
// A build by dkms(8), in a build root that has it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/result.h"
#include "kernel/kernel.h"
#include "module/build_record.h"
#include "module/build_site.h"

namespace kobox {

// PACKAGE_NAME, PACKAGE_VERSION, and for which kernels it is meant (dkms(8)).
struct DkmsPackage {
  std::string name;
  std::string version;
  std::string exclusive_configs = {};  // BUILD_EXCLUSIVE_CONFIG: "CONFIG_HID !CONFIG_X"
  std::string exclusive = {};          // the other BUILD_EXCLUSIVE_…, as "KERNEL=^5 ARCH=x86"
};

// What the dkms.conf in the place's sources calls itself. It is a shell script, and is run for that
// where the module is built. ErrorKind::usage where it does not say.
Result<DkmsPackage> read_dkms_conf(const BuildSite& site, const BuildPlace& place,
                                   const Kernel& kernel, Deadline deadline);

// The command, which ends with dkms' status and writes the log of its make after its own words.
// The modules keep their DWARF. Its tree is the place's directory `dkms`.
BuildJob dkms_job(const DkmsPackage& package, const BuildPlace& place, const Kernel& kernel);

// Whether dkms refused to build because the dkms.conf says that it is not for this kernel, and what
// that asks for. `output`: dkms' own.
std::optional<std::string> why_excluded(const DkmsPackage& package, const Kernel& kernel,
                                        std::string_view output);

// Where dkms builds, by the root's own paths: what paths in the DWARF begin with.
std::filesystem::path dkms_built_at(const DkmsPackage& package);

// Where the modules are afterwards, on the host: *.ko, or compressed like the kernel's own.
std::filesystem::path dkms_modules(const DkmsPackage& package, const BuildPlace& place,
                                   const Kernel& kernel);

}  // namespace kobox
