// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/local_kernel.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>

#include "base/files.h"
#include "kernel/kernel_directory.h"
#include "kernel/kernel_tree.h"
#include "kernel/vmlinuz.h"

namespace kobox {
namespace {

constexpr std::uint64_t k_max_image = std::uint64_t{512} << 20;

// The first of them that is a directory, or nothing.
template <std::size_t N>
fs::path first_directory(const std::array<fs::path, N>& candidates) {
  std::error_code ignored;
  for (const auto& one : candidates)
    if (fs::is_directory(one, ignored)) return fs::canonical(one, ignored);
  return {};
}

// Changes when any file does that a build or a boot reads. A build tree has thousands; these are
// rewritten whenever the kernel is configured or built again.
std::string identity_of(const Kernel& kernel, const std::string& image_digest) {
  Digest digest;
  digest.add(image_digest).add(kernel.headers.string()).add(kernel.modules.string());
  for (const auto& file :
       {kernel.headers / ".config", kernel.headers / "include/config/auto.conf",
        kernel.headers / "Module.symvers", kernel.headers / "include/generated/utsrelease.h",
        kernel.modules / "modules.builtin", kernel.modules / "modules.order"})
    if (const auto text = read_file(file)) digest.add(file.filename().string()).add(*text);
  return digest.hex();
}

Result<std::string> running_release(const HostFiles& host) {
  if (!host.release.empty()) return host.release;
  struct utsname name = {};
  if (::uname(&name) != 0) return fail_errno("cannot tell the running kernel's release");
  return std::string(name.release);
}

}  // namespace

Result<Kernel> local_kernel(const std::filesystem::path& image,
                            const std::filesystem::path& kernels, Progress& progress,
                            const HostFiles& host) {
  std::error_code error;
  if (!fs::exists(image, error) && !error)
    return fail(ErrorKind::usage, "there is no kernel image {}", image.string());
  if (fs::is_directory(image, error)) return kernel_tree(image, kernels, progress);
  KOBOX_TRY(const auto bytes, read_file(image, k_max_image));
  const auto action = "reading the kernel image " + image.string();
  Kernel kernel;
  KOBOX_TRY_WHILE(action, kernel.release, bzimage_release(bytes));
  kernel.vmlinuz = fs::canonical(image, error);
  if (error) return fail(ErrorKind::environment, "{}: {}", action, error.message());
  KOBOX_TRY_WHILE(action, kernel.vmlinux,
                  unpacked_vmlinux(kernels, bytes, kernel.release, progress));
  KOBOX_TRY(kernel.pvh, has_pvh_entry(kernel.vmlinux));
  const auto beside = kernel.vmlinuz.parent_path();
  // Debian's packages from 6.17 on, and Fedora's, have the image itself in lib/modules/RELEASE.
  kernel.modules = first_directory(
      std::array{beside.filename() == kernel.release ? beside : fs::path(),
                 beside.parent_path() / "lib/modules" / kernel.release,
                 beside.parent_path() / "usr/lib/modules" / kernel.release,
                 beside / "lib/modules" / kernel.release, host.modules / kernel.release});
  if (!kernel.modules.empty())
    kernel.headers = first_directory(std::array{kernel.modules / "build"});
  kernel.compiler = compiler_of(kernel.headers);
  kernel.identity = identity_of(kernel, kernel.vmlinux.parent_path().filename().string());
  return kernel;
}

Result<std::filesystem::path> unpacked_vmlinux(const std::filesystem::path& kernels,
                                               std::string_view image, const std::string& release,
                                               Progress& progress) {
  const auto directory = kernels / "by-content" / Digest().add(image).hex();
  auto path = directory / "vmlinux";
  std::error_code ignored;
  if (fs::exists(path, ignored)) return path;
  KOBOX_TRY(const auto lock, FileLock::acquire(directory.string() + ".lock", LockMode::exclusive,
                                               Deadline::never()));
  if (fs::exists(path, ignored)) return path;
  progress.stage(release, "unpacking its vmlinux");
  const auto vmlinux = unpack_vmlinux(image);
  progress.done(release);
  if (!vmlinux) return std::unexpected(vmlinux.error());
  // By its own write and rename: the file is complete or absent.
  KOBOX_CHECK(write_file(path, *vmlinux));
  return path;
}

Result<Kernel> host_kernel(const std::filesystem::path& kernels, Progress& progress,
                           const HostFiles& host) {
  KOBOX_TRY(const auto release, running_release(host));
  auto image = host.boot / ("vmlinuz-" + release);
  std::error_code error;
  const auto beside_modules = host.modules / release / "vmlinuz";
  if (!fs::exists(image, error) && fs::exists(beside_modules, error)) image = beside_modules;
  if (!fs::exists(image, error))
    return fail(ErrorKind::environment,
                "the running kernel's image {} is not there{}; choose another with --kernel, for "
                "example 6.1-cloud",
                image.string(), error ? " for us (" + error.message() + ")" : std::string());
  if (::access(image.c_str(), R_OK) != 0)
    return fail_errno(
        "the running kernel's image {} is not for ordinary users here; choose another with "
        "--kernel, for example 6.1-cloud, or give a readable copy by its path",
        image.string());
  auto kernel = local_kernel(image, kernels, progress, host);
  if (!kernel) return std::unexpected(std::move(kernel).error().while_doing("--kernel host"));
  return kernel;
}

Result<Kernel> with_headers(Kernel kernel, const std::filesystem::path& headers,
                            Progress& progress) {
  std::error_code error;
  const auto directory = fs::canonical(headers, error);
  if (error || !fs::is_directory(directory, error))
    return fail(ErrorKind::usage, "--headers: there is no directory {}", headers.string());
  const bool configured = fs::exists(directory / ".config", error) ||
                          fs::exists(directory / "include/config/auto.conf", error);
  if (!fs::exists(directory / "Makefile", error) || !configured)
    return fail(
        ErrorKind::usage,
        "--headers: {} is no configured build tree of a kernel (no {} in it); give a directory "
        "like /lib/modules/RELEASE/build",
        directory.string(), configured ? "Makefile" : ".config");
  const auto release = release_of_headers(directory);
  if (!release.empty() && release != kernel.release)
    progress.note(
        fmt::format("{} is the build tree of {}, the kernel is {}: it may refuse the "
                    "module",
                    directory.string(), release, kernel.release));
  kernel.headers = directory;
  kernel.compiler = compiler_of(directory);
  kernel.identity = identity_of(kernel, kernel.identity);
  return kernel;
}

}  // namespace kobox
