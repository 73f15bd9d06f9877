// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/merge.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/text.h"
#include "report/guest_text.h"

namespace kobox {
namespace {

std::string in_words(Shard shard) {
  return shard.count == 1 ? "a whole run" : fmt::format("shard {}/{}", shard.index, shard.count);
}

// Where nothing was built, the module's name is only a guess by the directory's.
bool knows_module(const Report& report) {
  return std::ranges::any_of(report.runs, [](const RunResult& run) { return !run.tests.empty(); });
}

Result<> check_belongs(const NamedReport& first, const NamedReport& other) {
  const auto& a = first.report;
  const auto& b = other.report;
  const auto differs = [&](const std::string& how) {
    return fail(ErrorKind::usage, "{} does not belong to {}: {}", other.name, first.name, how);
  };
  if (a.module != b.module && knows_module(a) && knows_module(b))
    return differs(
        fmt::format("it is of the module {}, not {}", in_quotes(b.module), in_quotes(a.module)));
  if (a.project != b.project) return differs("it is of another kobox.toml");
  if (a.shard.count != b.shard.count)
    return differs(fmt::format(
        "it is {}, not one of {}", in_words(b.shard),
        a.shard.count == 1 ? "several whole runs" : fmt::format("{} shards", a.shard.count)));
  if (a.shard.count == 1) return {};
  if (a.selectors != b.selectors) return differs("it was made for other kernels");
  if (a.tests != b.tests) return differs("it was made for other tests");
  return {};
}

Result<> check_all_belong(const std::vector<NamedReport>& parts) {
  std::map<int, const NamedReport*> shards;
  for (const auto& part : parts) {
    KOBOX_CHECK(check_belongs(parts.front(), part));
    if (part.report.shard.count == 1) continue;
    const auto [at, fresh] = shards.try_emplace(part.report.shard.index, &part);
    if (!fresh)
      return fail(ErrorKind::usage, "{} and {} are both {}", at->second->name, part.name,
                  in_words(part.report.shard));
  }
  return {};
}

void append_new(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const auto& one : more)
    if (std::ranges::find(list, one) == list.end()) list.push_back(one);
}

class Merge {
 public:
  Result<> add(const NamedReport& part) {
    append_new(whole_.selectors, part.report.selectors);
    append_new(whole_.tests, part.report.tests);
    whole_.interrupted = whole_.interrupted || part.report.interrupted;
    if (whole_.module.empty() || (!knows_module(whole_) && knows_module(part.report)))
      whole_.module = part.report.module;
    whole_.project = part.report.project;
    for (const auto& run : part.report.runs) KOBOX_CHECK(add_run(part, run));
    return {};
  }

  // What the lost shards had to test, each with the shard's reason; those of all that may have had
  // it where that is not known. A pair that none of them can have had stays missing.
  void add_lost(const LostShards& lost, int shards) {
    for_each_missing([&](const std::string& selector, const std::string& test) {
      std::vector<std::string> reasons;
      for (const auto& [shard, one] : lost) {
        if (one.pairs.empty() || one.pairs.contains({selector, test}))
          reasons.push_back(fmt::format("shard {}/{}: {}", shard, shards, one.why));
      }
      if (reasons.empty()) return true;
      run_of(selector).tests.push_back(judged_test(
          test, Failure{.kind = FailureKind::environment, .message = join(reasons, "; ")}));
      return true;
    });
  }

  // The first pair that no part has.
  std::optional<std::pair<std::string, std::string>> missing_pair() {
    std::optional<std::pair<std::string, std::string>> found;
    for_each_missing([&](const std::string& selector, const std::string& test) {
      found = {selector, test};
      return false;
    });
    return found;
  }

  Report finish() {
    const auto place_in = [](const std::vector<std::string>& list, const std::string& one) {
      return std::ranges::find(list, one) - list.begin();
    };
    std::ranges::stable_sort(whole_.runs, {}, [&](const RunResult& run) {
      return place_in(whole_.selectors, run.selector);
    });
    for (auto& run : whole_.runs) {
      std::ranges::stable_sort(
          run.tests, {}, [&](const TestResult& test) { return place_in(whole_.tests, test.name); });
      settle(run);
    }
    settle(whole_);
    name_tests(whole_);
    return std::move(whole_);
  }

