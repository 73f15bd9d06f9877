// SPDX-License-Identifier: GPL-2.0-or-later
// Errors as values: what went wrong, of which kind, and while doing what.
//
// A Result must be looked at ([[nodiscard]]). A failed test is never an Error: it is a
// TestResult. Nothing of ours throws; what a library throws is caught where it is called.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace kobox {

// The kind decides the exit code, in one place (src/cli/exit_code.h).
enum class ErrorKind {
  usage,        // the command line or kobox.toml is wrong
  environment,  // the host is at fault: no QEMU, no space, no network
  tool,         // a program that was run failed in a way that is not the user's module's fault
  timeout,      // a deadline passed
  protocol,     // a peer (QEMU, the agent) said something that it must not
  interrupted,  // the user stopped kobox
  internal,     // a defect of kobox
};

class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const { return kind_; }
  // The sentence for the user: what, where, and what to do.
  const std::string& message() const { return message_; }

  // Adds what was being done; the outermost action is printed first.
  Error while_doing(std::string action) && {
    contexts_.push_back(std::move(action));
    return std::move(*this);
  }

  // "fetching 6.1-cloud: unpacking x.deb: no space left on device"
  std::string to_string() const {
    std::string text;
    for (auto it = contexts_.rbegin(); it != contexts_.rend(); ++it) text += *it + ": ";
    return text + message_;
  }

 private:
  ErrorKind kind_;
  std::string message_;
  std::vector<std::string> contexts_;
};

template <class T = void>
using Result = std::expected<T, Error>;

// return fail(ErrorKind::usage, "unknown kernel '{}'", name);
template <class... Args>
std::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error(kind, fmt::format(format, std::forward<Args>(args)...)));
}

// The same for a failed system call: adds what errno says. Call it before errno can change.
template <class... Args>
std::unexpected<Error> fail_errno(fmt::format_string<Args...> format, Args&&... args) {
  const int saved = errno;
  return std::unexpected(
      Error(ErrorKind::environment,
            fmt::format("{}: {}", fmt::format(format, std::forward<Args>(args)...),
                        std::strerror(saved))));
}

}  // namespace kobox

#define KOBOX_CONCAT_(a, b) a##b
#define KOBOX_CONCAT(a, b) KOBOX_CONCAT_(a, b)

// KOBOX_TRY(auto text, read_file(path)); declares text, or returns the error to the caller.
#define KOBOX_TRY(declaration, ...) \
  KOBOX_TRY_(KOBOX_CONCAT(kobox_try_, __LINE__), declaration, __VA_ARGS__)
#define KOBOX_TRY_(result, declaration, ...)                                  \
  auto result = (__VA_ARGS__);                                                \
  if (!result.has_value()) return std::unexpected(std::move(result).error()); \
  declaration = std::move(*result)

// KOBOX_CHECK(write_file(path, text)); returns the error to the caller; the value, if any, is
// dropped.
#define KOBOX_CHECK(...)                                                                    \
  do {                                                                                      \
    auto kobox_check_ = (__VA_ARGS__);                                                      \
    if (!kobox_check_.has_value()) return std::unexpected(std::move(kobox_check_).error()); \
  } while (false)

// As KOBOX_TRY and KOBOX_CHECK, with what was being done added: KOBOX_CHECK_WHILE("unpacking x",
// f());
#define KOBOX_TRY_WHILE(action, declaration, ...) \
  KOBOX_TRY_WHILE_(KOBOX_CONCAT(kobox_try_, __LINE__), action, declaration, __VA_ARGS__)
#define KOBOX_TRY_WHILE_(result, action, declaration, ...)                                        \
  auto result = (__VA_ARGS__);                                                                    \
  if (!result.has_value()) return std::unexpected(std::move(result).error().while_doing(action)); \
  declaration = std::move(*result)
#define KOBOX_CHECK_WHILE(action, ...)                                             \
  do {                                                                             \
    auto kobox_check_ = (__VA_ARGS__);                                             \
    if (!kobox_check_.has_value())                                                 \
      return std::unexpected(std::move(kobox_check_).error().while_doing(action)); \
  } while (false)
