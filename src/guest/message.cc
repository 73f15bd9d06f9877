// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/message.h"

namespace kobox {
namespace {

using nlohmann::json;

constexpr std::size_t k_max_depth = 8;
// An inventory has some ten thousand entries; each item costs the library far more than its byte.
constexpr std::size_t k_max_items = 200'000;

// Walks CBOR without building anything, so that lengths, counts and depth are known to be sane
// before the library, which recurses and allocates by them, sees the bytes. Narrower than RFC
// 8949: no indefinite lengths, no tags, of the simple values only false, true, null and floats.
class CborWalk {
 public:
  explicit CborWalk(std::string_view bytes) : bytes_(bytes) {}

  bool well_formed() {
    open_.push_back(1);
    while (!open_.empty()) {
      if (open_.back() == 0) {
        open_.pop_back();
        continue;
      }
      --open_.back();
      if (!item()) return false;
    }
    return bytes_.empty();
  }

 private:
  bool item() {
    if (bytes_.empty() || ++items_ > k_max_items) return false;
    const auto initial = static_cast<unsigned char>(bytes_[0]);
    bytes_.remove_prefix(1);
    const unsigned major = initial >> 5;
    const unsigned info = initial & 0x1F;
    if (major == 7) return simple(info);
    std::uint64_t value = info;
    if (info >= 24 && !argument(info, value)) return false;
    switch (major) {
      case 0:
      case 1:
        return true;
      case 2:
      case 3:
        return skip(value);
      case 4:
        return descend(value, 1);
      case 5:
        return descend(value, 2);
      default:
        return false;
    }
  }
  bool simple(unsigned info) {
    if (info >= 20 && info <= 22) return true;
    if (info >= 25 && info <= 27) return skip(std::uint64_t{1} << (info - 24));
    return false;
  }
  bool argument(unsigned info, std::uint64_t& value) {
    if (info > 27) return false;
    const std::size_t size = std::size_t{1} << (info - 24);
    if (bytes_.size() < size) return false;
    value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = (value << 8) | static_cast<unsigned char>(bytes_[i]);
    bytes_.remove_prefix(size);
    return true;
  }
  bool skip(std::uint64_t size) {
    if (bytes_.size() < size) return false;
    bytes_.remove_prefix(size);
    return true;
  }
  bool descend(std::uint64_t count, std::uint64_t each) {
    // Every item takes at least a byte.
    if (count > bytes_.size() / each || open_.size() > k_max_depth) return false;
    open_.push_back(count * each);
    return true;
  }

  std::string_view bytes_;
  std::size_t items_ = 0;
  std::vector<std::uint64_t> open_;  // items still to come, of each open array or map
};

std::string text_at(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end()) return "";
  if (it->is_string()) return it->get<std::string>();
  if (it->is_binary()) return {it->get_binary().begin(), it->get_binary().end()};
  return "";
}

std::int64_t number_at(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number_integer() ? it->get<std::int64_t>() : 0;
}

Result<json> parse_map(std::string_view payload) {
  if (!CborWalk(payload).well_formed())
    return fail(ErrorKind::protocol, "the guest's agent sent a frame that is not CBOR");
  try {
    auto object = json::from_cbor(payload, /*strict=*/true, /*allow_exceptions=*/false);
    if (object.is_object()) return object;
  } catch (const json::exception&) {
    // Some checks of the library throw whatever it was told; the frame is refused all the same.
    return fail(ErrorKind::protocol, "the guest's agent sent a frame that cannot be read");
  }
  return fail(ErrorKind::protocol, "the guest's agent sent a frame that is not a CBOR map");
}

Result<AgentMessage> decode_event(const json& object) {
  const auto event = text_at(object, "event");
  if (event == "hello")
    return AgentHello{number_at(object, "protocol"), text_at(object, "release")};
  if (event == "output")
    return AgentOutput{static_cast<std::uint64_t>(number_at(object, "id")),
                       text_at(object, "data")};
  if (event == "modprobe")
    return AgentModprobe{static_cast<std::uint64_t>(number_at(object, "id")),
                         text_at(object, "name"), text_at(object, "params")};
  if (event == "kmsg") {
    AgentKmsg kmsg;
    const auto records = object.find("records");
    if (records != object.end() && records->is_array())
      for (const auto& record : *records)
        if (record.is_binary())
          kmsg.records.emplace_back(record.get_binary().begin(), record.get_binary().end());
    return kmsg;
  }
  return fail(ErrorKind::protocol, "the guest's agent sent an unknown event '{:.40}'", event);
}

}  // namespace

std::string AgentReply::text(const char* key) const { return text_at(members, key); }
std::int64_t AgentReply::number(const char* key) const { return number_at(members, key); }
bool AgentReply::flag(const char* key) const {
  const auto it = members.find(key);
  return it != members.end() && it->is_boolean() && it->get<bool>();
}

Result<AgentMessage> decode_message(std::string_view payload) {
  KOBOX_TRY(auto object, parse_map(payload));
  if (object.contains("event")) return decode_event(object);
  const auto id = object.find("id");
  if (id == object.end() || !id->is_number_unsigned())
    return fail(ErrorKind::protocol, "the guest's agent sent a message with neither event nor id");
  AgentReply reply;
  reply.id = id->get<std::uint64_t>();
  reply.error_number = static_cast<int>(number_at(object, "errno"));
  reply.error = text_at(object, "error");
  reply.members = std::move(object);
  reply.ok = reply.flag("ok");
  return reply;
}

}  // namespace kobox
