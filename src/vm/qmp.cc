// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/qmp.h"

namespace kobox {
namespace {

using nlohmann::json;

constexpr std::size_t k_max_line = std::size_t{1} << 20;
constexpr std::size_t k_max_events = 10'000;

std::string string_at(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

std::optional<std::uint64_t> id_of(const json& object) {
  const auto it = object.find("id");
  if (it == object.end() || !it->is_number_unsigned()) return std::nullopt;
  return it->get<std::uint64_t>();
}

std::unexpected<Error> not_qmp(std::string_view line) {
  return fail(ErrorKind::protocol, "QEMU's monitor said something that is not QMP: {:.200}", line);
}

std::string command_line(std::string_view command, json arguments, std::uint64_t id) {
  const json message = {{"execute", command}, {"arguments", std::move(arguments)}, {"id", id}};
  return message.dump() + "\n";
}

std::string greeting_version(const json& greeting) {
  const auto number = [&](const char* part) -> std::uint64_t {
    const auto pointer = json::json_pointer("/version/qemu/" + std::string(part));
    if (!greeting.is_object() || !greeting.contains(pointer)) return 0;
    const auto& value = greeting[pointer];
    return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
  };
  return fmt::format("{}.{}.{}", number("major"), number("minor"), number("micro"));
}

}  // namespace

std::string QmpEvent::text(const char* key) const { return string_at(data, key); }

Result<QmpMessage> parse_qmp(std::string_view line) {
  const auto object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return not_qmp(line);
  if (object.contains("QMP")) return QmpGreeting{greeting_version(object["QMP"])};
  if (object.contains("event")) {
    QmpEvent event{string_at(object, "event"), object.value("data", json::object())};
    if (event.name.empty() || !event.data.is_object()) return not_qmp(line);
    return event;
  }
  if (object.contains("return")) {
    const auto id = id_of(object);
    if (!id) return not_qmp(line);
    return QmpReply{*id, object["return"]};
  }
  if (object.contains("error") && object["error"].is_object()) {
    const auto& error = object["error"];
    return QmpFailure{id_of(object), string_at(error, "class"), string_at(error, "desc")};
  }
  return not_qmp(line);
}

void Standstill::resume() {
  running_since_ = Deadline::Clock::now();
  if (!since_) return;
  past_ += std::chrono::duration_cast<Duration>(running_since_ - *since_);
  since_.reset();
}

QmpClient::QmpClient(EventLoop& loop, Fd monitor)
    : loop_(loop),
      lines_(k_max_line),
      channel_(loop, std::move(monitor), [this](std::string_view bytes) { take(bytes); }) {}

void QmpClient::take(std::string_view bytes) {
  const auto refuse_line = [this] {
    broken_ = Error(ErrorKind::protocol, "QEMU's monitor sent a line of more than 1 MiB");
  };
  lines_.feed(bytes, [&](StreamLine line) {
    if (line.cut)
      refuse_line();
    else
      take_line(line.text);
  });
  if (lines_.is_overlong()) refuse_line();
}

void QmpClient::take_line(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  auto message = parse_qmp(line);
  if (!message) {
    broken_ = message.error();
  } else if (std::holds_alternative<QmpGreeting>(*message)) {
    greeted_ = true;
  } else if (auto* event = std::get_if<QmpEvent>(&*message)) {
    take_event(std::move(*event));
  } else if (auto* reply = std::get_if<QmpReply>(&*message)) {
    const auto id = reply->id;
    answers_.insert_or_assign(id, std::move(*message));
  } else if (auto* failure = std::get_if<QmpFailure>(&*message)) {
    // Without an id QEMU could not even read the command; it can only be the one under way.
    const auto id = failure->id.value_or(next_id_ - 1);
    answers_.insert_or_assign(id, std::move(*message));
  }
}

void QmpClient::take_event(QmpEvent event) {
  if (event.name == "STOP")
    standstill_.stop();
  else if (event.name == "RESUME")
    standstill_.resume();
  else if (events_.size() < k_max_events)
    events_.push_back(std::move(event));
}

Result<> QmpClient::negotiate(Deadline deadline) {
  KOBOX_CHECK(loop_.wait_until([&] { return greeted_ || broken_ || ended(); }, deadline));
  if (broken_) return std::unexpected(*broken_);
  if (!greeted_) return fail(ErrorKind::protocol, "QEMU ended before it greeted");
  KOBOX_CHECK(execute("qmp_capabilities", json::object(), deadline));
  return {};
}

Result<json> QmpClient::execute(std::string_view command, json arguments, Deadline deadline) {
  const auto id = next_id_++;
  channel_.send(command_line(command, std::move(arguments), id));
  return await_answer(id, command, deadline);
}

Result<> QmpClient::give_fd(std::string_view name, int fd, Deadline deadline) {
  const auto id = next_id_++;
  KOBOX_CHECK(channel_.send_with_fd(command_line("getfd", {{"fdname", name}}, id), fd));
  KOBOX_CHECK(await_answer(id, "getfd", deadline));
  return {};
}

Result<json> QmpClient::await_answer(std::uint64_t id, std::string_view command,
                                     Deadline deadline) {
  auto waited =
      loop_.wait_until([&] { return answers_.contains(id) || broken_ || ended(); }, deadline);
  const auto doing = fmt::format("QMP command {}", command);
  if (!waited) return std::unexpected(std::move(waited).error().while_doing(doing));
  const auto it = answers_.find(id);
  if (it == answers_.end()) {
    if (broken_) return std::unexpected(Error(*broken_).while_doing(doing));
    return fail(ErrorKind::protocol, "{}: QEMU ended", doing);
  }
  const auto answer = std::move(it->second);
  answers_.erase(it);
  if (const auto* failure = std::get_if<QmpFailure>(&answer))
    return fail(ErrorKind::tool, "{}: QEMU refuses: {}", doing, failure->description);
  return std::get<QmpReply>(answer).value;
}

}  // namespace kobox
