// SPDX-License-Identifier: GPL-2.0-or-later
// The recording under KVM: tracepoints of the host's kernel, from a private instance of its
// tracing (Documentation/trace/ftrace.rst, "Instances"), of one machine's virtual CPUs alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "trace/event_format.h"
#include "trace/record_merge.h"
#include "trace/region_map.h"
#include "vm/machine.h"

namespace kobox {

// kvm_exit, kvm_entry and those that say what an exit was for.
const std::set<std::string>& kvm_base_tracepoints();

// The time stamp counter and CLOCK_MONOTONIC at one moment.
struct ClockSample {
  std::uint64_t tsc = 0;
  std::uint64_t ns = 0;
  static ClockSample take();
};

class KvmRecorder {
 public:
  // Prepares an instance with these tracepoints; one that this kernel does not have is passed over,
  // but for kvm_exit and kvm_entry. `buffer`: bytes for each of the host's CPUs. Records are
  // written below `directory`. ErrorKind::environment where the host's tracing may not be used,
  // with what it would need.
  static Result<KvmRecorder> make(const std::set<std::string>& tracepoints, std::uint64_t buffer,
                                  const std::filesystem::path& directory);
  KvmRecorder(KvmRecorder&&) noexcept;
  KvmRecorder& operator=(KvmRecorder&&) noexcept;
  ~KvmRecorder();  // takes the instance away

  // Errors: as QmpClient::execute; environment.
  Result<> start(Machine& machine);
  // Records no more; the files are complete. ErrorKind::environment if they could not be written.
  Result<> stop();

  std::vector<RecordFile> files() const;
  const std::vector<EventFormat>& formats() const;
  const std::map<unsigned, unsigned>& vcpus() const;  // by thread
  const RegionMap& regions() const;
  // How the virtual CPU's time stamp counter relates to the host's; nothing where debugfs does not
  // say.
  std::optional<ClockRelation> guest_clock(unsigned vcpu) const;
  // Nanoseconds of CLOCK_MONOTONIC, from the counter; once it has been stopped.
  std::uint64_t nanoseconds(std::uint64_t tsc) const;
  // Events that the kernel had to drop.
  std::uint64_t lost() const;

 private:
  struct Instance;
  KvmRecorder();
  std::unique_ptr<Instance> instance_;
};

}  // namespace kobox
