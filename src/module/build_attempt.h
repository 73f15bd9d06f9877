// SPDX-License-Identifier: GPL-2.0-or-later
// One way to build a module's directory for a kernel: by a method, on the host or in a build root.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "kernel/kernel.h"
#include "module/build.h"
#include "module/build_method.h"
#include "module/build_record.h"
#include "module/build_site.h"
#include "module/dkms.h"
#include "module/source_root.h"

namespace kobox {

// Makes the build roots that a build of the request's directory may want, by any method that is
// tried; where all build on the host, nothing. For the sake of builds without the network. Errors:
// as BuildSite::choose and in_root; usage for a method that cannot build where the request says.
Result<> make_sites(const BuildRequest& request, const Kernel& kernel);

class BuildAttempt {
 public:
  // Chooses where, and makes a build root if there must be one. `request` and `kernel` must outlive
  // this. Errors: see build_modules.
  static Result<BuildAttempt> make(BuildMethod method, const BuildRequest& request,
                                   const Kernel& kernel);

  // The command that go() would run. Writes nothing; of dkms, whose command depends on its
  // dkms.conf, that is the command without it.
  Result<CommandLine> command();

  // Brings the copy up to date, and builds it if it is not what was built last. All modules that it
  // builds, none if it builds none. Blocks while another kobox builds the same.
  Result<BuildOutcome> go();

  // After a go() that failed, where another attempt has built the same sources: from now on go()
  // builds none of them by this method.
  Result<> forget() const;

 private:
  BuildAttempt(BuildMethod method, const BuildRequest& request, const Kernel& kernel,
               BuildSite site, BuildPlace place)
      : method_(method),
        request_(request),
        kernel_(kernel),
        site_(std::move(site)),
        place_(std::move(place)) {}

  Result<Sources> taken_along() const;
  BuildJob job() const;
  BuildJob job_of_method() const;
  std::vector<std::filesystem::path> built_files() const;
  std::filesystem::path built_at() const;
  void hand_on_needs(BuildJob& job) const;
  std::string exported() const;
  std::optional<BuildFailure> failure_of(const ExitStatus& status, const std::string& output) const;
  Result<> clear_products() const;
  Result<std::optional<BuildFailure>> run(const CommandLine& command);

  BuildMethod method_;
  const BuildRequest& request_;
  const Kernel& kernel_;
  BuildSite site_;
  BuildPlace place_;
  std::optional<DkmsPackage> package_;
  std::string key_;
  BuildRecord record_;
};

}  // namespace kobox
