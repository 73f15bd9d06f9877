// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/agent_client.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::size_t k_max_log_bytes = std::size_t{16} << 20;
// What keeping a record costs besides its text: empty ones are not free.
constexpr std::size_t k_record_cost = 64;
// Within this an idle agent answers even on a loaded host under TCG.
constexpr Duration k_answer_limit = 10s;
constexpr Duration k_file_limit = 5min;      // for all of one, whatever little an answer brings
constexpr std::size_t k_max_modprobes = 64;  // that wait
constexpr Duration k_users_limit = 5s;
constexpr std::size_t k_max_users = 16384;  // bytes that tell of a module's users
// A command that is killed at its limit has a second to die in (agent/job.cc).
constexpr Duration k_after_timeout = 5s;

std::unexpected<Error> refused(std::string_view operation, const AgentReply& reply) {
  return fail(ErrorKind::tool, "the guest's agent refuses '{}': {}", operation, reply.error);
}

std::unexpected<Error> too_slow(std::string_view path) {
  return fail(ErrorKind::timeout, "{} did not come out of the guest within {}", path,
              format_duration(k_file_limit));
}

json bytes_of(std::string_view data) { return json::binary({data.begin(), data.end()}); }

}  // namespace

void AgentClient::take(std::string_view bytes) {
  if (broken_) return;
  reader_.feed(bytes);
  while (!broken_) {
    auto payload = reader_.next();
    if (!payload) break;
    auto message = decode_message(*payload);
    if (!message) {
      broken_ = message.error();
      return;
    }
    take_message(std::move(*message));
  }
  if (reader_.broken())
    broken_ = Error(ErrorKind::protocol, "the guest's agent sent a frame of an impossible length");
}

void AgentClient::take_message(AgentMessage message) {
  if (auto* hello = std::get_if<AgentHello>(&message)) {
    if (hello->protocol != wire::k_protocol)
      broken_ =
          Error(ErrorKind::protocol,
                fmt::format("the guest's agent speaks protocol {}, kobox speaks {}; the guest "
                            "image is from another version of kobox",
                            hello->protocol, wire::k_protocol));
    else
      hello_ = std::move(*hello);
  } else if (auto* kmsg = std::get_if<AgentKmsg>(&message)) {
    for (auto& record : kmsg->records) add_record(std::move(record));
  } else if (auto* output = std::get_if<AgentOutput>(&message)) {
    const auto terminal = terminals_.find(output->id);
    if (terminal != terminals_.end()) terminal->second(output->data);
  } else if (auto* modprobe = std::get_if<AgentModprobe>(&message)) {
    if (modprobe_ && modprobes_.size() < k_max_modprobes)
      modprobes_.push_back(std::move(*modprobe));
    else
      answer_modprobe(modprobe->id, "kobox loads no module now");
  } else if (auto* reply = std::get_if<AgentReply>(&message)) {
    const auto asked = pending_.find(reply->id);
    if (asked != pending_.end()) asked->second = std::move(*reply);  // others: given up meanwhile
  }
}

void AgentClient::answer_modprobe(std::uint64_t id, const std::string& error) {
  post("modprobed", {{"modprobe", id}, {"error", bytes_of(error)}});
}

void AgentClient::serve_next_modprobe() {
  const auto wanted = std::move(modprobes_.front());
  modprobes_.pop_front();
  ++serving_;
  const auto error = modprobe_(wanted);
  --serving_;
  answer_modprobe(wanted.id, error);
}

void AgentClient::add_record(std::string record) {
  log_bytes_ += record.size() + k_record_cost;
  log_.records.push_back(std::move(record));
  while (log_bytes_ > k_max_log_bytes) {
    log_bytes_ -= log_.records.front().size() + k_record_cost;
    log_.records.pop_front();
    ++log_.dropped;
  }
}

AgentClient::Standing AgentClient::standing() const {
  return {.hello = *hello_,
          .unread = std::string(reader_.pending()),
          .records = {log_.records.begin(), log_.records.end()},
          .dropped = log_.dropped,
          .settings = settings_};
}

void AgentClient::resume(const Standing& standing) {
  hello_ = standing.hello;
  reader_.feed(standing.unread);
  settings_ = standing.settings;
  log_.dropped = standing.dropped;
  for (const auto& record : standing.records) add_record(record);
}

std::uint64_t AgentClient::post(std::string_view operation, json members, std::string_view data) {
  const auto id = next_id_++;
  members["id"] = id;
  members["op"] = operation;
  std::string payload;
  json::to_cbor(members, payload);
  auto bytes = wire::frame(payload);
  if (!data.empty()) bytes += wire::frame(data);
  send_(std::move(bytes));
  return id;
}

