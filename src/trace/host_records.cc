// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/host_records.h"

#include <new>
#include <string>

#include <traceevent/event-parse.h>
extern "C" {
#include <traceevent/kbuffer.h>
}

#include "base/text.h"

namespace kobox {
namespace {

// What tep_parse_format is to read: not how the kernel would print a record. That differs from
// kernel to kernel, is not always understood, and is not needed here.
std::string without_print_format(std::string_view text) {
  return std::string(text.substr(0, text.find("\nprint fmt:"))) + "\nprint fmt: \"\"\n";
}

void add_fields(EventFormat& format, const tep_format_field* field) {
  for (; field != nullptr; field = field->next)
    format.fields.insert_or_assign(field->name, EventField{static_cast<unsigned>(field->offset),
                                                           static_cast<unsigned>(field->size)});
}

}  // namespace

Result<EventFormat> parse_host_event_format(std::string_view text) {
  tep_set_loglevel(TEP_LOG_NONE);
  const std::unique_ptr<tep_handle, decltype(&tep_free)> parser(tep_alloc(), tep_free);
  if (!parser) throw std::bad_alloc();
  const auto wanted = without_print_format(text);
  tep_event* event = nullptr;
  tep_parse_format(parser.get(), &event, wanted.c_str(), wanted.size(), "");
  if (event == nullptr || (event->flags & TEP_EVENT_FL_FAILED) != 0 || event->id <= 0)
    return fail(ErrorKind::protocol, "libtraceevent does not understand this event's format: {}",
                printable(text.substr(0, 200)));
  EventFormat format{.name = event->name, .id = static_cast<unsigned>(event->id), .fields = {}};
  add_fields(format, event->format.common_fields);
  add_fields(format, event->format.fields);
  return format;
}

void HostPage::Free::operator()(kbuffer* reader) const { kbuffer_free(reader); }

// What kbuffer_missed_events says is not used: it forgets them when the first record stands behind
// a time extension.
HostPage::HostPage(std::string_view bytes) : lost_(missed_events(bytes)) {
  if (bytes.size() != k_ring_page) return;
  reader_.reset(kbuffer_alloc(KBUFFER_LSIZE_8, KBUFFER_ENDIAN_LITTLE));
  if (!reader_) throw std::bad_alloc();
  kbuffer_load_subbuffer(reader_.get(), const_cast<char*>(bytes.data()));  // it only reads
}

std::optional<RingRecord> HostPage::next() {
  if (!reader_) return std::nullopt;
  unsigned long long time = 0;
  const auto* data = static_cast<const char*>(begun_ ? kbuffer_next_event(reader_.get(), &time)
                                                     : kbuffer_read_event(reader_.get(), &time));
  begun_ = true;
  if (data == nullptr) return std::nullopt;
  return RingRecord{time, {data, static_cast<std::size_t>(kbuffer_event_size(reader_.get()))}};
}

}  // namespace kobox
