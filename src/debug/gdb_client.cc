// SPDX-License-Identifier: GPL-2.0-or-later
#include "debug/gdb_client.h"

#include <algorithm>

#include "base/text.h"

namespace kobox {
namespace {

constexpr std::size_t k_max_error_text = 4096;
constexpr std::size_t k_max_stops = 1000;

}  // namespace

Result<std::unique_ptr<GdbClient>> GdbClient::start(EventLoop& loop, const CommandLine& command,
                                                    Deadline deadline) {
  KOBOX_TRY(auto talk, make_socket_pair());
  KOBOX_TRY(auto errors, make_pipe());
  std::unique_ptr<GdbClient> made(new GdbClient(loop));
  auto& client = *made;
  KOBOX_TRY(client.child_, Child::spawn(command, {.standard_input = talk.second.get(),
                                                  .standard_output = talk.second.get(),
                                                  .standard_error = errors.second.get()}));
  client.end_ =
      std::make_unique<ReadableOnce>(loop, client.child_->pidfd(), [&] { client.take_end(); });
  client.errors_ =
      std::make_unique<Channel>(loop, std::move(errors.first), [&client](std::string_view text) {
        const auto room = k_max_error_text - std::min(k_max_error_text, client.error_text_.size());
        client.error_text_ += text.substr(0, room);
      });
  client.channel_ = std::make_unique<Channel>(
      loop, std::move(talk.first), [&client](std::string_view bytes) { client.take(bytes); });
  KOBOX_CHECK(client.wait([&] { return client.listens_; }, deadline));
  return made;
}

GdbClient::~GdbClient() = default;

void GdbClient::take(std::string_view bytes) {
  bool overlong = false;
  lines_.feed(bytes, [&](StreamLine line) {
    overlong = overlong || line.cut;
    if (!overlong) take_line(line.text);
  });
  if ((overlong || lines_.is_overlong()) && !error_)
    error_ = Error(ErrorKind::protocol, "gdb sent a line of more than 1 MiB");
}

void GdbClient::take_line(std::string_view line) {
  if (error_) return;
  auto record = parse_mi(line);
  if (!record) {
    // Python scripts print as they please; only GDB's own words are MI.
    error_text_ += fmt::format(
        "{}\n", line.substr(0, k_max_error_text - std::min(k_max_error_text, error_text_.size())));
    return;
  }
  if (std::holds_alternative<MiPrompt>(*record))
    listens_ = true;
  else if (auto* async = std::get_if<MiAsync>(&*record))
    take_async(std::move(*async));
  else if (auto* result = std::get_if<MiResult>(&*record))
    take_result(std::move(*result));
}

void GdbClient::take_result(MiResult result) {
  if (asked_)
    answer_ = std::move(result);
  else if (result.result_class == MiClass::error)  // of what it does in the background
    error_ = Error(ErrorKind::tool, printable(result.results.text("msg")));
}

void GdbClient::take_async(MiAsync async) {
  if (async.kind == MiAsyncKind::notify && on_notify_) on_notify_(async);
  if (async.kind == MiAsyncKind::exec && async.name == "stopped" && stops_.size() < k_max_stops)
    stops_.push_back(std::move(async.results));
}

void GdbClient::take_end() {
  if (error_) return;
  loop_.run_ready();  // what it said last
  const auto status = child_->poll().value_or(ExitStatus{});
  const auto said = printable(trim(error_text_));
  error_ = Error(ErrorKind::tool,
                 fmt::format("gdb {}{}{}", status.to_string(), said.empty() ? "" : ": ", said));
}

Result<> GdbClient::wait(const std::function<bool()>& predicate, Deadline deadline) {
  KOBOX_CHECK(loop_.wait_until([&] { return predicate() || error_; }, deadline));
  if (predicate()) return {};
  return std::unexpected(*error_);
}

Result<MiTuple> GdbClient::command(std::string_view text, Deadline deadline) {
  if (error_) return std::unexpected(*error_);
  const auto token = next_token_++;
  if (text.starts_with("-exec-")) stops_.clear();
  answer_.reset();
  asked_ = true;
  channel_->send(fmt::format("{}{}\n", token, text));
  const auto waited = wait([&] { return answer_ && answer_->token == token; }, deadline);
  asked_ = false;
  if (!waited) return std::unexpected(Error(waited.error()).while_doing(std::string(text)));
  if (answer_->result_class == MiClass::error)
    return fail(ErrorKind::tool, "{}", printable(answer_->results.text("msg")));
  return std::move(answer_->results);
}

Result<std::optional<MiTuple>> GdbClient::wait_for_stop(Deadline deadline,
                                                        const std::function<bool()>& end_early) {
  KOBOX_CHECK(wait([&] { return !stops_.empty() || (end_early && end_early()); }, deadline));
  if (stops_.empty()) return std::nullopt;
  auto stop = std::move(stops_.front());
  stops_.pop_front();
  return stop;
}

}  // namespace kobox
