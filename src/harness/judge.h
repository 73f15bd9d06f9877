// SPDX-License-Identifier: GPL-2.0-or-later
// Did a test's command do what kobox.toml expects? Pure: values in, a Failure or nothing out.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "guest/agent_client.h"
#include "project/project.h"
#include "verdict/verdict.h"

namespace kobox {

// kernel_log: the text of each line in the test's part of the log, in order.
// The first expectation that is not met, as FailureKind::assertion; a command that was stopped at
// its time limit is a FailureKind::hang.
std::optional<Failure> judge(const TestSpec& test, const AgentClient::RunReply& reply,
                             std::span<const std::string> kernel_log, Duration limit);

bool matches(const TextMatcher& matcher, std::string_view text);
// "exactly \"x\"", "text that contains \"x\"", "a match of /x/"
std::string describe(const TextMatcher& matcher);

}  // namespace kobox
