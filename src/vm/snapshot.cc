// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/snapshot.h"

namespace kobox {
namespace {

using nlohmann::json;

constexpr const char* k_state_name = "state";

// The last word of the migration, "" while there is none.
std::string migration_status(const QmpClient& monitor) {
  for (auto event = monitor.events().rbegin(); event != monitor.events().rend(); ++event)
    if (event->name == "MIGRATION") return event->text("status");
  return "";
}

bool is_last_word(const std::string& status) {
  return status == "completed" || status == "failed" || status == "cancelled";
}

// Starts the migration with `command` and waits for its end, which QEMU tells by an event.
Result<> migrate(EventLoop& loop, Machine& machine, const Fd& state, const char* command,
                 Deadline deadline) {
  auto& monitor = machine.monitor();
  const json capabilities = {{{"capability", "x-ignore-shared"}, {"state", true}},
                             {{"capability", "events"}, {"state", true}}};
  KOBOX_CHECK(
      monitor.execute("migrate-set-capabilities", {{"capabilities", capabilities}}, deadline));
  KOBOX_CHECK(monitor.give_fd(k_state_name, state.get(), deadline));
  KOBOX_CHECK(monitor.execute(command, {{"uri", fmt::format("fd:{}", k_state_name)}}, deadline));
  KOBOX_CHECK(loop.wait_until(
      [&] { return is_last_word(migration_status(monitor)) || machine.end(); }, deadline));
  if (migration_status(monitor) == "completed") return {};
  if (machine.end()) return fail(ErrorKind::environment, "{}", machine.end()->message);
  std::string reason = "QEMU does not say why";
  if (const auto status = monitor.execute("query-migrate", json::object(), deadline))
    if (const auto it = status->find("error-desc"); it != status->end() && it->is_string())
      reason = it->get<std::string>();
  return fail(ErrorKind::environment, "{}", reason);
}

}  // namespace

Result<> save_state(EventLoop& loop, Machine& machine, const Fd& state, Deadline deadline) {
  KOBOX_CHECK(machine.monitor().execute("stop", json::object(), deadline));
  auto saved = migrate(loop, machine, state, "migrate", deadline);
  if (!saved) return std::unexpected(std::move(saved).error().while_doing("saving the machine"));
  return {};
}

Result<> load_state(EventLoop& loop, Machine& machine, const Fd& state, Deadline deadline) {
  auto loaded = migrate(loop, machine, state, "migrate-incoming", deadline);
  if (!loaded)
    return std::unexpected(std::move(loaded).error().while_doing("waking a saved machine"));
  return {};
}

Result<> resume(Machine& machine, Deadline deadline) {
  KOBOX_CHECK(machine.monitor().execute("cont", json::object(), deadline));
  return {};
}

}  // namespace kobox
