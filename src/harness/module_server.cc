// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/module_server.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>

#include "base/files.h"
#include "base/text.h"
#include "guest/disk_guest.h"
#include "harness/session.h"
#include "harness/test_modules.h"
#include "image/layout.h"
#include "kernel/aliases.h"
#include "kernel/drivers.h"
#include "kernel/module_name.h"
#include "module/choose_modules.h"
#include "module/parameters.h"

namespace kobox {
namespace {

constexpr Duration k_limit = std::chrono::seconds(wire::k_modprobe_seconds);
// An alias such as "crypto-aes" has several; a pattern for all devices would have hundreds.
constexpr std::size_t k_most_by_alias = 16;
// The kernel's own requests have 56 characters at most (MODULE_NAME_LEN); a device's alias that
// lists what it is compatible with has some hundreds.
constexpr std::size_t k_longest_name = 1024;
constexpr std::size_t k_most_missing = 5;
constexpr std::size_t k_max_state = 64;  // bytes of a module's initstate

Result<> done_or_error(const std::string& name, const AgentClient::KernelAnswer& answer) {
  if (answer.done() || answer.error_number == EEXIST) return {};
  if (answer.timed_out) return fail(ErrorKind::tool, "{} was not loaded in its time", name);
  return fail(ErrorKind::tool, "{} cannot be loaded: {}", name,
              answer.killed ? "its load was killed" : answer.error);
}

std::string driver_path(const std::string& name) {
  return fmt::format("/kobox/driver/{}.ko", name);
}

Error no_such_module(const Prepared& prepared) {
  return {ErrorKind::usage, prepared.kernel.release + " has no such module"};
}

}  // namespace

bool serves_modules(const Prepared& prepared) {
  return prepared.disk.has_value() || !prepared.aliases.empty();
}

ModuleServer::ModuleServer(Guest& guest, const Prepared& prepared, std::string parameters,
                           LoadedOnRequest so_far)
    : guest_(guest),
      prepared_(prepared),
      parameters_(std::move(parameters)),
      loaded_(std::move(so_far)) {
  guest_.agent().serve_modprobe([this](const AgentModprobe& asked) { return serve(asked); });
}

std::string ModuleServer::serve(const AgentModprobe& asked) {
  const auto loaded = load_wanted({asked.name, asked.parameters, Deadline::after(k_limit)});
  if (loaded) return "";
  const auto& error = loaded.error();
  const auto name = printable(asked.name);
  if (error.kind() == ErrorKind::usage && missing_.size() < k_most_missing &&
      std::ranges::find(missing_, name) == missing_.end())
    missing_.push_back(name);
  return error.message();
}

std::string ModuleServer::bring(const std::string& name, const std::string& parameters) {
  const auto loaded = load_wanted({name, parameters, Deadline::after(k_limit)});
  return loaded ? "" : loaded.error().message();
}

// ErrorKind::usage: there is no such module.
Result<> ModuleServer::load_wanted(const Wanted& wanted) {
  if (wanted.name.size() > k_longest_name) return std::unexpected(no_such_module(prepared_));
  KOBOX_TRY(const bool ours, load_ours(wanted.name, wanted.deadline));
  if (ours) return {};
  if (prepared_.disk) return load_as_others({}, wanted);
  // A name that neither has a file nor is built in may be an alias.
  if (modules_for(prepared_.kernel, {wanted.name}, Missing::is_error))
    return load_as_others({wanted.name}, wanted);
  KOBOX_TRY(const auto table, read_file(prepared_.aliases));
  const auto names = modules_with_alias(table, wanted.name);
  if (names.empty()) return std::unexpected(no_such_module(prepared_));
  if (names.size() > k_most_by_alias)
    return fail(ErrorKind::environment, "{} modules have this alias", names.size());
  return load_as_others(names, wanted);
}

// False: none of the modules under test is meant.
Result<bool> ModuleServer::load_ours(const std::string& name, Deadline deadline) {
  const auto modules = all_modules(prepared_.modules, prepared_.test_needs);
  const auto has_alias = [&](const BuiltModule& one) {
    return std::ranges::any_of(one.aliases,
                               [&](const auto& alias) { return alias_matches(alias, name); });
  };
  auto meant = std::ranges::find(modules, kernel_name(name), &BuiltModule::name);
  if (meant == modules.end()) meant = std::ranges::find_if(modules, has_alias);
  if (meant == modules.end()) return false;
  for (const auto& module : with_dependencies(modules, meant->name))
    KOBOX_CHECK(load_own_module(module, deadline));
  return true;
}

// A test that is run with some of the modules has the others' files only now.
Result<> ModuleServer::load_own_module(const BuiltModule& module, Deadline deadline) {
  const auto parameters = load_parameters(module, prepared_, parameters_);
  KOBOX_TRY(const auto bytes, read_file(module.bare));
  KOBOX_CHECK(guest_.agent().put(guest_module_path(module), bytes, 0644));
  KOBOX_TRY(const auto answer,
            guest_.agent().load(guest_module_path(module), parameters, deadline.remaining()));
  if (answer.done()) loaded_.ours.insert(module.name);
  return done_or_error(module.name, answer);
}

bool ModuleServer::is_loaded(const std::string& name) {
  const auto state =
      guest_.agent().get(fmt::format("/sys/module/{}/initstate", kernel_name(name)), k_max_state);
  return state && trim(*state) == "live";
}

// What is registered meanwhile is not of the modules under test.
Result<> ModuleServer::load_as_others(const std::vector<std::string>& names, const Wanted& wanted) {
  auto& agent = guest_.agent();
  if (!names.empty() &&
      std::ranges::all_of(names, [&](const auto& name) { return is_loaded(name); }))
    return {};
  if (others_loading_ == 0) KOBOX_CHECK(agent.note_others(AgentClient::Others::begin));
  ++others_loading_;
  const auto loaded = prepared_.disk ? load_from_disk(wanted) : load_one_of(names, wanted);
  if (--others_loading_ == 0) KOBOX_CHECK(agent.note_others(AgentClient::Others::end));
  return loaded;
}

// Success if one of them is there in the end: of an alias's modules some may want another
// processor.
Result<> ModuleServer::load_one_of(const std::vector<std::string>& names, const Wanted& wanted) {
  std::optional<Error> error;
  bool one_is_there = false;
  for (const auto& name : names) {
    const auto loaded = load_from_host(name, wanted);
    one_is_there |= loaded.has_value();
    if (!loaded) error = loaded.error();
  }
  if (one_is_there || !error) return {};
  return std::unexpected(*error);
}

Result<> ModuleServer::load_from_host(const std::string& name, const Wanted& wanted) {
  KOBOX_TRY(const auto files, modules_for(prepared_.kernel, {name}, Missing::is_error));
  for (const auto& file : files) {
    KOBOX_TRY(const bool ours, load_ours(file.name, wanted.deadline));
    if (ours) continue;
    KOBOX_CHECK(put_file(file));
    const bool is_wanted = file.name == kernel_name(name);
    KOBOX_TRY(const auto answer,
              guest_.agent().load(driver_path(file.name), is_wanted ? wanted.parameters : "",
                                  wanted.deadline.remaining()));
    if (answer.done()) loaded_.others.push_back(file.name);
    KOBOX_CHECK(done_or_error(file.name, answer));
  }
  return {};
}

Result<> ModuleServer::put_file(const DriverModule& file) {
  if (files_.contains(file.name)) return {};
  KOBOX_TRY(const auto bytes, read_module(file.path));
  KOBOX_CHECK(guest_.agent().put(driver_path(file.name), bytes, 0644));
  files_.insert(file.name);
  return {};
}

Result<> ModuleServer::load_from_disk(const Wanted& wanted) {
  std::vector<std::string> words = {layout::k_system_modprobe, "--", shell_quote(wanted.name)};
  for (const auto& word : parameter_words(wanted.parameters)) words.push_back(shell_quote(word));
  KOBOX_TRY(const auto reply, guest_.agent().run({.command = "exec " + join(words, " "),
                                                  .timeout = wanted.deadline.remaining()}));
  if (reply.status == 0 && reply.signal == 0 && !reply.timed_out) {
    loaded_.others.push_back(kernel_name(wanted.name));
    // The names that udev gives to its devices are the kernel's module's too.
    return settle_udev(guest_, std::min(wanted.deadline.remaining(), k_udev_limit));
  }
  if (reply.timed_out) return fail(ErrorKind::tool, "it was not loaded in its time");
  if (reply.standard_error.contains(" not found in directory "))  // kmod's tools/modprobe.c
    return std::unexpected(no_such_module(prepared_));
  return fail(ErrorKind::tool, "{}", printable(trim(reply.standard_error)));
}

}  // namespace kobox
