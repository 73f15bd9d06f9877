// SPDX-License-Identifier: GPL-2.0-or-later
// Running the kobox binary as its users do, and judging it by what they see: exit code, standard
// output, standard error, the processes and files that it leaves.
//
// KOBOX_E2E_BINARY names another binary to test (an installed one, say), KOBOX_E2E_CACHE another
// XDG_CACHE_HOME with the kernels 5.10-cloud, 6.1-cloud, 6.1, 6.12-cloud and 7.3-cloud in it.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/child.h"
#include "base/deadline.h"
#include "base/files.h"

namespace kobox::e2e {

using namespace std::chrono_literals;

fs::path binary();
fs::path source_directory();  // kobox's own repository
fs::path shared_cache();      // an XDG_CACHE_HOME

inline constexpr const char* k_kernels[] = {"5.10-cloud", "6.1-cloud", "6.1", "6.12-cloud",
                                            "7.3-cloud"};

struct Invocation {
  std::vector<std::string> arguments;
  std::string input;  // standard input
  std::vector<std::pair<std::string, std::string>> environment;
  fs::path cwd = "/";
  std::vector<std::string> prefix;  // what runs kobox: {"setpriv", "--reuid=65534"}
};

// What a run came to. Print it with every expectation: << done.
struct Finished {
  std::string command;
  ExitStatus status;
  std::string output;
  std::string error;
  double seconds = 0;

  int code() const { return status.signal != 0 ? -status.signal : status.code; }
  // The object that --format json prints; null, and a failure of the test, if it printed something
  // else.
  nlohmann::json report() const;
};
std::ostream& operator<<(std::ostream& stream, const Finished& done);

// A kobox that runs. Its streams are files, so that it never waits for us. Killed by the
// destructor, and by the kernel if the test dies.
class Running {
 public:
  // The files stand in `directory`, which must be there as long as this is.
  Running(const Invocation& invocation, const fs::path& directory);

  pid_t pid() const { return child_.pid(); }
  bool ended() { return child_.poll().has_value(); }
  std::string error_so_far() const;
  // To kobox alone, not to its children.
  void signal(int number) const;
  // Fails the test, and kills it, if it takes longer.
  Finished wait(Duration limit = 240s);

 private:
  Finished finished(ExitStatus status) const;

  std::string command_;
  fs::path output_;
  fs::path error_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  Child child_;
};

// Polls until it holds; false if it does not within the limit.
bool holds_within(Duration limit, const std::function<bool()>& condition);

// Processes that have the text in their command line.
std::vector<pid_t> processes_with(std::string_view text);

// Children of a process whose program has this name.
std::vector<pid_t> children_of(pid_t parent, std::string_view program);

std::string slurp(const fs::path& file);  // "" if it is not there
void spit(const fs::path& file, std::string_view text);

// Relative path, size and time of change of everything below.
std::string listing(const fs::path& directory);

// Of a report: the failure of its only run, or of the run's first test that has one; else null.
nlohmann::json failure_of(const nlohmann::json& report);

// A report without what differs from run to run: how long its tests took, where their consoles are.
nlohmann::json without_times(nlohmann::json report);

}  // namespace kobox::e2e
