// SPDX-License-Identifier: GPL-2.0-or-later
#include "tool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace kobox::e2e {
namespace {

constexpr std::size_t k_shown = 6000;  // bytes of a stream in a test's output

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] != '\0' ? value : otherwise;
}

std::string shortened(const std::string& text) {
  if (text.size() <= k_shown) return text;
  const auto half = k_shown / 2;
  return fmt::format("{}\n[… {} bytes …]\n{}", text.substr(0, half), text.size() - k_shown,
                     text.substr(text.size() - half));
}

CommandLine command_line(const Invocation& invocation) {
  CommandLine command{
      .argv = invocation.prefix, .cwd = invocation.cwd, .environment = invocation.environment};
  command.argv.push_back(binary().string());
  command.argv.insert(command.argv.end(), invocation.arguments.begin(), invocation.arguments.end());
  return command;
}

// Files that no other run in the same directory has.
std::string unique_name() {
  static int number = 0;
  return fmt::format("run-{}", ++number);
}

Child spawn(const Invocation& invocation, const fs::path& output, const fs::path& error) {
  const fs::path input = output.string() + ".in";
  spit(input, invocation.input);
  const auto writable = [](const fs::path& path) {
    return Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  };
  const Fd in(::open(input.c_str(), O_RDONLY | O_CLOEXEC));
  const Fd out = writable(output);
  const Fd err = writable(error);
  auto child = Child::spawn(
      command_line(invocation),
      {.standard_input = in.get(), .standard_output = out.get(), .standard_error = err.get()});
  if (child) return std::move(*child);
  fmt::print(stderr, "{}\n", child.error().to_string());
  std::abort();  // there is nothing to test
}

}  // namespace

fs::path binary() { return from_environment("KOBOX_E2E_BINARY", KOBOX_BINARY); }
fs::path source_directory() { return KOBOX_SOURCE_DIR; }
fs::path shared_cache() { return from_environment("KOBOX_E2E_CACHE", KOBOX_TEST_CACHE); }

nlohmann::json Finished::report() const {
  auto value = nlohmann::json::parse(output, nullptr, /*allow_exceptions=*/false);
  if (value.is_object()) return value;
  ADD_FAILURE() << "standard output is no JSON object: " << *this;
  return {};
}

std::ostream& operator<<(std::ostream& stream, const Finished& done) {
  return stream << fmt::format(
             "\n$ {}\n--- {} after {:.1f} s; standard output:\n{}\n--- standard error:\n{}\n---\n",
             done.command, done.status.to_string(), done.seconds, shortened(done.output),
             shortened(done.error));
}

Running::Running(const Invocation& invocation, const fs::path& directory)
    : command_(command_line(invocation).to_string()),
      output_(directory / unique_name()),
      error_(output_.string() + ".err"),
      child_(spawn(invocation, output_, error_)) {}

std::string Running::error_so_far() const { return slurp(error_); }

void Running::signal(int number) const { ::kill(child_.pid(), number); }

Finished Running::wait(Duration limit) {
  const auto status = child_.wait(Deadline::after(limit));
  if (status) return finished(*status);
  child_.signal_group(SIGKILL);
  auto done = finished(child_.wait(Deadline::after(10s)).value_or(ExitStatus{.signal = SIGKILL}));
  ADD_FAILURE() << "it did not end within " << limit.count() / 1000 << " s: " << done;
  return done;
}

Finished Running::finished(ExitStatus status) const {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started_;
  return {.command = command_,
          .status = status,
          .output = slurp(output_),
          .error = slurp(error_),
          .seconds = took.count()};
}

bool holds_within(Duration limit, const std::function<bool()>& condition) {
  const auto deadline = Deadline::after(limit);
  while (!condition()) {
    if (deadline.passed()) return condition();
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

std::vector<pid_t> processes_with(std::string_view text) {
  std::vector<pid_t> found;
  std::error_code error;
  for (auto at = fs::directory_iterator("/proc", error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    const auto name = at->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    // Empty for a zombie: it has ended.
    if (slurp(at->path() / "cmdline").find(text) != std::string::npos)
      found.push_back(std::stoi(name));
  }
  return found;
}

std::vector<pid_t> children_of(pid_t parent, std::string_view program) {
  std::vector<pid_t> found;
  for (const auto pid : processes_with(program)) {
    // "PID (program) STATE PARENT …" (proc(5)).
    const auto stat = slurp(fmt::format("/proc/{}/stat", pid));
    const auto name = fmt::format("({}) ", program);
    const auto at = stat.find(name);
    if (at == std::string::npos) continue;
    const auto state = std::string_view(stat).substr(at + name.size());
    if (state.starts_with("Z") || !state.substr(1).starts_with(fmt::format(" {} ", parent)))
      continue;
    found.push_back(pid);
  }
  return found;
}

std::string slurp(const fs::path& file) {
  return read_file(file).value_or("");  // a process that ends while it is read throws elsewhere
}

void spit(const fs::path& file, std::string_view text) {
  fs::create_directories(file.parent_path());
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  ASSERT_TRUE(stream.flush()) << "cannot write " << file;
}

std::string listing(const fs::path& directory) {
  std::vector<std::string> lines;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    const auto name = entry.path().lexically_relative(directory).string();
    const auto when = entry.last_write_time().time_since_epoch().count();
    lines.push_back(
        fmt::format("{} {} {}\n", name, entry.is_regular_file() ? entry.file_size() : 0, when));
  }
  std::ranges::sort(lines);
  return fmt::format("{}", fmt::join(lines, ""));
}

nlohmann::json failure_of(const nlohmann::json& report) {
  if (!report.is_object() || report["runs"].size() != 1) return {};
  const auto& run = report["runs"][0];
  if (!run["failure"].is_null()) return run["failure"];
  for (const auto& test : run["tests"])
    if (!test["failure"].is_null()) return test["failure"];
  return {};
}

nlohmann::json without_times(nlohmann::json report) {
  for (auto& one : report["runs"]) {
    for (auto& test : one["tests"]) {
      test.erase("seconds");
      if (!test["failure"].is_null()) test["failure"].erase("console");
    }
  }
  return report;
}

}  // namespace kobox::e2e
