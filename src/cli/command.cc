// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/command.h"

#include "base/files.h"
#include "base/text.h"
#include "image/disk_store.h"
#include "project/check_project.h"

namespace kobox {

void add_output_options(CLI::App& app, CommonOptions& options) {
  app.add_flag("-v,--verbose", options.verbose, "Say more about what is done");
  app.add_flag("-q,--quiet", options.quiet, "Say only what failed");
  app.add_option("--color", options.color, "auto, always or never")->type_name("WHEN");
}

void add_directory(CLI::App& app, CommonOptions& options) {
  app.add_option("DIR", options.directory,
                 "The module's directory, with its Kbuild or Makefile and kobox.toml (default: .)");
}

void add_kernel_options(CLI::App& app, CommonOptions& options) {
  app.add_option(
         "--kernel", options.kernels,
         "Which kernel: 6.1, 6.12-cloud, 7.3-rt, newest, an exact release, a vmlinuz file, "
         "a kernel tree, or host; kobox test and build take several, also as 'all' or '>=6.12'")
      ->type_name("SELECTOR")
      ->allow_extra_args(false);
  app.add_option("--headers", options.headers, "Build tree for a kernel given as a file")
      ->type_name("DIR");
  app.add_flag("--offline", options.offline, "Fetch nothing");
}

void add_build_options(CLI::App& app, CommonOptions& options) {
  add_kernel_options(app, options);
  app.add_option("--build-in", options.build_in,
                 "Build with the host's compiler, in a build root of the kernel's Debian, or auto")
      ->type_name("WHERE");
}

void add_machine_options(CLI::App& app, CommonOptions& options) {
  app.add_option("--accel", options.accel, "auto, kvm or tcg")->type_name("NAME");
  app.add_option("--guest", options.guest, "initramfs, the small guest, or disk, a Debian")
      ->type_name("KIND");
  app.add_option("--image", options.image, "The disk guest's image (default: its kernel's own)")
      ->type_name("NAME");
  app.add_option("--boot", options.boot, "A disk guest boots by its kernel or by its disk")
      ->type_name("HOW");
  app.add_option("--build", options.build,
                 "How the module is built: auto, kbuild, make, dkms, or guest (in a disk guest)")
      ->type_name("HOW");
  app.add_option("--timeout", options.timeout,
                 "Time limit of each test, or of a script, such as 10s or 2m")
      ->type_name("T");
  app.add_flag("--keep", options.keep, "Keep the run's directory, with the console log");
  app.add_flag("--dry-run", options.dry_run,
               "Print the make and QEMU command lines and run nothing");
}

Loudness loudness_of(const CommonOptions& options) {
  if (options.quiet) return Loudness::quiet;
  return options.verbose ? Loudness::verbose : Loudness::normal;
}

Result<ColorChoice> color_of(const CommonOptions& options) {
  if (options.color == "auto") return ColorChoice::automatic;
  if (options.color == "always") return ColorChoice::always;
  if (options.color == "never") return ColorChoice::never;
  return fail(ErrorKind::usage, "--color '{}': use auto, always or never", options.color);
}

Result<LabOptions> lab_options(const CommonOptions& options) {
  LabOptions lab;
  KOBOX_CHECK(color_of(options));
  KOBOX_TRY(lab.cache, cache_directory());
  KOBOX_TRY(lab.state, state_directory());
  if (!options.headers.empty()) lab.headers = std::filesystem::absolute(options.headers);
  lab.network = options.offline ? Network::forbidden : Network::allowed;
  KOBOX_TRY(lab.build_in, parse_build_in(options.build_in));
  return lab;
}

Result<Project> project_of(const CommonOptions& options) {
  KOBOX_TRY(auto project, load_project(options.directory));
  if (!options.guest.empty()) {
    KOBOX_TRY_WHILE("--guest", project.guest, parse_guest(options.guest));
  }
  if (!options.build.empty()) {
    KOBOX_TRY_WHILE("--build", const auto choice, parse_build(options.build));
    project.build = choice.where;
    project.method = choice.method;
  }
  KOBOX_CHECK(check_project(project));
  if (options.boot != "kernel" && options.boot != "disk")
    return fail(ErrorKind::usage, "--boot '{}': use kernel or disk", options.boot);
  if (options.boot == "disk") project.boot = BootFrom::disk;
  project.image = options.image;
  if (project.guest == GuestKind::disk) {
    if (project.image.empty() || !options.kernels.empty()) return project;
    // An image has its one kernel.
    KOBOX_TRY(const auto cache, cache_directory());
    KOBOX_TRY(const auto image, DiskStore(cache).find(project.image));
    project.kernels_use = {image.release};
    return project;
  }
  const char* option = project.boot == BootFrom::disk       ? "--boot disk"
                       : !project.image.empty()             ? "--image"
                       : project.build == BuildWhere::guest ? "to build in the guest"
                                                            : nullptr;
  if (option == nullptr) return project;
  return fail(ErrorKind::usage, "{} is for disk guests: add --guest disk", option);
}

std::vector<std::string> build_words(const CommonOptions& options) {
  std::vector<std::string> words;
  if (!options.headers.empty()) words.insert(words.end(), {"--headers", options.headers});
  if (options.build_in != "auto") words.insert(words.end(), {"--build-in", options.build_in});
  return words;
}

std::vector<std::string> guest_words(const CommonOptions& options) {
  auto words = build_words(options);
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {option, value});
  };
  add("--guest", options.guest);
  add("--image", options.image);
  if (options.boot != "kernel") add("--boot", options.boot);
  add("--build", options.build);
  return words;
}

std::string command_line(const std::vector<std::string>& words) {
  std::vector<std::string> quoted;
  for (const auto& word : words) quoted.push_back(shell_quote(word));
  return join(quoted, " ");
}

std::string repeat_build(const CommonOptions& options, const std::string& selector) {
  std::vector<std::string> words = {"kobox", "build", options.directory, "--kernel", selector};
  for (auto& word : build_words(options)) words.push_back(std::move(word));
  return command_line(words);
}

Result<std::optional<Duration>> timeout_of(const CommonOptions& options) {
  if (options.timeout.empty()) return std::optional<Duration>();
  auto timeout = parse_duration(options.timeout);
  if (!timeout) return std::unexpected(std::move(timeout).error().while_doing("--timeout"));
  return std::optional<Duration>(*timeout);
}

std::vector<std::string> selectors_of(const CommonOptions& options, const Project& project) {
  return options.kernels.empty() ? project.kernels_use : options.kernels;
}

Result<TestSpec> find_test(const Project& project, const std::string& words) {
  std::vector<const TestSpec*> found;
  for (const auto& test : project.tests) {
    if (test.name == words) return test;
    if (test.name.find(words) != std::string::npos) found.push_back(&test);
  }
  if (found.size() == 1) return *found.front();
  std::vector<std::string> names;
  for (const auto& test : project.tests) names.push_back(test.name);
  if (found.empty())
    return fail(ErrorKind::usage, "there is no test '{}' in kobox.toml{}; it has: {}", words,
                did_you_mean(words, names), join(names, ", "));
  return fail(ErrorKind::usage,
              "'{}' could be {} tests, '{}' and '{}' among them; give the whole "
              "name",
              words, found.size(), found[0]->name, found[1]->name);
}

}  // namespace kobox