 private:
  Result<> add_run(const NamedReport& part, const RunResult& run) {
    const auto key = std::pair(run.selector, run.kernel);
    const auto known = std::ranges::find_if(whole_.runs, [&](const RunResult& other) {
      return std::pair(other.selector, other.kernel) == key;
    });
    auto& origin = origin_[key];
    if (known == whole_.runs.end()) {
      whole_.runs.push_back(run);
    } else if (part.report.shard.count == 1) {
      return fail(ErrorKind::usage, "{} and {} both have results of kernel {}", origin, part.name,
                  in_quotes(run.kernel));
    } else {
      KOBOX_CHECK(join_runs(*known, run, part.name, origin));
    }
    origin = part.name;
    return {};
  }

  static Result<> join_runs(RunResult& whole, const RunResult& more, const std::string& name,
                            const std::string& other) {
    std::set<std::string> names;
    for (const auto& test : whole.tests) names.insert(test.name);
    for (const auto& test : more.tests) {
      if (!names.insert(test.name).second)
        return fail(ErrorKind::usage,
                    "{} has the test {} on kernel {}, which {} or one before it has too: were "
                    "they made with different --times?",
                    name, in_quotes(test.name), in_quotes(more.kernel), other);
      whole.tests.push_back(test);
    }
    if (more.failure && (!whole.failure || more_telling(more.failure->kind, whole.failure->kind)))
      whole.failure = more.failure;
    if (whole.modules.empty()) whole.modules = more.modules;
    if (whole.accel.empty()) {
      whole.accel = more.accel;
      whole.accel_reason = more.accel_reason;
    }
    return {};
  }

  RunResult& run_of(const std::string& selector) {
    const auto known = std::ranges::find(whole_.runs, selector, &RunResult::selector);
    if (known != whole_.runs.end()) return *known;
    const auto arch = whole_.runs.empty() ? "" : whole_.runs.front().arch;
    whole_.runs.push_back({.kernel = selector, .arch = arch, .selector = selector});
    return whole_.runs.back();
  }

  // A run that failed outside its tests has none, or not all.
  void for_each_missing(
      const std::function<bool(const std::string& selector, const std::string& test)>& tell) {
    for (const auto& selector : whole_.selectors) {
      std::set<std::string> known;
      bool failed = false;
      for (const auto& run : whole_.runs) {
        if (run.selector != selector) continue;
        failed = failed || run.failure;
        for (const auto& test : run.tests) known.insert(test.name);
      }
      // Without a kobox.toml a kernel's tests follow from what is built for it, and one shard has
      // them all.
      if (failed || (whole_.project.empty() && !known.empty())) continue;
      for (const auto& test : whole_.tests)
        if (!known.contains(test) && !tell(selector, test)) return;
    }
  }

  Report whole_;
  std::map<std::pair<std::string, std::string>, std::string> origin_;  // the last file of a run
};

}  // namespace

std::vector<int> missing_shards(const std::vector<NamedReport>& parts) {
  std::vector<int> missing;
  if (parts.empty() || parts.front().report.shard.count == 1) return missing;
  std::set<int> present;
  for (const auto& part : parts) present.insert(part.report.shard.index);
  for (int i = 1; i <= parts.front().report.shard.count; ++i)
    if (!present.contains(i)) missing.push_back(i);
  return missing;
}

Result<Report> merge_reports(const std::vector<NamedReport>& parts, const LostShards& lost) {
  if (parts.empty()) return fail(ErrorKind::usage, "there is no report to merge");
  KOBOX_CHECK(check_all_belong(parts));
  const auto count = parts.front().report.shard.count;
  for (const int shard : missing_shards(parts)) {
    if (lost.contains(shard)) continue;
    return fail(ErrorKind::usage, "none of the reports is of shard {}/{}", shard, count);
  }
  Merge merge;
  for (const auto& part : parts) KOBOX_CHECK(merge.add(part));
  if (!lost.empty()) merge.add_lost(lost, count);
  if (const auto pair = merge.missing_pair(); pair && count > 1)
    return fail(ErrorKind::usage,
                "no shard has the test {} on kernel {}: were they made with different --times?",
                in_quotes(pair->second), in_quotes(pair->first));
  return merge.finish();
}

}  // namespace kobox
