// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/template.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "guest/boot_memory.h"
#include "guest/disk_guest.h"
#include "guest/template_directory.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// Changes when what is saved, or how, changes.
constexpr const char* k_format = "kobox template 2";
constexpr const char* k_making = ".making";
// For others to finish a boot of theirs.
constexpr Duration k_lock_limit = 5min;
constexpr Duration k_usual_test_limit = 10s;
// After it the kernel's deferred work (RCU callbacks, load balancing) is done.
constexpr Duration k_loose_ends = 300ms;

// Of a KVM guest the host's own CPU and kernel are part.
std::string host_cpu() {
  std::string text = read_file("/proc/sys/kernel/osrelease").value_or("");
  const auto info = read_file("/proc/cpuinfo").value_or("");
  for (const auto line : lines_of(info)) {
    if (line.empty()) break;  // the first CPU stands for all
    const auto key = trim(line.substr(0, line.find(':')));
    // What changes from moment to moment is no part of it.
    if (key != "cpu MHz" && key != "bogomips") text += line;
  }
  return text;
}

// What a template was made from, but for the accelerator, which may be found out only then.
Result<std::string> base_key(const GuestSpec& spec) {
  KOBOX_TRY(const auto qemu, find_qemu(*spec.kernel.arch));
  Digest digest;
  digest.add(k_format).add(spec.kernel.identity);
  KOBOX_CHECK(digest.add_file(qemu));
  if (spec.disk) digest.add(spec.disk->identity);
  auto machine = machine_spec(spec, Accel::tcg);
  machine.console_log.clear();
  // The initramfs has its contents' digest as its name.
  digest.add(qemu_command(qemu, machine).to_string());
  machine.accel = Accel::kvm;
  digest.add(qemu_command(qemu, machine).to_string());
  return digest.hex();
}

std::string full_key(const std::string& base, Accel accel) {
  Digest digest;
  digest.add(base).add(to_string(accel));
  if (accel == Accel::kvm) digest.add(host_cpu());
  return digest.hex();
}

bool is_used(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::exists(directory / "lock", ignored)) return false;
  const auto lock = FileLock::try_acquire(directory / "lock", LockMode::exclusive);
  return lock && !lock->has_value();
}

bool is_interrupt(const Error& error) {
  return error.kind() == ErrorKind::interrupted || error.kind() == ErrorKind::internal;
}

// What every fork would have to do is done before, the boot's own loose ends included.
Result<GuestSnapshot> quiesce_and_save(EventLoop& loop, Guest& guest) {
  KOBOX_CHECK(guest.agent().configure(AgentClient::watchful(k_usual_test_limit)));
  if (guest.spec().disk) KOBOX_CHECK(settle_disk_guest(guest));
  KOBOX_CHECK(guest.watch_for(k_loose_ends));
  return save_guest(loop, guest);
}

class Store {
 public:
  Store(GuestSpec spec, const fs::path& cache, std::string base,
        const std::function<void(const std::string&)>& notice)
      : spec_(std::move(spec)),
        root_(template_directory(cache)),
        base_(std::move(base)),
        notice_(notice) {}

  // Nothing: there is none that can be used.
  Result<std::shared_ptr<Template>> open(const AccelDecision& decision) const {
    const auto directory = directory_of(decision.accel);
    std::error_code error;
    if (!fs::exists(directory / "manifest", error)) return nullptr;
    KOBOX_TRY(auto lock, FileLock::acquire(directory / "lock", LockMode::shared,
                                           Deadline::after(k_lock_limit)));
    if (!fs::exists(directory / "manifest", error)) return nullptr;  // pruned meanwhile
    auto snapshot =
        read_template_directory(directory, full_key(base_, decision.accel), spec_, decision.accel);
    if (!snapshot) {
      notice_(fmt::format("the saved machine {} cannot be used and is made again: {}",
                          directory.filename().string(), snapshot.error().message()));
      KOBOX_CHECK(remove_template(directory));
      return nullptr;
    }
    fs::last_write_time(directory, fs::file_time_type::clock::now(), error);  // for cache prune
    return std::make_shared<Template>(Template{.snapshot = std::move(*snapshot),
                                               .decision = decision,
                                               .directory = directory,
                                               .fresh = false,
                                               .in_use = std::move(lock)});
  }

  // Waits for whoever makes the same.
  Result<FileLock> lock() const {
    return FileLock::acquire(root_ / ".locks" / base_, LockMode::exclusive,
                             Deadline::after(k_lock_limit));
  }

  Result<std::variant<AccelDecision, BootFailure>> make(EventLoop& loop, AccelChoice choice,
                                                        const fs::path& cache) {
    auto spec = spec_;
    spec.kind_of_memory = GuestMemory::saveable;
    spec.tcg_threads = TcgThreads::one;  // as it boots; forks choose for themselves
    KOBOX_TRY(auto outcome, boot_guest(loop, spec, choice, cache));
    if (auto* failure = std::get_if<BootFailure>(&outcome)) return std::move(*failure);
    auto& booted = std::get<BootedGuest>(outcome);
    KOBOX_CHECK(take_as_booted(booted.guest->spec()));
    auto saved = quiesce_and_save(loop, *booted.guest);
    if (!saved && is_interrupt(saved.error())) return std::unexpected(saved.error());
    if (!saved)
      return BootFailure{.message = "while the guest was prepared: " + saved.error().message(),
                         .console = booted.guest->console().text(),
                         .console_log = booted.guest->console_log(),
                         .host_at_fault = host_at_fault(*booted.guest, saved.error()),
                         .agent_spoke = true};
    const auto& snapshot = *saved;
    const auto accel = booted.decision.accel;
    booted.guest.reset();
    KOBOX_TRY(auto making, new_directory());
    auto written =
        write_template_directory(making.directory.path(), full_key(base_, accel), snapshot);
    if (!written)
      return std::unexpected(std::move(written).error().while_doing(
          "saving a booted machine in the cache, which --fresh-boot does without"));
    KOBOX_CHECK(remove_template(directory_of(accel)));  // what could not be used
    KOBOX_CHECK(rename_path(making.directory.path(), directory_of(accel)));
    making.directory.keep();
    return std::move(booted.decision);
  }

