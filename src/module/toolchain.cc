// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/toolchain.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr auto k_ask_limit = 10s;  // for a compiler to say its version

Result<std::string> first_line_of(const std::string& program, const std::string& option) {
  KOBOX_TRY(auto done,
            run_command({.argv = {program, option}, .environment = build_environment("/")},
                        {.deadline = Deadline::after(k_ask_limit)}));
  if (!done.status.success())
    return fail(ErrorKind::environment, "'{} {}' {}", program, option, done.status.to_string());
  const auto lines = lines_of(done.output);
  return lines.empty() ? std::string() : std::string(trim(lines.front()));
}

// "gcc-12" as it is called where it is the only gcc: Debian names the release in the program,
// other distributions do not.
Result<std::string> find_compiler_program(std::string_view wanted) {
  if (wanted.empty()) wanted = "gcc";
  if (find_program(wanted)) return std::string(wanted);
  const auto dash = wanted.rfind('-');
  const std::string plain(wanted.substr(0, dash));
  if (dash != std::string_view::npos && find_program(plain)) {
    KOBOX_TRY(auto version, first_line_of(plain, "-dumpversion"));
    if (split(version, '.').front() == wanted.substr(dash + 1)) return plain;
  }
  return fail(ErrorKind::environment,
              "modules for this kernel are built with {0}, which is not on this host; install it "
              "(apt install {0}) where the distribution has it",
              wanted);
}

}  // namespace

Result<Compiler> find_compiler(std::string_view wanted) {
  KOBOX_TRY(auto program, find_compiler_program(wanted));
  KOBOX_TRY(auto version, first_line_of(program, "--version"));
  return Compiler{.program = std::move(program), .version = std::move(version)};
}

std::vector<std::pair<std::string, std::string>> build_environment(
    const std::filesystem::path& cwd) {
  constexpr std::array<std::string_view, 6> k_kept = {"PATH", "HOME",    "TMPDIR",
                                                      "USER", "LOGNAME", "LD_LIBRARY_PATH"};
  std::vector<std::pair<std::string, std::string>> changes;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto name = text.substr(0, text.find('='));
    if (std::ranges::find(k_kept, name) == k_kept.end()) changes.emplace_back(name, "");
  }
  std::erase_if(changes, [](const auto& change) { return change.first == "PWD"; });
  changes.emplace_back("PWD", cwd.string());
  return changes;
}

}  // namespace kobox
