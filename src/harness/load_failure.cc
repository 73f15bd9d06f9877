// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/load_failure.h"

#include <algorithm>
#include <cerrno>

#include "base/errno_name.h"
#include "base/text.h"
#include "module/ko_file.h"
#include "module/symbol_origin.h"

namespace kobox {
namespace {

// What the kernel's loader says when it refuses a module before its init, and what that means.
// `begins`: how the line does, where that is not the module's name and ": ". `errors`: the errno
// that the loader returns with it; none: any, as the parameter's type decides. An init may print
// like words, and its errno is not a refusal.
struct Refusal {
  std::string_view words;
  std::string_view meaning;
  std::vector<int> errors = {};
  std::string_view begins = {};
};

const std::vector<Refusal>& refusals() {
  static const std::vector<Refusal> all = {
      {"version magic '", "it was built for another kernel", {ENOEXEC}},
      {"disagrees about version of symbol",
       "it was built against another kernel's symbols",
       {EINVAL, ENOEXEC}},
      {"no symbol version for",
       "it was built without the versions of the kernel's symbols",
       {EINVAL, ENOEXEC}},
      {"Unknown symbol",
       "it needs a symbol that neither the kernel nor a loaded module has",
       {ENOENT, EINVAL, EBUSY}},
      {"invalid for parameter", "a parameter has a bad value"},
      {"too large for parameter", "a parameter has a bad value", {ENOSPC}},
      {"unsigned module is rejected",
       "it is not signed, and this kernel demands it",
       {EKEYREJECTED},
       "Loading of "},
      {"unavailable key is rejected",
       "it is signed by a key that this kernel does not know",
       {EKEYREJECTED},
       "Loading of "},
      {"restricted",
       "this kernel is locked down and takes only signed modules",
       {EPERM},
       "Lockdown: "},
      {"exports duplicate symbol",
       "it exports a symbol that another module exports already",
       {ENOEXEC}},
  };
  return all;
}

// The line in which the kernel says so of this module; "" if there is none.
std::string line_of(const Refusal& refusal, const LoadAttempt& attempt, const std::string& module) {
  if (!refusal.errors.empty() &&
      std::ranges::find(refusal.errors, attempt.answer.error_number) == refusal.errors.end())
    return "";
  const auto begins = refusal.begins.empty() ? module + ": " : std::string(refusal.begins);
  const auto found = std::ranges::find_if(attempt.said, [&](const std::string& line) {
    return line.starts_with(begins) && line.contains(refusal.words);
  });
  return found == attempt.said.end() ? "" : printable(*found);
}

std::string vermagic_mismatch(const BuiltModule& module, const Kernel& kernel) {
  const auto info = read_modinfo(module.ko);
  if (!info) return "";
  const auto built_for = info->vermagic.substr(0, info->vermagic.find(' '));
  if (built_for == kernel.release) return "";
  return fmt::format("; the module was built for {}, this kernel is {}", built_for, kernel.release);
}

// Of the kernel's line about a symbol that it does not have.
std::string missing_symbol_hint(const std::string& line, const BuiltModule& module,
                                const Kernel& kernel) {
  const auto info = read_modinfo(module.ko);
  return symbol_hint(line, module.source, kernel, /*cache=*/"", info ? info->license : "");
}

std::string refusal(const LoadAttempt& attempt, const BuiltModule& module, const Kernel& kernel) {
  for (const auto& one : refusals())
    if (const auto line = line_of(one, attempt, module.name); !line.empty())
      return fmt::format("the kernel refused {}: {}{} ({}){}", module.name, one.meaning,
                         vermagic_mismatch(module, kernel), line,
                         missing_symbol_hint(line, module, kernel));
  // Errors that load_module() in kernel/module/main.c returns by itself; init's own stand apart.
  if (attempt.answer.error_number == ENOEXEC)
    return fmt::format("the kernel refused {}: it is no module for this kernel{}", module.name,
                       vermagic_mismatch(module, kernel));
  // An init that fails leaves no module behind.
  if (attempt.answer.error_number == EEXIST && attempt.is_loaded)
    return fmt::format("the kernel refused {}: a module of that name is loaded already",
                       module.name);
  return "";
}

std::string init_error(const LoadAttempt& attempt, const BuiltModule& module) {
  const auto& answer = attempt.answer;
  auto message = fmt::format("the init of {} returned -{} ({})", module.name,
                             errno_name(answer.error_number), answer.error);
  if (!attempt.origin.empty()) message += ": " + printable(attempt.origin);
  // The last line that it logged, not those of the loader about the module.
  for (auto line = attempt.said.rbegin(); line != attempt.said.rend(); ++line) {
    if (line->contains("taints kernel") || line->contains("module verification failed")) continue;
    return fmt::format("{}; the last that was logged: {}", message, printable(*line));
  }
  return message;
}

// The kernel only logs it and loads the module without. "" if it has not.
std::string unknown_parameter(const LoadAttempt& attempt, const BuiltModule& module) {
  const auto words = module.name + ": unknown parameter '";
  for (const auto& line : attempt.said) {
    if (!line.starts_with(words)) continue;
    const auto name = line.substr(words.size(), line.rfind('\'') - words.size());
    return fmt::format("{} has no parameter '{}'{}; {}", module.name, printable(name),
                       did_you_mean(name, module.parameters),
                       module.parameters.empty()
                           ? "it has none"
                           : "it has " + printable(join(module.parameters, ", ")));
  }
  return "";
}

bool needs(const BuiltModule& module, const std::string& other) {
  return std::ranges::find(module.depends, other) != module.depends.end();
}

// The module for whose sake this one is loaded; "" if it is itself under test.
std::string needed_by(const std::string& module, std::span<const BuiltModule> modules) {
  for (const auto& one : modules)
    if (needs(one, module)) return one.name;
  const auto found = std::ranges::find(modules, module, &BuiltModule::name);
  // What another directory builds is loaded before the project's own.
  if (found == modules.end() || found->source == modules.back().source) return "";
  return modules.back().name;
}

}  // namespace

bool means_no_device(int error) { return error == ENODEV || error == ENXIO; }

std::optional<LoadFailure> load_failure(const LoadAttempt& attempt, const BuiltModule& module,
                                        const Kernel& kernel) {
  LoadFailure found{.module = module.name, .failure = {.kind = FailureKind::load}};
  auto& message = found.failure.message;
  if (attempt.answer.done()) {
    message = unknown_parameter(attempt, module);
    if (message.empty()) return std::nullopt;
  } else if (attempt.answer.killed) {
    message = fmt::format("the kernel faulted while it loaded {}", module.name);
  } else if (attempt.answer.timed_out) {
    found.failure.kind = FailureKind::hang;
    message = fmt::format("the init of {} did not return within {}", module.name,
                          format_duration(attempt.limit));
  } else if (message = refusal(attempt, module, kernel); message.empty()) {
    message = init_error(attempt, module);
    found.init_error = attempt.answer.error_number;
    found.attempt = attempt;
  }
  return found;
}

LoadOutcome judge_load(std::optional<LoadFailure> failed, std::span<const BuiltModule> modules,
                       const Project& project) {
  using Kind = LoadOutcome::Kind;
  const auto expected = fmt::format("[module] expect_load is {}", errno_name(project.expect_load));
  if (!failed) {
    if (project.expect_load == 0) return {};
    return {.kind = Kind::failed,
            .failure = {.kind = FailureKind::load,
                        .message = fmt::format(
                            "the module was loaded, but {}; take that line out if it should load",
                            expected)}};
  }
  LoadOutcome outcome{.kind = Kind::failed, .failure = std::move(failed->failure)};
  auto& message = outcome.failure.message;
  if (const auto user = needed_by(failed->module, modules); !user.empty()) {
    message =
        fmt::format("{}, which {} needs, could not be loaded: {}", failed->module, user, message);
  } else if (project.expect_load != 0) {
    if (failed->init_error == project.expect_load)
      outcome.kind = Kind::refused;
    else if (failed->init_error != 0)
      message +=
          fmt::format("; {}: change it if {} is right", expected, errno_name(failed->init_error));
    else
      message += fmt::format("; {}, which only the module's init can return", expected);
  } else if (!project.has_file && means_no_device(failed->init_error)) {
    outcome.kind = Kind::no_device;
  }
  if (outcome.kind == Kind::failed && failed->init_error != 0)
    outcome.init_error = InitError{.module = failed->module,
                                   .attempt = std::move(failed->attempt),
                                   .modules = {modules.begin(), modules.end()}};
  return outcome;
}

}  // namespace kobox
