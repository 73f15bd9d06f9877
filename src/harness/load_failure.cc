// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/load_failure.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/errno_name.h"
#include "base/text.h"
#include "module/ko_file.h"
#include "module/symbol_origin.h"

namespace kobox {
namespace {

using Lines = std::span<const std::string>;

// The first line with these words in it; "" if there is none.
std::string line_with(Lines said, std::string_view words) {
  const auto found =
      std::ranges::find_if(said, [&](const std::string& line) { return line.contains(words); });
  return found == said.end() ? "" : printable(*found);
}

// What the kernel's loader says when it refuses a module before its init, and what that means.
struct Refusal {
  std::string_view words;
  std::string_view meaning;
};
constexpr std::array k_refusals = {
    Refusal{"version magic '", "it was built for another kernel"},
    Refusal{"disagrees about version of symbol", "it was built against another kernel's symbols"},
    Refusal{"no symbol version for", "it was built without the versions of the kernel's symbols"},
    Refusal{"Unknown symbol", "it needs a symbol that neither the kernel nor a loaded module has"},
    Refusal{"invalid for parameter", "a parameter has a bad value"},
    Refusal{"too large for parameter", "a parameter has a bad value"},
    Refusal{"unsigned module is rejected", "it is not signed, and this kernel demands it"},
    Refusal{"unavailable key is rejected", "it is signed by a key that this kernel does not know"},
    Refusal{"Lockdown:", "this kernel is locked down and takes only signed modules"},
    Refusal{"exports duplicate symbol", "it exports a symbol that another module exports already"},
};

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

std::string refusal(const AgentClient::KernelAnswer& answer, const BuiltModule& module,
                    const Kernel& kernel, Lines said) {
  for (const auto& [words, meaning] : k_refusals)
    if (const auto line = line_with(said, words); !line.empty())
      return fmt::format("the kernel refused {}: {}{} ({}){}", module.name, meaning,
                         vermagic_mismatch(module, kernel), line,
                         missing_symbol_hint(line, module, kernel));
  // Errors that load_module() in kernel/module/main.c returns by itself; init's own stand apart.
  switch (answer.error_number) {
    case ENOEXEC:
      return fmt::format("the kernel refused {}: it is no module for this kernel{}", module.name,
                         vermagic_mismatch(module, kernel));
    case EEXIST:
      return fmt::format("the kernel refused {}: a module of that name is loaded already",
                         module.name);
    default:
      return "";
  }
}

std::string init_error(const AgentClient::KernelAnswer& answer, const BuiltModule& module,
                       Lines said) {
  auto message = fmt::format("the init of {} returned -{} ({})", module.name,
                             errno_name(answer.error_number), answer.error);
  // Its last words before it gave up, not those of the loader about the module.
  for (auto line = said.rbegin(); line != said.rend(); ++line) {
    if (line->contains("taints kernel") || line->contains("module verification failed")) continue;
    return fmt::format("{}; the last that was logged: {}", message, printable(*line));
  }
  return message;
}

}  // namespace

bool means_no_device(int error) { return error == ENODEV || error == ENXIO; }

std::optional<LoadFailure> load_failure(const AgentClient::KernelAnswer& answer,
                                        const BuiltModule& module, const Kernel& kernel,
                                        Lines said) {
  if (answer.done()) {
    // The kernel only logs it and loads the module without.
    const auto words = module.name + ": unknown parameter '";
    const auto unknown = std::ranges::find_if(
        said, [&](const std::string& line) { return line.starts_with(words); });
    if (unknown == said.end()) return std::nullopt;
    return LoadFailure{.failure = {.kind = FailureKind::load,
                                   .message = fmt::format("{} has no such parameter ({})",
                                                          module.name, printable(*unknown))}};
  }
  if (answer.killed)
    return LoadFailure{
        .failure = {.kind = FailureKind::load,
                    .message = fmt::format("the kernel faulted while it loaded {}", module.name)}};
  if (answer.timed_out)
    return LoadFailure{.failure = {.kind = FailureKind::hang,
                                   .message = fmt::format(
                                       "the init of {} did not return within 20 s", module.name)}};
  if (auto message = refusal(answer, module, kernel, said); !message.empty())
    return LoadFailure{.failure = {.kind = FailureKind::load, .message = std::move(message)}};
  return LoadFailure{
      .failure = {.kind = FailureKind::load, .message = init_error(answer, module, said)},
      .init_error = answer.error_number};
}

}  // namespace kobox
