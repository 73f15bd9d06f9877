// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/explain_build.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "kernel/cache.h"
#include "module/api_change.h"
#include "module/api_words.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_limit = 5s;
constexpr std::uint64_t k_max_source = 1 << 20;
constexpr std::size_t k_max_others = 3;  // fetched kernels that a failure is compared with

// How many releases of Linux lie between two kernels.
int distance(const Kernel& a, const Kernel& b) {
  return std::abs(KernelLine::of(a.release).ordinal() - KernelLine::of(b.release).ordinal());
}

// What follows the numbers: "-cloud-amd64".
std::string_view flavour(std::string_view release) {
  for (std::size_t i = 0; i + 1 < release.size(); ++i)
    if (release[i] == '-' && release[i + 1] >= 'a' && release[i + 1] <= 'z')
      return release.substr(i);
  return "";
}

// The nearest first, of those the same flavour.
void sort_by_distance(std::vector<Kernel>& kernels, const Kernel& from) {
  std::ranges::stable_sort(kernels, {}, [&](const Kernel& one) {
    return std::pair(distance(one, from), flavour(one.release) != flavour(from.release));
  });
}

// Is it one of the programs that the tests run, which sees none of the kernel's headers?
bool is_of_program(const Failure& failure, const Project& project) {
  return std::ranges::any_of(project.tests, [&](const TestSpec& test) {
    return std::ranges::find(test.programs, failure.file) != test.programs.end();
  });
}

FailedBuild failed_build(const Failure& failure, const Project& project) {
  FailedBuild build{.failure = failure};
  const fs::path file = failure.file;
  if (!file.empty() && file.is_relative())
    build.source = read_file(project.source / file, k_max_source).value_or("");
  for (const auto* name : {"Kbuild", "Makefile"})
    build.kbuild += read_file(project.source / name, k_max_source).value_or("") + "\n";
  return build;
}

class Explainer {
 public:
  Explainer(std::span<const BuildOn> builds, const Project& project, const LabOptions& options)
      : project_(project), options_(options) {
    for (const auto& one : builds) {
      tried_.insert(one.kernel.release);
      if (one.failure == nullptr)
        good_.push_back(one.kernel);
      else if (one.failure->kind == FailureKind::build && !is_of_program(*one.failure, project))
        failed_.push_back(one);
    }
  }

  void run() {
    if (failed_.empty()) return;
    // The nearest first: what is found there holds for those behind it.
    std::ranges::stable_sort(failed_, {}, [this](const BuildOn& one) {
      const auto others = others_for(one.kernel);
      return others.empty() ? 0 : distance(one.kernel, others.front());
    });
    for (const auto& one : failed_) explain(one);
  }

 private:
  std::vector<Kernel> others_for(const Kernel& kernel) {
    auto others = good_.empty() ? fetched() : good_;
    std::erase_if(others, [](const Kernel& one) { return one.headers.empty(); });
    sort_by_distance(others, kernel);
    if (good_.empty()) keep_one_of_each_line(others, kernel);
    if (others.size() > k_max_others) others.resize(k_max_others);
    return others;
  }

  // Of the failed kernel's own line none: another flavour has the same headers.
  static void keep_one_of_each_line(std::vector<Kernel>& kernels, const Kernel& failed) {
    std::set<int> lines = {KernelLine::of(failed.release).ordinal()};
    std::erase_if(kernels, [&](const Kernel& one) {
      return !lines.insert(KernelLine::of(one.release).ordinal()).second;
    });
  }

  const std::vector<Kernel>& fetched() {
    if (fetched_) return *fetched_;
    NoProgress quiet;
    const KernelStore store(options_.cache, Network::forbidden, quiet);
    fetched_ = store.fetched().value_or(std::vector<Kernel>());
    std::erase_if(*fetched_, [this](const Kernel& one) { return tried_.contains(one.release); });
    return *fetched_;
  }

