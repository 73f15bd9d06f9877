// SPDX-License-Identifier: GPL-2.0-or-later
#include "project/project.h"

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "project/project_toml.h"

namespace kobox {
namespace {

// systemd and a compiler.
constexpr std::uint64_t k_disk_memory = std::uint64_t{1} << 30;
constexpr int k_disk_boot_factor = 3;

Result<> read_project(const TomlTable& file, Project& project) {
  KOBOX_CHECK(file.only({"module", "kernels", "limits", "machine", "test"}));
  KOBOX_TRY(auto module, file.table("module", "[module]"));
  if (module) KOBOX_CHECK(read_module_table(*module, project));
  KOBOX_TRY(auto kernels, file.table("kernels", "[kernels]"));
  if (kernels) KOBOX_CHECK(read_kernels_table(*kernels, project));
  KOBOX_TRY(auto limits, file.table("limits", "[limits]"));
  if (limits) KOBOX_CHECK(read_limits_table(*limits, project));
  KOBOX_TRY(auto machine, file.table("machine", "[machine]"));
  if (machine) KOBOX_CHECK(read_machine_table(*machine, project));
  KOBOX_TRY(project.tests, read_tests(file, "test", project.directory));
  return {};
}

}  // namespace

const char* to_string(GuestKind kind) { return kind == GuestKind::disk ? "disk" : "initramfs"; }

Result<GuestKind> parse_guest(const std::string& text) {
  if (text == "initramfs") return GuestKind::initramfs;
  if (text == "disk") return GuestKind::disk;
  return fail(ErrorKind::usage, "'{}' is no guest: use initramfs or disk", printable(text));
}

Result<MachineNetwork> parse_machine_network(const std::string& text) {
  if (text == "none") return MachineNetwork::none;
  if (text == "loopback") return MachineNetwork::loopback;
  if (text == "pair") return MachineNetwork::pair;
  return fail(ErrorKind::usage, "'{}' is not a network; choose none, loopback or pair",
              printable(text));
}

Result<BuildChoice> parse_build(const std::string& text) {
  if (text == "host") return BuildChoice{};
  if (text == "guest") return BuildChoice{.where = BuildWhere::guest};
  const auto method = parse_build_method(text);
  if (!method)
    return fail(ErrorKind::usage,
                "'{}' is not a way to build; choose auto, kbuild, make, dkms or guest",
                printable(text));
  return BuildChoice{.method = *method};
}

std::string name_of(const Project& project) {
  return project.modules.empty() ? project.source.filename().string() : join(project.modules, ", ");
}

std::uint64_t machine_memory(const Project& project) {
  return project.guest == GuestKind::disk ? std::max(project.memory, k_disk_memory)
                                          : project.memory;
}

Duration machine_boot_limit(const Project& project) {
  return project.guest == GuestKind::disk ? k_disk_boot_factor * project.boot_limit
                                          : project.boot_limit;
}

Result<Project> load_project(const fs::path& directory) {
  std::error_code error;
  const auto status = fs::status(directory, error);
  if (status.type() == fs::file_type::not_found)
    return fail(ErrorKind::usage, "{}: there is no such directory", directory.string());
  if (status.type() == fs::file_type::none)
    return fail(ErrorKind::usage, "{}: {}", directory.string(), error.message());
  if (!fs::is_directory(status))
    return fail(ErrorKind::usage, "{} is not a directory", directory.string());

  Project project;
  project.directory = fs::canonical(directory, error);
  if (error) return fail(ErrorKind::usage, "{}: {}", directory.string(), error.message());
  project.source = project.directory;
  const auto file = (directory / "kobox.toml").lexically_normal();
  // A link that leads nowhere counts as a file too: it is an error, not the absence of one.
  const auto found = fs::symlink_status(file, error).type();
  if (found == fs::file_type::not_found) {
    project.tests = {TestSpec{.name = "loads and unloads", .run = ""}};
    return project;
  }
  project.has_file = true;
  KOBOX_TRY(const auto document, parse_toml(file));
  Digest digest;
  KOBOX_CHECK(digest.add_file(file));
  project.digest = digest.hex();
  KOBOX_CHECK(read_project(TomlTable(document, file.string(), "", {1, 1}), project));
  return project;
}

}  // namespace kobox
