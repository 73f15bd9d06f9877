// SPDX-License-Identifier: GPL-2.0-or-later
// kobox cache list|prune
#include <ctime>
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "workbench/cache.h"

namespace kobox {
namespace {

struct CacheArguments {
  CommonOptions common;
  std::string older_than;
  std::string max_size;
  bool everything = false;
};

std::string date_of(std::chrono::system_clock::time_point when) {
  const auto time = std::chrono::system_clock::to_time_t(when);
  std::tm parts = {};
  ::localtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
  return text;
}

std::string line_of(const CacheItem& item) {
  return fmt::format("{:<16} {:>8}  {}  {}{}\n", item.kind, format_bytes(item.bytes),
                     date_of(item.last_used), item.name, item.in_use ? "  (in use)" : "");
}

Result<int> list(const CacheArguments& arguments, Console& console) {
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  KOBOX_TRY(const auto items, list_cache(lab.cache, lab.state));
  std::uint64_t total = 0;
  for (const auto& item : items) {
    total += item.bytes;
    console.output.write(line_of(item));
  }
  console.output.write(fmt::format("{} in {} items in {} and {}\n", format_bytes(total),
                                   items.size(), lab.cache.string(), lab.state.string()));
  return k_exit_passed;
}

Result<int> prune(const CacheArguments& arguments, Console& console) {
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  PrunePolicy policy{.everything = arguments.everything};
  if (!arguments.older_than.empty()) {
    // Days are what one means here; the units of a test's limits end with hours.
    auto text = arguments.older_than;
    std::int64_t factor = 1;
    if (text.ends_with('d')) {
      text.back() = 'h';
      factor = 24;
    }
    const auto age = parse_duration(text);
    if (!age)
      return fail(ErrorKind::usage, "--older-than '{}': write 30d or 12h", arguments.older_than);
    policy.older_than = std::chrono::duration_cast<std::chrono::seconds>(*age) * factor;
  }
  if (!arguments.max_size.empty()) {
    auto size = parse_size(arguments.max_size);
    if (!size) return std::unexpected(std::move(size).error().while_doing("--max-size"));
    policy.max_bytes = *size;
  }
  if (!policy.older_than && !policy.max_bytes && !policy.everything)
    return fail(ErrorKind::usage, "say what to remove: --older-than 30d, --max-size 5G or --all");
  KOBOX_TRY(const auto removed, prune_cache(lab.cache, lab.state, policy));
  std::uint64_t total = 0;
  for (const auto& item : removed) {
    total += item.bytes;
    if (!arguments.common.quiet) console.output.write(line_of(item));
  }
  console.output.write(fmt::format("removed {} items, {}\n", removed.size(), format_bytes(total)));
  return k_exit_passed;
}

}  // namespace

void add_cache_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<CacheArguments>();
  auto& cache = *app.add_subcommand("cache", "Show and remove what kobox keeps on disk");
  cache.require_subcommand(1);
  auto& list_app = *cache.add_subcommand("list", "What is kept, and how large it is");
  list_app.callback([arguments, &action] {
    action = [arguments](Console& console) { return list(*arguments, console); };
  });
  auto& prune_app = *cache.add_subcommand("prune", "Remove what nobody uses");
  prune_app
      .add_option("--older-than", arguments->older_than, "Unused for longer than T, as in 30d")
      ->type_name("T");
  prune_app
      .add_option("--max-size", arguments->max_size, "The longest unused until all fit in SIZE")
      ->type_name("SIZE");
  prune_app.add_flag("--all", arguments->everything, "Everything that is not in use");
  add_output_options(prune_app, arguments->common);
  prune_app.callback([arguments, &action] {
    action = [arguments](Console& console) { return prune(*arguments, console); };
  });
}

}  // namespace kobox