  void explain(const BuildOn& one) {
    const auto build = failed_build(*one.failure, project_);
    const HeaderTree here(one.kernel, deadline_);
    if (here.empty()) return;
    const auto mine = use_lock(one.kernel);
    const auto others = others_for(one.kernel);
    const auto known = good_.empty() ? OtherKernel::unknown : OtherKernel::builds;
    for (const auto& other : others) {
      const auto theirs = use_lock(other);
      auto change = find_api_change(build, here, HeaderTree(other, deadline_), known);
      if (!change) continue;
      say_the_same(*change, ApiSides::of(one.kernel.release, other.release).here_is_newer);
      one.failure->api_change = std::move(change);
      return;
    }
    if (!others.empty()) return;
    auto change = find_declaration(build, here);
    if (!change) return;
    change->advice = advice_for(one.kernel, change->name);
    one.failure->api_change = std::move(change);
  }

  // A failure nearer to the kernel that it builds for, of the same cause, has the better words.
  void say_the_same(ApiChange& change, bool newer) {
    const auto text_of = [](const std::optional<Declaration>& one) {
      return one ? one->text : std::string();
    };
    for (const auto& before : found_) {
      if (before.newer != newer || before.change.name != change.name ||
          text_of(before.change.here) != text_of(change.here) ||
          text_of(before.change.there) != text_of(change.there))
        continue;
      change.summary = before.change.summary;
      return;
    }
    found_.push_back({change, newer});
  }

  std::string advice_for(const Kernel& kernel, const std::string& name) {
    const auto line = line_to_compare_with(known(), kernel.release);
    return fmt::format("add --kernel{} to see what the headers of another kernel say of {}",
                       line.empty() ? "" : " " + line, name);
  }

  // What Debian is known to have, and what is fetched.
  const std::vector<KernelEntry>& known() {
    if (known_) return *known_;
    NoProgress quiet;
    KernelStore store(options_.cache, Network::forbidden, quiet);
    known_ = store.list().value_or(std::vector<KernelEntry>());
    return *known_;
  }

  struct Explained {
    ApiChange change;
    bool newer = false;  // the failed kernel, than the other
  };

  const Project& project_;
  const LabOptions& options_;
  const Deadline deadline_ = Deadline::after(k_limit);
  std::set<std::string> tried_;
  std::vector<Kernel> good_;
  std::vector<BuildOn> failed_;
  std::optional<std::vector<Kernel>> fetched_;
  std::optional<std::vector<KernelEntry>> known_;
  std::vector<Explained> found_;
};

}  // namespace

void explain_report(Report& report, const std::map<std::string, Kernel>& kernels,
                    const Project& project, const LabOptions& options) {
  std::vector<BuildOn> builds;
  for (auto& run : report.runs) {
    const auto kernel = kernels.find(run.selector);
    if (kernel == kernels.end()) continue;
    if (run.failure) run.failure->api_change.reset();
    if (!run.modules.empty())
      builds.push_back({kernel->second});
    else if (run.failure)
      builds.push_back({kernel->second, &*run.failure});
  }
  explain_builds(builds, project, options);
}

std::string line_to_compare_with(std::span<const KernelEntry> known, std::string_view release) {
  const auto own = KernelLine::of(release).ordinal();
  std::string_view nearest;
  std::pair<int, bool> least;
  for (const auto& entry : known) {
    const auto away = std::abs(KernelLine::of(entry.release).ordinal() - own);
    // What is fetched and has not been compared cannot be.
    if (away == 0 || entry.fetched || !entry.has_headers) continue;
    const std::pair rank(away, flavour(entry.release) != flavour(release));
    if (!nearest.empty() && rank >= least) continue;
    nearest = entry.release;
    least = rank;
  }
  return nearest.empty() ? "" : line_of_release(nearest);
}

void explain_builds(std::span<const BuildOn> builds, const Project& project,
                    const LabOptions& options) {
  Explainer(builds, project, options).run();
}

}  // namespace kobox
