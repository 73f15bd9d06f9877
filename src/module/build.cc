// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/build.h"

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "module/build_attempt.h"
#include "module/choose_modules.h"
#include "module/symbol_origin.h"

namespace kobox {
namespace {

Result<> check_headers(const Kernel& kernel) {
  if (kernel.headers.empty() && !kernel.distribution.empty())
    return fail(ErrorKind::usage,
                "nothing can be built for the kernel {}: Debian has its image but not its headers; "
                "a .ko that was built for it can be loaded in `kobox shell`, or name a build tree "
                "with --headers DIR",
                kernel.release);
  if (kernel.headers.empty())
    return fail(ErrorKind::usage,
                "kernel {} has no build tree to build modules with; name one with --headers DIR",
                kernel.release);
  std::error_code ignored;
  if (!fs::exists(kernel.headers / "Makefile", ignored))
    return fail(ErrorKind::usage,
                "{} is no build tree of a kernel: it has no Makefile (a tree must have been "
                "prepared with 'make modules_prepare', or come from a linux-headers package)",
                kernel.headers.string());
  return {};
}

// Does an outcome have all modules that are wanted?
bool is_complete(const BuildOutcome& outcome, const BuildRequest& request) {
  const auto* built = std::get_if<BuiltModules>(&outcome);
  return built != nullptr && !built->modules.empty() &&
         choose_modules(built->modules, request.source, request.modules).has_value();
}

// Is it worth while to build by the directory's Makefile what kbuild alone did not build?
bool makefile_is_next(const BuildOutcome& outcome) {
  const auto* failure = std::get_if<BuildFailure>(&outcome);
  return failure == nullptr || makefile_may_help(failure->message);
}

// By the directory's Makefile, what `first` has not built.
Result<BuildOutcome> build_by_makefile(const BuildAttempt& first, BuildOutcome outcome,
                                       const BuildRequest& request, const Kernel& kernel) {
  auto* failure = std::get_if<BuildFailure>(&outcome);
  auto attempt = BuildAttempt::make(BuildMethod::make, request, kernel);
  auto second = attempt ? attempt->go() : std::unexpected(attempt.error());
  if (second) {
    if (failure != nullptr && is_complete(*second, request)) KOBOX_CHECK(first.forget());
    return second;
  }
  if (failure == nullptr || second.error().kind() != ErrorKind::environment) return second;
  failure->message +=
      fmt::format("; its own Makefile could not be tried: {}", second.error().message());
  return outcome;
}

Result<BuildOutcome> build_by_any(const std::vector<BuildMethod>& methods,
                                  const BuildRequest& request, const Kernel& kernel) {
  KOBOX_TRY(auto first, BuildAttempt::make(methods.front(), request, kernel));
  KOBOX_TRY(auto outcome, first.go());
  if (!is_complete(outcome, request) && methods.size() > 1 && makefile_is_next(outcome)) {
    KOBOX_TRY(outcome, build_by_makefile(first, std::move(outcome), request, kernel));
  }
  if (auto* failure = std::get_if<BuildFailure>(&outcome)) {
    failure->message += symbol_hint(failure->message, request.source, kernel, request.cache);
    return outcome;
  }
  auto& built = std::get<BuiltModules>(outcome);
  KOBOX_TRY(built.modules, choose_modules(built.modules, request.source, request.modules));
  return outcome;
}

}  // namespace

Result<> check_module_source(const fs::path& directory) {
  std::error_code error;
  const auto status = fs::status(directory, error);
  if (!fs::exists(status))
    return fail(ErrorKind::usage, "{}: there is no such directory", directory.string());
  if (!fs::is_directory(status))
    return fail(ErrorKind::usage, "{} is not a directory", directory.string());
  if (!methods_for(directory, BuildMethod::automatic).empty()) return {};
  const auto object = example_object(directory);
  return fail(ErrorKind::usage,
              "{0} has no Kbuild, no Makefile and no dkms.conf, so there is no module to build; "
              "for {1}.c write this into {0}/Kbuild:\n  obj-m := {1}.o\n  ccflags-y := -Wall",
              directory.string(), object);
}

Result<BuildIn> parse_build_in(std::string_view text) {
  if (text == "auto") return BuildIn::automatic;
  if (text == "host") return BuildIn::host;
  if (text == "root") return BuildIn::root;
  return fail(ErrorKind::usage, "--build-in is auto, host or root, not '{}'", printable(text));
}

Result<CommandLine> make_command(const BuildRequest& request, const Kernel& kernel) {
  KOBOX_CHECK(check_module_source(request.source));
  KOBOX_CHECK(check_headers(kernel));
  auto offline = request;
  offline.network = Network::forbidden;
  const auto methods = methods_for(request.source, request.method);
  KOBOX_TRY(auto attempt, BuildAttempt::make(methods.front(), offline, kernel));
  return attempt.command();
}

Result<BuildOutcome> build_modules(const BuildRequest& request, const Kernel& kernel) {
  KOBOX_CHECK(check_module_source(request.source));
  KOBOX_CHECK(check_headers(kernel));
  auto outcome = build_by_any(methods_for(request.source, request.method), request, kernel);
  if (!outcome)
    return std::unexpected(
        std::move(outcome).error().while_doing("building the module for " + kernel.release));
  return outcome;
}

}  // namespace kobox
