// SPDX-License-Identifier: GPL-2.0-or-later
// Did a test's command do what kobox.toml expects? Pure: values in, a Failure or nothing out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "guest/agent_client.h"
#include "harness/log_part.h"
#include "project/project.h"
#include "verdict/verdict.h"

namespace kobox {

// Where records of the log were lost, a line that must not be there may have been among them: that
// it was not found is no pass, but a failure that says so.
// The first expectation that is not met, as FailureKind::assertion; a command that was stopped at
// its time limit is a FailureKind::hang.
std::optional<Failure> judge(const TestSpec& test, const AgentClient::RunReply& reply,
                             const LogPart& log, Duration limit);

bool matches(const TextMatcher& matcher, std::string_view text);
// "exactly \"x\"", "text that contains \"x\"", "a match of /x/"
std::string describe(const TextMatcher& matcher);

}  // namespace kobox