 private:
  // The boot may have found out how this kernel boots: forks need the very same machine.
  Result<> take_as_booted(const GuestSpec& booted) {
    if (booted.kernel.pvh == spec_.kernel.pvh && booted.boot_output == spec_.boot_output) return {};
    spec_.kernel = booted.kernel;
    spec_.boot_output = booted.boot_output;
    KOBOX_TRY(base_, base_key(spec_));
    return {};
  }

  struct Making {
    TempDir directory;
    FileLock lock;
  };
  fs::path directory_of(Accel accel) const {
    return root_ / fmt::format("{}.{}.{}M.{}cpu.{}", spec_.kernel.release, to_string(accel),
                               spec_.memory >> 20, spec_.cpus, full_key(base_, accel));
  }
  // A directory to work in; what others left of theirs when they were killed goes away.
  Result<Making> new_directory() const {
    KOBOX_TRY(const auto sweeping, FileLock::acquire(root_ / ".locks/sweep", LockMode::exclusive,
                                                     Deadline::after(k_lock_limit)));
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root_, error)) {
      if (!entry.path().filename().string().starts_with(k_making)) continue;
      const auto lock = FileLock::try_acquire(entry.path() / "lock", LockMode::exclusive);
      if (lock && *lock) KOBOX_CHECK(remove_tree(entry.path()));
    }
    KOBOX_TRY(auto directory, TempDir::make(root_, k_making));
    KOBOX_TRY(auto lock, FileLock::acquire(directory.path() / "lock", LockMode::exclusive,
                                           Deadline::after(k_lock_limit)));
    return Making{std::move(directory), std::move(lock)};
  }

  GuestSpec spec_;
  fs::path root_;
  std::string base_;
  const std::function<void(const std::string&)>& notice_;
};

}  // namespace

Result<TemplateOutcome> ensure_template(EventLoop& loop, const GuestSpec& wanted,
                                        AccelChoice choice, const fs::path& cache,
                                        const std::function<void(const std::string&)>& notice) {
  KOBOX_TRY(const auto qemu, find_qemu(*wanted.kernel.arch));
  auto spec = wanted;
  spec.kernel = as_it_boots(wanted.kernel, qemu, cache);
  KOBOX_TRY(auto base, base_key(spec));
  Store store(spec, cache, std::move(base), notice);
  const auto find = [&]() -> Result<std::shared_ptr<Template>> {
    KOBOX_TRY(const auto decision, settled_accel(spec.kernel, choice, cache));
    if (!decision) return nullptr;
    return store.open(*decision);
  };
  KOBOX_TRY(auto found, find());
  if (found) return found;
  KOBOX_TRY(const auto lock, store.lock());
  KOBOX_TRY(found, find());  // somebody may have made it while we waited
  if (found) return found;
  KOBOX_TRY(auto made, store.make(loop, choice, cache));
  if (auto* failure = std::get_if<BootFailure>(&made)) return std::move(*failure);
  KOBOX_TRY(found, store.open(std::get<AccelDecision>(made)));
  if (!found) return fail(ErrorKind::environment, "a booted machine was saved and is gone again");
  found->fresh = true;
  return found;
}

void require_check(const Template& one) { forget_check(one.directory); }

fs::path template_directory(const fs::path& cache) { return cache / "templates"; }

Result<> remove_template(const fs::path& directory) {
  // In one step, so that nobody opens half of it.
  const auto doomed = directory.parent_path() /
                      fmt::format("{}-{}-{}", k_making, ::getpid(), directory.filename().string());
  std::error_code error;
  fs::rename(directory, doomed, error);
  return remove_tree(error ? directory : doomed);
}

Result<> remove_unused_template(const fs::path& directory) {
  KOBOX_TRY(const auto lock, FileLock::try_acquire(directory / "lock", LockMode::exclusive));
  return lock ? remove_template(directory) : Result<>();
}

std::vector<SavedMachine> list_templates(const fs::path& cache) {
  std::vector<SavedMachine> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(template_directory(cache), error)) {
    if (entry.path().filename() == ".locks") continue;
    struct stat info = {};
    if (::stat(entry.path().c_str(), &info) != 0) continue;  // gone meanwhile
    found.push_back({.directory = entry.path(),
                     .bytes = disk_usage(entry.path()),
                     .last_used = std::chrono::system_clock::from_time_t(info.st_mtime),
                     .in_use = is_used(entry.path())});
  }
  std::ranges::sort(found, {}, &SavedMachine::last_used);
  return found;
}

Result<std::vector<SavedMachine>> trim_templates(const fs::path& cache, std::uint64_t max_bytes) {
  const auto all = list_templates(cache);
  std::uint64_t total = 0;
  for (const auto& one : all) total += one.bytes;
  std::vector<SavedMachine> removed;
  for (const auto& one : all) {
    if (total <= max_bytes) break;
    if (one.in_use) continue;
    KOBOX_CHECK(remove_unused_template(one.directory));
    total -= one.bytes;
    removed.push_back(one);
  }
  return removed;
}

}  // namespace kobox