Result<AgentReply> AgentClient::ask(std::string_view operation, json members, Duration limit,
                                    std::string_view data) {
  const auto id = post(operation, std::move(members), data);
  pending_.emplace(id, std::nullopt);
  auto waited =
      wait_([&] { return pending_.at(id).has_value() || broken_; }, Deadline::after(limit));
  const auto reply = std::move(pending_.extract(id).mapped());
  if (reply) return *reply;
  if (broken_) return std::unexpected(*broken_);
  if (waited) return fail(ErrorKind::internal, "no reply to {}", operation);
  if (waited.error().kind() == ErrorKind::timeout)
    return fail(ErrorKind::timeout, "the guest's agent did not answer '{}' within {} ms", operation,
                limit.count());
  return std::unexpected(waited.error());
}

Result<AgentClient::RunReply> AgentClient::run(const RunRequest& request) {
  KOBOX_TRY(const auto reply, ask("run",
                                  {{"command", bytes_of(request.command)},
                                   {"timeout_ms", request.timeout.count()},
                                   {"max_output", request.max_output}},
                                  request.timeout + k_after_timeout));
  if (!reply.ok) return fail(ErrorKind::tool, "the guest cannot start a command: {}", reply.error);
  return RunReply{.status = static_cast<int>(reply.number("status")),
                  .signal = static_cast<int>(reply.number("signal")),
                  .timed_out = reply.flag("timed_out"),
                  .stuck = reply.flag("stuck"),
                  .standard_output = reply.text("stdout"),
                  .standard_error = reply.text("stderr"),
                  .dropped_output = static_cast<std::uint64_t>(reply.number("stdout_dropped")),
                  .dropped_error = static_cast<std::uint64_t>(reply.number("stderr_dropped"))};
}

Result<> AgentClient::put(std::string_view path, std::string_view bytes, int mode) {
  bool append = false;
  do {
    const auto chunk = bytes.substr(0, wire::k_chunk);
    KOBOX_TRY(
        const auto reply,
        ask("put",
            {{"path", path}, {"mode", mode}, {"append", append}, {"data_follows", !chunk.empty()}},
            k_answer_limit, chunk));
    if (!reply.ok)
      return fail(ErrorKind::tool, "cannot write {} in the guest: {}", path, reply.error);
    bytes.remove_prefix(chunk.size());
    append = true;
  } while (!bytes.empty());
  return {};
}

Result<> AgentClient::rename(std::string_view path, std::string_view to) {
  KOBOX_TRY(const auto reply, ask("rename", {{"path", path}, {"to", to}}, k_answer_limit));
  if (reply.ok) return {};
  return fail(ErrorKind::tool, "cannot rename {} in the guest: {}", path, reply.error);
}

Result<std::string> AgentClient::get(std::string_view path, std::size_t max) {
  std::string bytes;
  const auto deadline = Deadline::after(k_file_limit);
  while (bytes.size() < max) {
    if (deadline.passed()) return too_slow(path);
    KOBOX_TRY(const auto reply, ask("get",
                                    {{"path", path},
                                     {"offset", bytes.size()},
                                     {"max", std::min(max - bytes.size(), wire::k_chunk)}},
                                    k_answer_limit));
    if (!reply.ok)
      return fail(ErrorKind::tool, "cannot read {} in the guest: {}", path, reply.error);
    const auto data = reply.text("data");
    bytes += data;
    if (data.empty() || reply.flag("end")) break;
  }
  return bytes.substr(0, max);
}

Result<std::string> AgentClient::drain(std::string_view path, std::size_t max) {
  std::string bytes;
  const auto deadline = Deadline::after(k_file_limit);
  while (bytes.size() < max) {
    if (deadline.passed()) return too_slow(path);
    KOBOX_TRY(const auto reply,
              ask("drain", {{"path", path}, {"max", wire::k_chunk}}, k_answer_limit));
    if (!reply.ok)
      return fail(ErrorKind::tool, "cannot read {} in the guest: {}", path, reply.error);
    const auto data = reply.text("data");
    bytes += data;  // all of it, for the guest no longer has it
    if (data.empty() || reply.flag("end")) break;
  }
  return bytes;
}

Result<AgentClient::KernelAnswer> AgentClient::ask_kernel(std::string_view operation, json members,
                                                          Duration limit) {
  members["timeout_ms"] = limit.count();
  KOBOX_TRY(const auto reply, ask(operation, std::move(members), limit + k_after_timeout));
  return KernelAnswer{.error_number = reply.ok ? 0 : reply.error_number,
                      .error = reply.error,
                      .killed = reply.number("signal") != 0,
                      .timed_out = reply.flag("timed_out")};
}

Result<AgentClient::KernelAnswer> AgentClient::load(std::string_view path, std::string_view params,
                                                    Duration limit) {
  return ask_kernel("load", {{"path", path}, {"params", params}}, limit);
}

Result<AgentClient::KernelAnswer> AgentClient::unload(std::string_view name, Duration limit) {
  return ask_kernel("unload", {{"name", name}}, limit);
}

