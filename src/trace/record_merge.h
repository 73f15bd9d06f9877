// SPDX-License-Identifier: GPL-2.0-or-later
// Many CPUs' files of ring buffer pages as one row of records, in the order of time. Takes memory
// for a few pages of each file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kobox {

// How one clock reads where another reads `time`: a guest's time stamp counter and its host's, of
// which KVM makes it as counter * ratio / 2^fraction_bits + offset
// (Documentation/virt/kvm/devices/vcpu.rst, KVM_VCPU_TSC_OFFSET).
struct ClockRelation {
  std::int64_t offset = 0;
  std::uint64_t ratio = 1;
  unsigned fraction_bits = 0;

  std::uint64_t host_time(std::uint64_t guest_time) const;
};

// One file: whole pages, one after the other.
struct RecordFile {
  enum class Of { host, guest };
  std::filesystem::path path;
  Of of = Of::host;
  unsigned cpu = 0;
  ClockRelation clock = {};  // to the time of the merged row
};

struct MergedRecord {
  RecordFile::Of of = RecordFile::Of::host;
  unsigned cpu = 0;
  std::uint64_t time = 0;
  std::string_view data;  // until the next call of next()
};

class RecordMerge {
 public:
  // ErrorKind::environment if one cannot be opened.
  static Result<RecordMerge> open(const std::vector<RecordFile>& files);
  RecordMerge(RecordMerge&&) noexcept;
  RecordMerge& operator=(RecordMerge&&) noexcept;
  ~RecordMerge();

  // The next, or nothing at the end. Of two with one time the guest's comes first.
  std::optional<MergedRecord> next();
  std::uint64_t lost(RecordFile::Of of) const;  // so far, as the pages say
  std::uint64_t malformed() const;              // pages
  const std::optional<Error>& error() const;    // a file that could not be read on

 private:
  struct Stream;
  RecordMerge();
  bool later(std::size_t one, std::size_t other) const;
  void sift_down();

  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<std::size_t> heap_;  // of those that have a record, the earliest first
  bool advance_first_ = false;
  std::optional<Error> error_;
};

}  // namespace kobox
