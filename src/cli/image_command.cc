// SPDX-License-Identifier: GPL-2.0-or-later
// kobox image build|list|show|remove
#include <unistd.h>

#include <memory>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "image/disk_store.h"
#include "image/kept_disk.h"

namespace kobox {
namespace {

struct ImageArguments {
  CommonOptions common;
  std::string name;
  std::vector<std::string> names;
  std::string suite;  // "": the kernel's own
  std::string size = "10G";
  std::vector<std::string> include;
  std::string output_file;
  std::string format = "terminal";
  std::vector<std::string> persisted;
  bool again = false;
};

Result<> check_format(const std::string& format) {
  if (format == "terminal" || format == "json") return {};
  return fail(ErrorKind::usage, "--format '{}': use terminal or json", format);
}

Result<DiskRecipe> recipe_of(const ImageArguments& arguments, const LabOptions& lab,
                             StatusLine& status) {
  DiskRecipe recipe{.suite = arguments.suite, .packages = {}, .kernel = {}};
  KOBOX_TRY_WHILE("--size", recipe.bytes, parse_size(arguments.size));
  for (const auto& list : arguments.include)
    for (auto& package : split(list, ','))
      if (!package.empty()) recipe.packages.push_back(std::move(package));
  if (arguments.common.kernels.size() > 1)
    return fail(ErrorKind::usage, "an image has one kernel; give --kernel once");
  const auto selector =
      arguments.common.kernels.empty() ? "6.1-cloud" : arguments.common.kernels.front();
  KOBOX_TRY(recipe.kernel, resolve_kernel(lab, selector, status));
  if (recipe.suite.empty()) recipe.suite = default_suite(recipe.kernel);
  return recipe;
}

// Disks may be built on a file that is there, so it is not replaced by another.
Result<bool> is_there_already(const DiskInfo& info, const fs::path& output) {
  std::error_code ignored;
  if (!fs::exists(output, ignored)) return false;
  Digest digest;
  if (fs::file_size(output, ignored) == fs::file_size(info.disk(), ignored) &&
      digest.add_file(output) && digest.hex() == info.identity)
    return true;
  return fail(ErrorKind::usage,
              "--output {0}: there is another file already, on which disks may depend; remove it, "
              "or name another",
              output.string());
}

Result<> export_disk(const DiskInfo& info, const fs::path& output, StatusLine& status) {
  status.stage(info.name, "copying it to " + output.string());
  KOBOX_TRY(const auto there, is_there_already(info, output));
  if (there) return {};
  const fs::path beside = fmt::format("{}.{}.part", output.string(), ::getpid());
  std::error_code error;
  fs::copy_file(info.disk(), beside, fs::copy_options::overwrite_existing, error);
  if (!error) fs::rename(beside, output, error);
  if (!error) return {};
  std::error_code ignored;
  fs::remove(beside, ignored);
  return fail(ErrorKind::environment, "cannot write {}: {}", output.string(), error.message());
}

// What is kept is only good with the image that it was begun on.
Result<> check_nothing_is_kept_on(const std::string& image, const fs::path& state) {
  for (const auto& kept : list_kept_disks(state))
    if (kept.image == image)
      return fail(
          ErrorKind::usage,
          "what is kept as '{0}' needs the image {1} as it is; build another under a name of "
          "its own (`kobox image build NAME`), or throw away what is kept with `kobox image "
          "remove --persist {0}`",
          kept.name, image);
  return {};
}

Result<int> build(const ImageArguments& arguments, Console& console) {
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  StatusLine status(console.output, loudness_of(arguments.common));
  KOBOX_TRY(const auto recipe, recipe_of(arguments, lab, status));
  const auto name = arguments.name.empty()
                        ? DiskStore::default_name(recipe.suite, recipe.kernel.release)
                        : arguments.name;
  if (lab.network == Network::forbidden)
    return fail(ErrorKind::environment,
                "--offline: an image is made from Debian's packages, which have to be fetched");
  const DiskStore store(lab.cache);
  if (arguments.again) KOBOX_CHECK(check_nothing_is_kept_on(name, lab.state));
  KOBOX_TRY(const auto built,
            store.build(name, recipe,
                        arguments.again ? DiskStore::Again::yes : DiskStore::Again::no, status));
  if (!built.fresh)
    status.note(fmt::format("the image {} is there already; --again makes it again", name));
  if (!arguments.output_file.empty())
    KOBOX_CHECK(export_disk(built.info, fs::absolute(arguments.output_file), status));
  status.done(name);
  if (!arguments.common.quiet)
    status.print(
        (arguments.output_file.empty() ? built.info.disk().string() : arguments.output_file) +
        "\n");
  return k_exit_passed;
}

nlohmann::ordered_json to_json(const DiskInfo& info) {
  return {{"name", info.name},
          {"suite", info.suite},
          {"release", info.release},
          {"bytes", info.bytes},
          {"bytes_on_disk", disk_usage(info.disk())},
          {"included", info.included},
          {"packages", info.packages},
          {"identity", info.identity},
          {"path", info.disk().string()},
          {"kernel", (info.directory / "vmlinuz").string()},
          {"initramfs", (info.directory / "initrd.img").string()}};
}

std::string as_json(const std::vector<DiskInfo>& images) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& info : images) list.push_back(to_json(info));
  return nlohmann::ordered_json{{"schema", "kobox.images/1"}, {"images", list}}.dump(2) + "\n";
}

