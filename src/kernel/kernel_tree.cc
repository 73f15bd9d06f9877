// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kernel_tree.h"

#include <sys/stat.h>

#include <array>

#include "base/files.h"
#include "base/text.h"
#include "kernel/drivers.h"
#include "kernel/kernel_config.h"
#include "kernel/kernel_directory.h"
#include "kernel/local_kernel.h"
#include "kernel/vmlinuz.h"

namespace kobox {
namespace {

constexpr std::uint64_t k_max_image = std::uint64_t{512} << 20;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// A build tree has a Makefile: the kernel's own, or the one that O= makes.
Result<fs::path> tree_at(const fs::path& directory) {
  std::error_code error;
  auto tree = fs::canonical(directory, error);
  if (error) return fail(ErrorKind::usage, "there is no kernel tree {}", directory.string());
  const bool kbuild = is_there(tree / "scripts/Makefile.build") || is_there(tree / "source");
  if (!is_there(tree / "Makefile") || !kbuild)
    return fail(ErrorKind::usage,
                "{} is a directory, but no kernel's: give a kernel tree that was built in place, "
                "the directory of a build with O=, or the vmlinuz file itself (and its build tree "
                "with --headers)",
                tree.string());
  return tree;
}

Result<> check_options(const fs::path& tree, const Arch& arch) {
  const auto file = tree / ".config";
  if (!is_there(file))
    return fail(ErrorKind::usage,
                "the kernel tree {} is not configured: it has no .config; if it was built with O=, "
                "give that directory",
                tree.string());
  KOBOX_TRY(const auto config, KernelConfig::read(file));
  if (config.value(arch.config_option) != "y")
    return fail(
        ErrorKind::usage,
        "the kernel tree {} is configured for {}, and kobox's machines are {}: CONFIG_{} "
        "is not set in its .config",
        tree.string(),
        config.architecture().empty() ? "another architecture" : printable(config.architecture()),
        arch.name, arch.config_option);
  std::vector<std::string> lines;
  for (const auto& need : missing_options(config))
    if (need.weight == ConfigNeed::Weight::required)
      lines.push_back(fmt::format("{} ({})", config_line(need), need.purpose));
  if (lines.empty()) return {};
  return fail(ErrorKind::usage,
              "the kernel in {0} cannot be used as it is configured; its .config needs {1}. "
              "`kobox kernel config {2}` writes what to merge into it",
              tree.string(), join(lines, ", "), shell_quote(tree.string()));
}

// Size and time of change of a file, so that one that is built again counts as another.
void add_state(Digest& digest, const fs::path& file) {
  struct stat info = {};
  if (::stat(file.c_str(), &info) != 0) return;
  digest.add(file.string())
      .add(fmt::format("{} {}.{:09}", info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec));
}

Result<std::string> identity_of(const Kernel& kernel, const fs::path& image) {
  Digest digest;
  digest.add(kernel.release);
  for (const auto& file :
       {image, kernel.headers / "vmlinux", kernel.headers / ".config",
        kernel.headers / "Module.symvers", kernel.headers / "include/config/auto.conf",
        kernel.headers / "include/generated/utsrelease.h", kernel.headers / "modules.builtin"})
    add_state(digest, file);
  KOBOX_TRY(const auto modules, modules_of(kernel));
  for (const auto& [name, path] : modules) add_state(digest, path);
  return digest.hex();
}

// From a bzImage the vmlinux without debugging information, as for every other kernel.
Result<> take_bzimage(Kernel& kernel, const fs::path& image, const fs::path& kernels,
                      Progress& progress) {
  const auto action = "reading the kernel image " + image.string();
  KOBOX_TRY(const auto bytes, read_file(image, k_max_image));
  KOBOX_TRY_WHILE(action, kernel.release, bzimage_release(bytes));
  kernel.vmlinuz = image;
  KOBOX_TRY_WHILE(action, kernel.vmlinux,
                  unpacked_vmlinux(kernels, bytes, kernel.release, progress));
  KOBOX_TRY(kernel.pvh, has_pvh_entry(kernel.vmlinux));
  return {};
}

// Without a bzImage there is only PVH. The cache gets a link to it, under a name that changes with
// the file.
Result<> take_vmlinux(Kernel& kernel, const fs::path& vmlinux, const fs::path& kernels) {
  kernel.release = release_of_headers(kernel.headers);
  KOBOX_TRY(kernel.pvh, has_pvh_entry(vmlinux));
  if (!kernel.pvh || kernel.release.empty())
    return fail(ErrorKind::usage,
                "the kernel tree {} has no {}, and its vmlinux cannot be booted without one (no "
                "PVH entry: CONFIG_PVH); run: make -C {}",
                kernel.headers.string(), kernel.arch->built_image,
                shell_quote(kernel.headers.string()));
  Digest digest;
  add_state(digest, vmlinux);
  const auto directory = kernels / "by-content" / digest.hex();
  KOBOX_CHECK(make_directories(directory));
  kernel.vmlinux = directory / "vmlinux";
  std::error_code error;
  if (!is_there(kernel.vmlinux)) fs::create_symlink(vmlinux, kernel.vmlinux, error);
  if (error && !is_there(kernel.vmlinux))
    return fail(ErrorKind::environment, "cannot make {}: {}", kernel.vmlinux.string(),
                error.message());
  return {};
}

}  // namespace

Result<Kernel> kernel_tree(const std::filesystem::path& directory,
                           const std::filesystem::path& kernels, Progress& progress) {
  KOBOX_TRY(const auto tree, tree_at(directory));
  Kernel kernel;
  KOBOX_CHECK(check_options(tree, *kernel.arch));
  kernel.headers = kernel.modules = tree;
  const auto image = tree / kernel.arch->built_image;
  if (!is_there(image) && !is_there(tree / "vmlinux"))
    return fail(ErrorKind::usage,
                "the kernel in {} is not built: there is no {} and no vmlinux; run: make -C {}",
                tree.string(), kernel.arch->built_image, shell_quote(tree.string()));
  if (!is_there(tree / "Module.symvers"))
    return fail(ErrorKind::usage,
                "the kernel tree {} has no Module.symvers, without which no module can be linked "
                "for it; run: make -C {}",
                tree.string(), shell_quote(tree.string()));
  if (is_there(image)) {
    KOBOX_CHECK(take_bzimage(kernel, image, kernels, progress));
  } else {
    KOBOX_CHECK(take_vmlinux(kernel, tree / "vmlinux", kernels));
  }
  kernel.compiler = compiler_of(tree);
  KOBOX_TRY(kernel.identity, identity_of(kernel, image));
  return kernel;
}

bool is_kernel_tree(const std::filesystem::path& directory) {
  return tree_at(directory).has_value();
}

Result<std::string> kernel_tree_fragment(const std::filesystem::path& directory) {
  KOBOX_TRY(const auto tree, tree_at(directory));
  KernelConfig config;
  if (is_there(tree / ".config")) {
    KOBOX_TRY(config, KernelConfig::read(tree / ".config"));
  }
  return config_fragment(missing_options(config), tree);
}

}  // namespace kobox
