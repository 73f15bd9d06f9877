// SPDX-License-Identifier: GPL-2.0-or-later
// kobox kernel list|fetch|show; the other verbs have files of their own
#include "cli/kernel_command.h"

#include <algorithm>
#include <array>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/formats.h"
#include "kernel/store.h"

namespace kobox {
namespace {

struct KernelArguments {
  CommonOptions common;
  std::vector<std::string> selectors;
  std::string format = "terminal";
  bool all = false;
};

struct ListFormat {
  std::string_view name;
};
constexpr std::array k_list_formats = {ListFormat{"terminal"}, ListFormat{"json"}};
std::span<const ListFormat> list_formats() { return k_list_formats; }

std::string size_of(const KernelEntry& entry) {
  if (entry.fetched) return format_bytes(entry.bytes) + " on disk";
  return entry.bytes > 0 ? format_bytes(entry.bytes) + " to fetch" : "";
}

std::string compiler_of_entry(const KernelEntry& entry) {
  return entry.has_headers ? entry.compiler : "no headers";
}

std::string releases_table(const std::vector<KernelEntry>& entries) {
  std::string text;
  for (const auto& entry : entries)
    text += fmt::format("{:<34} {:<20} {:<20} {:<10} {}\n", entry.release, entry.version,
                        entry.suite, compiler_of_entry(entry), size_of(entry));
  return text;
}

// One row a line: the newest release that can be built for, or the newest. `entries`: newest first.
std::string lines_table(const std::vector<KernelEntry>& entries) {
  std::vector<std::pair<std::string, const KernelEntry*>> lines;
  for (const auto& entry : entries) {
    const auto line = line_of_release(entry.release);
    const auto known = std::ranges::find(lines, line, [](const auto& one) { return one.first; });
    if (known == lines.end())
      lines.emplace_back(line, &entry);
    else if (entry.has_headers && !known->second->has_headers)
      known->second = &entry;
  }
  std::string text;
  for (const auto& [line, entry] : lines) {
    // An older one of the line serves as well, and is what the line means until the next fetch.
    const auto fetched = std::ranges::find_if(entries, [&, name = line](const KernelEntry& one) {
      return one.fetched && line_of_release(one.release) == name;
    });
    const auto state = entry->fetched || fetched == entries.end()
                           ? size_of(*entry)
                           : fmt::format("{}, {} is fetched", size_of(*entry), fetched->release);
    text += fmt::format("{:<12} {:<32} {:<20} {:<10} {}\n", line, entry->release, entry->suite,
                        compiler_of_entry(*entry), state);
  }
  return text;
}

Result<int> list_kernels(const KernelArguments& arguments, Console& console) {
  KOBOX_TRY(const auto format, find_format(list_formats(), arguments.format));
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  StatusLine status(console.output, loudness_of(arguments.common));
  KernelStore store(lab.cache, lab.network, status);
  KOBOX_TRY(const auto entries, store.list());
  if (format.name == "json") {
    auto list = nlohmann::ordered_json::array();
    for (const auto& entry : entries)
      list.push_back({{"release", entry.release},
                      {"version", entry.version},
                      {"suite", entry.suite},
                      {"compiler", entry.compiler},
                      {"headers", entry.has_headers},
                      {"fetched", entry.fetched},
                      {"bytes", entry.bytes}});
    status.print(nlohmann::ordered_json{{"schema", "kobox.kernels/1"}, {"kernels", list}}.dump(2) +
                 "\n");
    return k_exit_passed;
  }
  if (entries.empty())
    status.note("no kernel is fetched, and what Debian has is not known offline");
  status.print(arguments.all ? releases_table(entries) : lines_table(entries));
  return k_exit_passed;
}

Result<int> fetch_kernels(const KernelArguments& arguments, Console& console) {
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  StatusLine status(console.output, loudness_of(arguments.common));
  KernelStore store(lab.cache, lab.network, status);
  KOBOX_TRY(const auto selectors, expand_selectors(lab, arguments.selectors, status));
  for (const auto& text : selectors) {
    KOBOX_TRY(const auto selector, parse_selector(text));
    KOBOX_TRY(const auto kernel, store.fetch(selector));
    if (!arguments.common.quiet) status.print(kernel.release + "\n");
  }
  return k_exit_passed;
}

std::string show_line(const char* name, const std::string& value) {
  return fmt::format("{:<9} {}\n", name, value.empty() ? "none" : value);
}

Result<int> show_kernels(const KernelArguments& arguments, Console& console) {
  KOBOX_TRY(const auto format, find_format(list_formats(), arguments.format));
  KOBOX_TRY(auto lab, lab_options(arguments.common));
  lab.network = Network::forbidden;
  StatusLine status(console.output, loudness_of(arguments.common));
  auto list = nlohmann::ordered_json::array();
  for (const auto& selector : arguments.selectors) {
    KOBOX_TRY(const auto kernel, resolve_kernel(lab, selector, status));
    if (format.name == "json") {
      list.push_back({{"release", kernel.release},
                      {"version", kernel.version},
                      {"arch", kernel.arch->name},
                      {"vmlinuz", kernel.vmlinuz.string()},
                      {"vmlinux", kernel.vmlinux.string()},
                      {"pvh", kernel.pvh},
                      {"headers", kernel.headers.string()},
                      {"modules", kernel.modules.string()},
                      {"compiler", kernel.compiler}});
      continue;
    }
    status.print(show_line("release", kernel.release) + show_line("version", kernel.version) +
                 show_line("vmlinuz", kernel.vmlinuz.string()) +
                 show_line("vmlinux", kernel.vmlinux.string()) +
                 show_line("boots by", kernel.pvh ? "PVH (vmlinux)" : "bzImage (vmlinuz)") +
                 show_line("headers", kernel.headers.string()) +
                 show_line("modules", kernel.modules.string()) +
                 show_line("compiler", kernel.compiler));
  }
  if (format.name == "json")
    status.print(nlohmann::ordered_json{{"schema", "kobox.kernels/1"}, {"kernels", list}}.dump(2) +
                 "\n");
  return k_exit_passed;
}

using Run = Result<int> (*)(const KernelArguments&, Console&);

CLI::App& add_verb(CLI::App& app, Action& action, const std::shared_ptr<KernelArguments>& arguments,
                   const char* name, const char* help, Run run) {
  auto& command = *app.add_subcommand(name, help);
  add_output_options(command, arguments->common);
  command.add_flag("--offline", arguments->common.offline, "Fetch nothing");
  command.callback([arguments, &action, run] {
    action = [arguments, run](Console& console) { return run(*arguments, console); };
  });
  return command;
}

}  // namespace

void add_kernel_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<KernelArguments>();
  auto& kernel =
      *app.add_subcommand("kernel", "List, fetch, show and add kernels; what a kernel tree lacks");
  kernel.require_subcommand(1);
  auto& list = add_verb(kernel, action, arguments, "list", "What Debian has and what is fetched",
                        list_kernels);
  list.add_option("--format", arguments->format, format_names(list_formats()));
  list.add_flag("--all", arguments->all, "Every release, and not the newest of each line");
  auto& fetch = add_verb(kernel, action, arguments, "fetch", "Fetch kernels and their headers",
                         fetch_kernels);
  fetch.add_option("SELECTOR", arguments->selectors, "6.1-cloud, 6.1.0-56-amd64, all, '>=6.12', …")
      ->required();
  auto& show =
      add_verb(kernel, action, arguments, "show", "Where a kernel's files are", show_kernels);
  show.add_option("SELECTOR", arguments->selectors,
                  "A fetched kernel, a vmlinuz file, a kernel tree, or host")
      ->required();
  show.add_option("--headers", arguments->common.headers,
                  "Build tree for a kernel given as a file");
  show.add_option("--format", arguments->format, format_names(list_formats()));
  add_kernel_add_command(kernel, action);
  add_kernel_config_command(kernel, action);
}

}  // namespace kobox
