// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/disk.h"

#include "harness/prepare.h"

namespace kobox {

Result<HeldDisk> hold_disk(const LabOptions& options, const Project& project, const Kernel& kernel,
                           Progress& progress) {
  const DiskStore store(options.cache);
  auto name = project.image;
  if (name.empty()) {
    const DiskRecipe recipe{.suite = default_suite(kernel), .packages = {}, .kernel = kernel};
    name = DiskStore::default_name(recipe.suite, kernel.release);
    if (!store.find(name)) {
      if (options.network == Network::forbidden)
        return fail(ErrorKind::environment,
                    "there is no disk image for {} yet, and --offline forbids to build one; "
                    "`kobox image build --kernel {}` does",
                    kernel.release, kernel.release);
      progress.note(fmt::format("building the disk image {}, once", name));
      KOBOX_CHECK(store.build(name, recipe, DiskStore::Again::no, progress));
    }
  }
  KOBOX_TRY(auto held, store.use(name));
  if (held.info.kernel_identity == kernel.identity) return held;
  return fail(ErrorKind::usage,
              "the image {} has the kernel {} {}, and not {} {}; choose that with --kernel, or "
              "make the image again with `kobox image build {} --again --kernel {}`",
              name, held.info.release, held.info.kernel_version, kernel.release, kernel.version,
              name, kernel.release);
}

GuestDisk guest_disk(const Project& project, const HeldDisk& held,
                     const std::filesystem::path& kept_layer) {
  return {.image = held.info.disk(),
          .overlay = held.info.overlay(),
          .identity = held.info.identity,
          .boot = project.boot,
          .kept_layer = kept_layer};
}

}  // namespace kobox