Result<int> list(const ImageArguments& arguments, Console& console) {
  KOBOX_CHECK(check_format(arguments.format));
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  StatusLine status(console.output, loudness_of(arguments.common));
  const auto images = DiskStore(lab.cache).list();
  if (arguments.format == "json") {
    status.print(as_json(images));
    return k_exit_passed;
  }
  if (images.empty()) status.note("there is no image; `kobox image build` makes one");
  for (const auto& info : images)
    status.print(fmt::format("{:<36} {:<10} Linux {:<26} {:>8} of {}, {} packages{}\n", info.name,
                             info.suite, info.release, format_bytes(disk_usage(info.disk())),
                             format_bytes(info.bytes), info.packages.size(),
                             info.included.empty() ? "" : " with " + join(info.included, ", ")));
  for (const auto& kept : list_kept_disks(lab.state))
    status.print(fmt::format("{:<36} changes to {}, {}, of kobox shell --persist\n", kept.name,
                             kept.image, format_bytes(kept.bytes)));
  return k_exit_passed;
}

Result<int> show(const ImageArguments& arguments, Console& console) {
  KOBOX_CHECK(check_format(arguments.format));
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  StatusLine status(console.output, loudness_of(arguments.common));
  std::vector<DiskInfo> images;
  for (const auto& name : arguments.names) {
    KOBOX_TRY(auto info, DiskStore(lab.cache).find(name));
    images.push_back(std::move(info));
  }
  if (arguments.format == "json") {
    status.print(as_json(images));
    return k_exit_passed;
  }
  for (const auto& info : images) {
    status.print(fmt::format(
        "name      {}\nsuite     {}\nkernel    {}\nsize      {} on disk, {} "
        "for the guest\nfile      {}\nbeside    vmlinuz and initrd.img, of the same kernel\n"
        "included  {}\npackages  {}\n",
        info.name, info.suite, info.release, format_bytes(disk_usage(info.disk())),
        format_bytes(info.bytes), info.disk().string(),
        info.included.empty() ? "none more" : join(info.included, ", "), info.packages.size()));
    for (const auto& package : info.packages) status.print("  " + package + "\n");
  }
  return k_exit_passed;
}

Result<int> remove(const ImageArguments& arguments, Console& console) {
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  StatusLine status(console.output, loudness_of(arguments.common));
  if (arguments.names.empty() && arguments.persisted.empty())
    return fail(ErrorKind::usage, "say what to remove: NAME of an image, or --persist NAME");
  for (const auto& name : arguments.persisted) {
    KOBOX_CHECK(remove_kept_disk(lab.state, name));
    if (!arguments.common.quiet) status.print(fmt::format("removed {}\n", name));
  }
  const DiskStore store(lab.cache);
  for (const auto& name : arguments.names) {
    KOBOX_CHECK(check_nothing_is_kept_on(name, lab.state));
    KOBOX_CHECK(store.remove(name));
    if (!arguments.common.quiet) status.print(fmt::format("removed {}\n", name));
  }
  return k_exit_passed;
}

using Run = Result<int> (*)(const ImageArguments&, Console&);

CLI::App& add_verb(CLI::App& app, Action& action, const std::shared_ptr<ImageArguments>& arguments,
                   const char* name, const char* help, Run run) {
  auto& command = *app.add_subcommand(name, help);
  command.callback([arguments, &action, run] {
    action = [arguments, run](Console& console) { return run(*arguments, console); };
  });
  return command;
}

}  // namespace

void add_image_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<ImageArguments>();
  auto& image = *app.add_subcommand("image", "Build, list, show and remove Debian disks");
  image.require_subcommand(1);
  auto& build_app =
      add_verb(image, action, arguments, "build",
               "Make a disk with Debian, a kernel, and tools to build modules", build);
  build_app.add_option("NAME", arguments->name, "Its name (default: SUITE-RELEASE)");
  build_app.add_option("--suite", arguments->suite, "Debian's release (default: the kernel's own)")
      ->type_name("NAME");
  build_app.add_option("--size", arguments->size, "The disk's size for the guest (default: 10G)")
      ->type_name("SIZE");
  build_app.add_option("--include", arguments->include, "More packages, with commas between")
      ->type_name("PKG,…")
      ->allow_extra_args(false);
  build_app
      .add_option("--output", arguments->output_file,
                  "Write a copy to a file that is not there yet")
      ->type_name("FILE");
  build_app.add_flag("--again", arguments->again, "Make it again if it is there");
  add_kernel_options(build_app, arguments->common);
  add_output_options(build_app, arguments->common);
  auto& list_app = add_verb(image, action, arguments, "list", "The images that are there", list);
  list_app.add_option("--format", arguments->format, "terminal or json");
  add_output_options(list_app, arguments->common);
  auto& show_app = add_verb(image, action, arguments, "show", "What is in an image", show);
  show_app.add_option("NAME", arguments->names, "As kobox image list says")->required();
  show_app.add_option("--format", arguments->format, "terminal or json");
  add_output_options(show_app, arguments->common);
  auto& remove_app = add_verb(image, action, arguments, "remove", "Remove images", remove);
  remove_app.add_option("NAME", arguments->names, "As kobox image list says");
  remove_app.add_option("--persist", arguments->persisted, "What a shell has kept as NAME")
      ->type_name("NAME")
      ->allow_extra_args(false);
  add_output_options(remove_app, arguments->common);
}

}  // namespace kobox