Result<AgentClient::ModuleUsers> AgentClient::users(std::string_view name) {
  KOBOX_TRY(
      const auto reply,
      ask("users",
          {{"name", name}, {"timeout_ms", k_users_limit.count()}, {"max_output", k_max_users}},
          k_users_limit + k_after_timeout));
  ModuleUsers found;
  if (!reply.ok) return found;
  const auto text = reply.text("stdout");
  auto lines = lines_of(text);
  // The rest of a line that was cut off may have said something else.
  if (!lines.empty() && reply.number("stdout_dropped") != 0) lines.pop_back();
  if (lines.empty()) return found;
  const auto count = lines[0];
  if (std::from_chars(count.data(), count.data() + count.size(), found.references).ec !=
      std::errc())
    return found;
  for (const auto line : std::span(lines).subspan(1))
    if (!line.empty()) found.users.emplace_back(printable(line));
  return found;
}

Result<std::map<std::string, std::uint64_t>> AgentClient::sections(std::string_view name) {
  KOBOX_TRY(const auto reply, ask("sections", {{"name", name}}, k_answer_limit));
  if (!reply.ok) return refused("sections", reply);
  std::map<std::string, std::uint64_t> sections;
  if (const auto it = reply.members.find("sections"); it != reply.members.end() && it->is_object())
    for (const auto& [section, address] : it->items())
      if (address.is_number_unsigned()) sections[section] = address.get<std::uint64_t>();
  return sections;
}

Result<> AgentClient::mark_inventory() {
  KOBOX_TRY(const auto reply, ask("mark", json::object(), k_answer_limit));
  if (!reply.ok) return refused("mark", reply);
  return {};
}

Result<> AgentClient::note_others(Others others) {
  KOBOX_TRY(const auto reply, ask("others", {{"begin", others == Others::begin}}, k_answer_limit));
  if (!reply.ok) return refused("others", reply);
  return {};
}

Result<std::vector<std::string>> AgentClient::new_in_inventory() {
  KOBOX_TRY(const auto reply, ask("new", json::object(), k_answer_limit));
  if (!reply.ok) return refused("new", reply);
  std::vector<std::string> entries;
  if (const auto it = reply.members.find("entries"); it != reply.members.end() && it->is_array())
    for (const auto& entry : *it)
      if (entry.is_string()) entries.push_back(entry.get<std::string>());
  return entries;
}

Result<> AgentClient::configure(const Settings& settings) {
  const auto changed = [](int wanted, int before) { return wanted == before ? 0 : wanted; };
  KOBOX_TRY(const auto reply,
            ask("configure",
                {{"watchdog_s", changed(settings.watchdog_s, settings_.watchdog_s)},
                 {"hung_task_s", changed(settings.hung_task_s, settings_.hung_task_s)},
                 {"console_level", changed(settings.console_level, settings_.console_level)},
                 {"serve_modules", settings.serve_modules && !settings_.serve_modules ? 1 : 0},
                 {"one_cpu", settings.one_cpu ? 1 : 0},
                 {"epoch_us", settings.epoch_us},
                 {"seed", bytes_of(settings.seed)}},
                k_answer_limit));
  if (!reply.ok) return refused("configure", reply);
  settings_ = settings;
  settings_.epoch_us = 0;
  settings_.seed.clear();
  return {};
}

AgentClient::Settings AgentClient::watchful(Duration limit) {
  // A soft lockup is reported after twice the threshold, a hung task within twice its time: both
  // before the test's own limit, so that a lockup is not mistaken for a hang.
  const auto third = std::clamp<std::int64_t>(limit.count() / 3000, 1, 10);
  constexpr int k_everything = 8;  // debug messages included
  return {.watchdog_s = static_cast<int>(third),
          .hung_task_s = static_cast<int>(std::max<std::int64_t>(third, 2)),
          .console_level = k_everything};
}

std::uint64_t AgentClient::open_terminal(const TerminalRequest& request,
                                         std::function<void(std::string_view)> on_output) {
  const auto id = post("terminal", {{"command", bytes_of(request.command)},
                                    {"rows", request.rows},
                                    {"columns", request.columns},
                                    {"term", request.term}});
  pending_.emplace(id, std::nullopt);
  terminals_.emplace(id, std::move(on_output));
  return id;
}

void AgentClient::send_input(std::uint64_t terminal, std::string_view bytes) {
  post("input", {{"terminal", terminal}, {"data", bytes_of(bytes)}});
}

void AgentClient::resize(std::uint64_t terminal, unsigned rows, unsigned columns) {
  post("resize", {{"terminal", terminal}, {"rows", rows}, {"columns", columns}});
}

std::optional<AgentReply> AgentClient::terminal_end(std::uint64_t terminal) {
  const auto it = pending_.find(terminal);
  return it == pending_.end() ? std::nullopt : it->second;
}

void AgentClient::power_off() { post("poweroff", json::object()); }

}  // namespace kobox
