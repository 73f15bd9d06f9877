// SPDX-License-Identifier: GPL-2.0-or-later
// A build by dkms(8), in a build root that has it.
#pragma once

#include <filesystem>
#include <string>

#include "base/deadline.h"
#include "base/result.h"
#include "kernel/kernel.h"
#include "module/build_record.h"
#include "module/build_site.h"

namespace kobox {

// PACKAGE_NAME and PACKAGE_VERSION.
struct DkmsPackage {
  std::string name;
  std::string version;
};

// What the dkms.conf in the place's sources calls itself. It is a shell script, and is run for that
// where the module is built. ErrorKind::usage where it does not say.
Result<DkmsPackage> read_dkms_conf(const BuildSite& site, const BuildPlace& place,
                                   const Kernel& kernel, Deadline deadline);

// The command, which ends with dkms' status and writes the log of its make after its own words.
// The modules keep their DWARF. Its tree is the place's directory `dkms`.
BuildJob dkms_job(const DkmsPackage& package, const BuildPlace& place, const Kernel& kernel);

// Where dkms builds, by the root's own paths: what paths in the DWARF begin with.
std::filesystem::path dkms_built_at(const DkmsPackage& package);

// Where the modules are afterwards, on the host: *.ko, or compressed like the kernel's own.
std::filesystem::path dkms_modules(const DkmsPackage& package, const BuildPlace& place,
                                   const Kernel& kernel);

}  // namespace kobox
