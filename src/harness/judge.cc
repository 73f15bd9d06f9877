// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/judge.h"

#include <cstring>

#include "base/regex.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr std::size_t k_shown = 400;  // bytes of output in a message

// As a reader would want to see it in a sentence: quoted, escaped, not too long.
std::string in_quotes(std::string_view text) {
  std::string escaped;
  for (const char c : printable(text.substr(0, k_shown))) {
    if (c == '\n')
      escaped += "\\n";
    else if (c == '"')
      escaped += "\\\"";
    else
      escaped += c;
  }
  return fmt::format("\"{}\"{}", escaped, text.size() > k_shown ? "…" : "");
}

Failure assertion(std::string message) {
  return {.kind = FailureKind::assertion, .message = std::move(message)};
}

std::optional<Failure> judge_status(const TestSpec& test, const AgentClient::RunReply& reply) {
  if (reply.signal == 0 && reply.status == test.status) return std::nullopt;
  const auto ended = reply.signal != 0 ? fmt::format("was killed by signal {} ({})", reply.signal,
                                                     ::strsignal(reply.signal))
                                       : fmt::format("ended with status {}", reply.status);
  auto failure = assertion(fmt::format("the command {}, expected status {}", ended, test.status));
  const auto said = trim(reply.standard_error);
  if (!said.empty()) failure.message += fmt::format("; it said {}", in_quotes(said));
  return failure;
}

std::optional<Failure> judge_stream(const char* name, const std::optional<TextMatcher>& expected,
                                    const std::string& text, std::uint64_t dropped) {
  if (!expected || (dropped == 0 && matches(*expected, text))) return std::nullopt;
  // What was cut off could still decide an exact or negative match, so only a positive find counts.
  if (dropped > 0 && expected->kind != TextMatcher::Kind::exact && matches(*expected, text))
    return std::nullopt;
  auto failure = assertion(fmt::format("{}: expected {}, got {}", name, describe(*expected),
                                       text.empty() ? "nothing" : in_quotes(text)));
  if (dropped > 0)
    failure.message += fmt::format(" and {} more, which were dropped", format_bytes(dropped));
  return failure;
}

// What is to be said of a line that was looked for and not found where not all was seen.
std::string doubt(const LogPart& log) {
  return log.lost == 0
             ? ""
             : fmt::format("; but {}, and it may have been among them", describe_lost(log.lost));
}

// The expected lines, in their order.
std::optional<Failure> judge_expected(const TestSpec& test, const LogPart& log) {
  const auto& lines = log.lines;
  std::size_t at = 0;
  for (const auto& expected : test.kernel_log) {
    const auto start = at;
    while (at < lines.size() && !matches(expected, lines[at])) ++at;
    if (at == lines.size()) {
      bool elsewhere = false;
      for (std::size_t i = 0; i < start; ++i) elsewhere = elsewhere || matches(expected, lines[i]);
      return assertion(fmt::format("the kernel log has no line with {}{}{}", describe(expected),
                                   elsewhere ? " after the ones expected before it" : "",
                                   doubt(log)));
    }
    ++at;
  }
  return std::nullopt;
}

std::optional<Failure> judge_forbidden(const TestSpec& test, const LogPart& log) {
  for (const auto& forbidden : test.no_kernel_log)
    for (const auto& line : log.lines)
      if (matches(forbidden, line))
        return assertion(
            fmt::format("the kernel log has a line with {}, which must not be there: {}",
                        describe(forbidden), in_quotes(line)));
  if (log.lost == 0 || test.no_kernel_log.empty()) return std::nullopt;
  return assertion(
      fmt::format("the kernel log has a gap of {} record{}, lost before they were read: a line "
                  "with {} may have "
                  "been among them",
                  log.lost, log.lost == 1 ? "" : "s", describe(test.no_kernel_log.front())));
}

}  // namespace

bool matches(const TextMatcher& matcher, std::string_view text) {
  switch (matcher.kind) {
    case TextMatcher::Kind::exact:
      return text == matcher.text;
    case TextMatcher::Kind::contains:
      return text.find(matcher.text) != std::string_view::npos;
    case TextMatcher::Kind::matches:
      break;
  }
  const auto regex = Regex::compile(matcher.text);  // checked when kobox.toml was read
  return regex && regex->search(text);
}

std::string describe(const TextMatcher& matcher) {
  switch (matcher.kind) {
    case TextMatcher::Kind::exact:
      return "exactly " + in_quotes(matcher.text);
    case TextMatcher::Kind::contains:
      return in_quotes(matcher.text) + " in it";
    case TextMatcher::Kind::matches:
      break;
  }
  return fmt::format("a match of /{}/", printable(matcher.text));
}

std::optional<Failure> judge(const TestSpec& test, const AgentClient::RunReply& reply,
                             const LogPart& log, Duration limit) {
  if (reply.timed_out) {
    return Failure{
        .kind = FailureKind::hang,
        .message = fmt::format("the command did not end within {}{}", format_duration(limit),
                               reply.stuck ? "; it is stuck in the kernel, not even "
                                             "SIGKILL ends it"
                                           : "")};
  }
  if (auto failure = judge_status(test, reply)) return failure;
  if (auto failure = judge_stream("standard output", test.standard_output, reply.standard_output,
                                  reply.dropped_output))
    return failure;
  if (auto failure = judge_stream("standard error", test.standard_error, reply.standard_error,
                                  reply.dropped_error))
    return failure;
  if (auto failure = judge_expected(test, log)) return failure;
  return judge_forbidden(test, log);
}

}  // namespace kobox
