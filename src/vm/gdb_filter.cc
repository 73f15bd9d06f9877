// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/gdb_filter.h"

#include <utility>

#include "base/text.h"

namespace kobox {
namespace {

// More than any packet; anything longer is of no interest.
constexpr std::size_t k_max_packet = 64 * 1024;
// So that a processor that is stepped through a loop in which it waits for another gets there.
constexpr std::size_t k_locked_steps = 1000;
constexpr std::string_view k_int3 = "cc";

bool is_step(std::string_view action) {
  return (action.starts_with('s') || action.starts_with('S')) &&
         action.find(':') != std::string_view::npos;
}

// A vCont packet's payload with nothing but its steps, if it has any.
std::string only_steps(std::string_view payload) {
  std::string kept = "vCont";
  for (const auto& action : split(payload.substr(kept.size()), ';'))
    if (is_step(action)) kept += fmt::format(";{}", action);
  return kept;
}

std::string as_packet(std::string_view payload) {
  unsigned sum = 0;
  for (const char c : payload) sum += static_cast<unsigned char>(c);
  return fmt::format("${}#{:02x}", payload, sum & 0xff);
}

std::string_view payload_of(std::string_view packet) { return packet.substr(1, packet.size() - 4); }

// The two numbers of "m ADDRESS,LENGTH" and "Z0,ADDRESS,KIND".
std::optional<std::pair<std::uint64_t, std::uint64_t>> numbers_behind(std::string_view payload,
                                                                      std::string_view begin) {
  if (!payload.starts_with(begin)) return {};
  payload.remove_prefix(begin.size());
  const auto comma = payload.find(',');
  if (comma == std::string_view::npos) return {};
  const auto first = parse_hex(payload.substr(0, comma));
  const auto second = parse_hex(payload.substr(comma + 1));
  if (!first || !second) return {};
  return std::pair(*first, *second);
}

}  // namespace

void GdbPackets::feed(std::string_view bytes, const std::function<void(std::string&&)>& take) {
  for (const char c : bytes) {
    if (packet_.empty() && c != '$') {
      take(std::string(1, c));
      continue;
    }
    packet_ += c;
    if (end_ > 0 || c == '#') ++end_;
    if (end_ < 3 && packet_.size() <= k_max_packet) continue;
    end_ = 0;
    take(std::exchange(packet_, {}));
  }
}

GdbFilter::Onward GdbFilter::from_gdb(std::string_view bytes) {
  Onward onward;
  gdb_.feed(bytes, [&](std::string&& token) { onward.to_qemu += of_gdb(std::move(token)); });
  return onward;
}

GdbFilter::Onward GdbFilter::from_qemu(std::string_view bytes) {
  Onward onward;
  qemu_.feed(bytes, [&](std::string&& token) {
    auto more = of_qemu(std::move(token));
    onward.to_qemu += more.to_qemu;
    onward.to_gdb += more.to_gdb;
  });
  return onward;
}

std::string GdbFilter::of_gdb(std::string&& token) {
  if (token.size() < 4 || token.size() > k_max_packet) return std::move(token);
  if (!held_.empty()) {
    held_ += token;
    return "";
  }
  const auto payload = payload_of(token);
  read_.reset();
  if (const auto read = numbers_behind(payload, "m")) read_ = {read->first, read->second};
  if (const auto gone = numbers_behind(payload, "z0,")) before_.erase(gone->first);
  if (const auto requested = numbers_behind(payload, "Z0,")) {
    asked_ = requested->first;
    held_ = std::move(token);
    return as_packet(fmt::format("m{:x},1", asked_));
  }
  return step_alone(std::move(token));
}

std::string GdbFilter::step_alone(std::string&& packet) {
  const auto payload = payload_of(packet);
  if (!payload.starts_with("vCont;")) return std::move(packet);
  const auto steps = only_steps(payload);
  steps_ = steps == "vCont" ? 0 : steps_ + 1;
  if (steps_ == 0 || steps_ % k_locked_steps == 0) return std::move(packet);
  return as_packet(steps);
}

GdbFilter::Onward GdbFilter::of_qemu(std::string&& token) {
  const bool is_packet = token.size() >= 4 && token.size() <= k_max_packet;
  if (!held_.empty()) {
    if (token == "+") return {};
    if (is_packet && answers_our_read(payload_of(token)))
      return {.to_qemu = "+" + std::exchange(held_, {}), .to_gdb = ""};
  } else if (is_packet && read_) {
    const auto read = *std::exchange(read_, std::nullopt);
    return {.to_qemu = "", .to_gdb = as_packet(without_breakpoints(payload_of(token), read))};
  }
  return {.to_qemu = "", .to_gdb = std::move(token)};
}

// A byte, or that there is no memory; nothing else is expected while a machine stands.
bool GdbFilter::answers_our_read(std::string_view payload) {
  if (payload.size() == 2 && parse_hex(payload)) {
    before_[asked_] = payload;
    return true;
  }
  return payload.empty() || payload.starts_with('E');
}

std::string GdbFilter::without_breakpoints(std::string_view payload, const Read& read) const {
  std::string shown(payload);
  for (auto one = before_.lower_bound(read.address); one != before_.end(); ++one) {
    const auto at = one->first - read.address;
    if (at >= read.bytes || at >= shown.size() / 2) break;
    if (std::string_view(shown).substr(2 * at, 2) == k_int3) shown.replace(2 * at, 2, one->second);
  }
  return shown;
}

}  // namespace kobox
