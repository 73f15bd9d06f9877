// SPDX-License-Identifier: GPL-2.0-or-later
// kobox build
#include <memory>
#include <optional>
#include <ranges>
#include <variant>

#include "base/catching.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "base/workers.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "harness/cache_use.h"
#include "harness/explain_build.h"
#include "harness/project_build.h"
#include "module/compiler_output.h"
#include "report/render.h"

namespace kobox {
namespace {

struct BuildArguments {
  CommonOptions common;
  std::string output_directory;
};

struct Built {
  Kernel kernel;
  std::variant<BuiltProject, Failure> outcome;
};

Result<Built> build_for(const LabOptions& lab, const Project& project,
                        const BuildArguments& arguments, const std::string& selector,
                        StatusLine& status) {
  status.stage(selector, "looking for the kernel");
  KOBOX_TRY(const auto kernel, resolve_kernel(lab, selector, status));
  KOBOX_TRY(const auto in_use, use_cache(lab.cache));
  status.stage(selector, "building");
  KOBOX_TRY(auto outcome, build_project(lab, project, {}, kernel, status));
  status.done(selector);
  if (auto* failure = std::get_if<Failure>(&outcome))
    failure->reproduce = repeat_build(arguments.common, selector);
  return Built{kernel, std::move(outcome)};
}

// With -v: what modpost and objtool warned of in a build that succeeded.
void tell_warnings(const Built& built, StatusLine& status) {
  constexpr std::size_t k_shown = 20;
  constexpr std::uint64_t k_max_log = 64 << 20;
  const auto& modules = std::get<BuiltProject>(built.outcome).common;
  const auto log = read_file(modules.log, k_max_log);
  if (!log || modules.modules.empty()) return;
  const auto warnings = tool_warnings(*log, modules.modules.front().built_at());
  for (const auto& warning : warnings | std::views::take(k_shown))
    status.detail(fmt::format("{}: {}", built.kernel.release, warning));
  if (warnings.size() > k_shown)
    status.detail(fmt::format("{}: {} more warnings are in {}", built.kernel.release,
                              warnings.size() - k_shown, modules.log.string()));
}

// Why it fails for some of them.
void explain(std::vector<std::optional<Result<Built>>>& results, const Project& project,
             const LabOptions& lab) {
  std::vector<BuildOn> builds;
  for (auto& result : results)
    if (*result) builds.push_back({(*result)->kernel, std::get_if<Failure>(&(*result)->outcome)});
  explain_builds(builds, project, lab);
}

Result<> tell(const Built& built, const BuildArguments& arguments, Color color,
              StatusLine& status) {
  const auto& release = built.kernel.release;
  if (const auto* failure = std::get_if<Failure>(&built.outcome)) {
    status.print(render_failure(release, *failure, color));
    return {};
  }
  tell_warnings(built, status);
  const auto& modules = std::get<BuiltProject>(built.outcome).common;
  auto how = std::string(modules.fresh ? "built" : "unchanged");
  if (modules.method != BuildMethod::kbuild) how += fmt::format(" by {}", describe(modules.method));
  for (const auto& module : modules.modules) {
    auto path = module.ko;
    if (!arguments.output_directory.empty()) {
      path = std::filesystem::path(arguments.output_directory) / release / module.ko.filename();
      KOBOX_TRY(const auto bytes, read_file(module.ko));
      KOBOX_CHECK(write_file(std::filesystem::absolute(path), bytes));
    }
    if (arguments.common.quiet) continue;
    status.print(fmt::format("{}  {}  {}\n", release, how, path.string()));
  }
  return {};
}

Result<int> run_build_command(const BuildArguments& arguments, Console& console) {
  KOBOX_TRY(const auto choice, color_of(arguments.common));
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  KOBOX_TRY(const auto project, load_project(arguments.common.directory));
  const auto color = use_color(choice, console.output.is_terminal()) ? Color::on : Color::off;
  StatusLine status(console.output, loudness_of(arguments.common));
  KOBOX_TRY(const auto selectors,
            expand_selectors(lab, selectors_of(arguments.common, project), status));

  std::vector<std::optional<Result<Built>>> results(selectors.size());
  Workers workers;
  for (std::size_t i = 0; i < selectors.size(); ++i) {
    const auto build = [&, i] {
      results[i].emplace(
          catching([&] { return build_for(lab, project, arguments, selectors[i], status); }));
    };
    if (i + 1 == selectors.size() || !workers.add(build)) build();
  }
  workers.join();

  if (!interrupted()) explain(results, project, lab);
  int code = k_exit_passed;
  for (auto& result : results) {
    if (!*result) return std::unexpected(std::move(*result).error());
    KOBOX_CHECK(tell(**result, arguments, color, status));
    if (std::holds_alternative<Failure>((*result)->outcome)) code = k_exit_build;
  }
  return code;
}

}  // namespace

void add_build_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<BuildArguments>();
  auto& command = *app.add_subcommand("build", "Build the module and run nothing");
  add_directory(command, arguments->common);
  add_build_options(command, arguments->common);
  command.add_option("--output", arguments->output_directory, "Copy the .ko files to DIR/RELEASE/")
      ->type_name("DIR");
  add_output_options(command, arguments->common);
  command.callback([arguments, &action] {
    action = [arguments](Console& console) { return run_build_command(*arguments, console); };
  });
}

}  // namespace kobox
