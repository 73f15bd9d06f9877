// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/record_merge.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <variant>

#include "base/fd.h"
#include "trace/host_records.h"
#include "trace/ring_buffer.h"

namespace kobox {

std::uint64_t ClockRelation::host_time(std::uint64_t guest_time) const {
  const auto shifted = guest_time - static_cast<std::uint64_t>(offset);
  if (fraction_bits == 0 || ratio == 0) return shifted;
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(shifted) << fraction_bits) / ratio);
}

struct RecordMerge::Stream {
  static constexpr std::size_t k_pages = 64;

  RecordFile file;
  Fd fd;
  std::array<char, k_pages * k_ring_page> buffer;
  std::size_t filled = 0, used = 0;
  std::variant<RingPage, HostPage> page{std::in_place_type<RingPage>, std::string_view()};
  RingRecord record;
  std::uint64_t time = 0;
  std::uint64_t lost = 0, malformed = 0;

  // What could not be read is the end.
  bool fill(std::optional<Error>& error) {
    filled = used = 0;
    while (filled < buffer.size()) {
      const auto got = ::read(fd.get(), buffer.data() + filled, buffer.size() - filled);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) error = fail_errno("cannot read {}", file.path.string()).error();
      if (got <= 0) break;
      filled += static_cast<std::size_t>(got);
    }
    return filled > 0;
  }
  bool next_page(std::optional<Error>& error) {
    if (used == filled && !fill(error)) return false;
    const std::string_view bytes(buffer.data() + used, std::min(k_ring_page, filled - used));
    if (file.of == RecordFile::Of::host)
      page.emplace<HostPage>(bytes);
    else
      page.emplace<RingPage>(bytes);
    used += bytes.size();
    lost += std::visit([](const auto& one) { return one.lost(); }, page);
    return true;
  }
  bool next(std::optional<Error>& error) {
    for (;;) {
      if (const auto found = std::visit([](auto& one) { return one.next(); }, page)) {
        record = *found;
        // A guest's clock may say anything; the row stays in order.
        time = std::max(time, file.clock.host_time(record.time));
        return true;
      }
      if (std::visit([](const auto& one) { return one.malformed(); }, page)) ++malformed;
      if (!next_page(error)) return false;
    }
  }
};

RecordMerge::RecordMerge() = default;
RecordMerge::RecordMerge(RecordMerge&&) noexcept = default;
RecordMerge& RecordMerge::operator=(RecordMerge&&) noexcept = default;
RecordMerge::~RecordMerge() = default;

Result<RecordMerge> RecordMerge::open(const std::vector<RecordFile>& files) {
  RecordMerge merge;
  for (const auto& file : files) {
    auto stream = std::make_unique<Stream>();
    stream->file = file;
    stream->fd = Fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!stream->fd) return fail_errno("cannot open {}", file.path.string());
    // Not one that has not been read: it holds no page, which is not the same as a broken one.
    if (stream->next_page(merge.error_) && stream->next(merge.error_))
      merge.heap_.push_back(merge.streams_.size());
    merge.streams_.push_back(std::move(stream));
  }
  std::ranges::make_heap(merge.heap_,
                         [&](auto one, auto other) { return merge.later(one, other); });
  return merge;
}

bool RecordMerge::later(std::size_t one, std::size_t other) const {
  const auto& a = *streams_[one];
  const auto& b = *streams_[other];
  if (a.time != b.time) return a.time > b.time;
  return a.file.of == RecordFile::Of::host && b.file.of == RecordFile::Of::guest;
}

// The first has a later record than it had.
void RecordMerge::sift_down() {
  std::size_t at = 0;
  for (;;) {
    auto child = 2 * at + 1;
    if (child >= heap_.size()) return;
    if (child + 1 < heap_.size() && later(heap_[child], heap_[child + 1])) ++child;
    if (!later(heap_[at], heap_[child])) return;
    std::swap(heap_[at], heap_[child]);
    at = child;
  }
}

std::optional<MergedRecord> RecordMerge::next() {
  if (advance_first_ && !heap_.empty()) {
    if (!streams_[heap_.front()]->next(error_)) {
      heap_.front() = heap_.back();
      heap_.pop_back();
    }
    sift_down();
  }
  advance_first_ = true;
  if (heap_.empty()) return std::nullopt;
  const auto& stream = *streams_[heap_.front()];
  return MergedRecord{stream.file.of, stream.file.cpu, stream.time, stream.record.data};
}

std::uint64_t RecordMerge::lost(RecordFile::Of of) const {
  std::uint64_t sum = 0;
  for (const auto& stream : streams_)
    if (stream->file.of == of) sum += stream->lost;
  return sum;
}

std::uint64_t RecordMerge::malformed() const {
  std::uint64_t sum = 0;
  for (const auto& stream : streams_) sum += stream->malformed;
  return sum;
}

const std::optional<Error>& RecordMerge::error() const { return error_; }

}  // namespace kobox
