// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/vscode.h"

#include <nlohmann/json.hpp>

#include "base/child.h"
#include "base/files.h"
#include "cli/jsonc.h"

namespace kobox {
namespace {

using nlohmann::ordered_json;

constexpr const char* k_task = "kobox: machine";
constexpr const char* k_script = "${workspaceFolder}/.vscode/kobox.gdb";

// https://code.visualstudio.com/docs/cpp/launch-json-reference. customLaunchSetupCommands replace
// the extension's own way of starting a program: kobox's script connects GDB itself. "program" must
// name a file that exists, though nothing is read from it then; the script does once the task runs.
ordered_json launch_entry(const fs::path& gdb) {
  return {{"name", "kobox: debug the module"},
          {"type", "cppdbg"},
          {"request", "launch"},
          {"program", k_script},
          {"cwd", "${workspaceFolder}"},
          {"MIMode", "gdb"},
          {"miDebuggerPath", gdb.string()},
          {"targetArchitecture", "x64"},
          {"customLaunchSetupCommands",
           {{{"description", "GDB joins the machine that kobox holds ready"},
             {"text", std::string("source ") + k_script}}}},
          {"launchCompleteCommand", "exec-continue"},
          {"preLaunchTask", k_task}};
}

// https://code.visualstudio.com/docs/editor/tasks#_background-watching-tasks. The pattern takes a
// compiler's errors; the debugger is started when the last pattern is seen.
ordered_json task_entry(const std::vector<std::string>& arguments) {
  ordered_json words = {"debug", "${workspaceFolder}", "--serve", k_script};
  for (const auto& argument : arguments) words.push_back(argument);
  const auto on_path = find_program("kobox");
  std::error_code ignored;
  const auto self = fs::read_symlink("/proc/self/exe", ignored);
  const bool is_this = on_path && fs::equivalent(*on_path, self, ignored);
  return {{"label", k_task},
          {"type", "process"},
          {"command", is_this ? "kobox" : self.string()},
          {"args", words},
          {"isBackground", true},
          {"presentation", {{"reveal", "always"}, {"panel", "dedicated"}, {"clear", true}}},
          {"problemMatcher",
           {{"owner", "kobox"},
            {"fileLocation", {"autoDetect", "${workspaceFolder}"}},
            {"pattern",
             {{"regexp", "^\\s*(\\S+):(\\d+): (.*)$"}, {"file", 1}, {"line", 2}, {"message", 3}}},
            {"background",
             {{"activeOnStart", true},
              {"beginsPattern", "^kobox: "},
              {"endsPattern", "^kobox: GDB may come"}}}}}};
}

// The file's text with the entry in it.
Result<std::string> edited(const fs::path& path, std::string_view version,
                           std::string_view list_key, std::string_view name_key,
                           const ordered_json& entry) {
  std::string text;
  if (fs::exists(path)) {
    KOBOX_TRY(text, read_file(path));
  }
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    text = fmt::format("{{\n    \"version\": \"{}\",\n    \"{}\": []\n}}\n", version, list_key);
  auto result = with_json_entry(text, list_key, name_key, entry);
  if (!result)
    return fail(ErrorKind::usage, "{}: {}; it was left as it is", path.string(),
                result.error().message());
  return result;
}

// A whole file or the old one, also when the disk is full.
Result<> replace(const fs::path& path, const std::string& text) {
  const auto whole = fs::path(path.string() + ".kobox-new");
  auto written = write_file(whole, text);
  if (written) written = rename_path(whole, path);
  std::error_code ignored;
  if (!written) fs::remove(whole, ignored);
  return written;
}

}  // namespace

Result<std::vector<fs::path>> write_vscode_setup(const fs::path& directory, const fs::path& gdb,
                                                 const std::vector<std::string>& arguments) {
  const auto launch = directory / ".vscode/launch.json";
  const auto tasks = directory / ".vscode/tasks.json";
  KOBOX_TRY(const auto new_launch,
            edited(launch, "0.2.0", "configurations", "name", launch_entry(gdb)));
  KOBOX_TRY(const auto new_tasks, edited(tasks, "2.0.0", "tasks", "label", task_entry(arguments)));
  KOBOX_CHECK(make_directories(directory / ".vscode"));
  KOBOX_CHECK(replace(launch, new_launch));
  KOBOX_CHECK(replace(tasks, new_tasks));
  return std::vector{launch, tasks};
}

}  // namespace kobox
