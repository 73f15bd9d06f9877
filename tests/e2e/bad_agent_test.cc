// SPDX-License-Identifier: GPL-2.0-or-later
// A guest that does not play along: an agent of our own instead of kobox's, which sends garbage,
// half a frame, a frame that is too long, another protocol, or nothing. kobox says so in time, and
// believes nothing.
#include <fmt/format.h>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

struct BadAgent {
  const char* name;
  const char* mode;  // what tests/e2e/agents/bad_agent.c is told
  const char* kind;
  const char* message;  // a regular expression
};

void PrintTo(const BadAgent& one, std::ostream* stream) { *stream << one.name; }

class BadAgentTest : public KoboxTest, public ::testing::WithParamInterface<BadAgent> {
 protected:
  // Static, so that it can be PID 1 of the guest. 6.12-cloud has its virtio drivers built in.
  fs::path compile(const std::string& mode) {
    const auto agent = directory_ / "bad-agent";
    const auto source = source_directory() / "tests/e2e/agents/bad_agent.c";
    const auto made = run_command({.argv = {"gcc", "-static", "-O1", "-Wall", "-DMODE=" + mode,
                                            "-o", agent.string(), source.string()}});
    EXPECT_TRUE(made && made->status.success()) << (made ? made->error : made.error().to_string());
    return agent;
  }
};

TEST_P(BadAgentTest, IsNotBelieved) {
  const auto place =
      project("[limits]\nboot = \"15s\"\n", "[[test]]\nname = \"a\"\nrun = \"true\"\n");
  // Its initramfs is not for the shared cache.
  cache_ = directory_ / "cache";
  fs::create_directories(cache_ / "kobox");
  for (const auto* name : {"kernels", "roots", "builds"})
    fs::create_directory_symlink(shared_cache() / "kobox" / name, cache_ / "kobox" / name);
  auto one = invocation(test_arguments(place, {"--kernel", "6.12-cloud", "--offline"}));
  one.environment.emplace_back("KOBOX_AGENT", compile(GetParam().mode).string());
  const auto done = run(one);
  // A guest that has spoken may have been lost by the module's fault.
  const bool boots = GetParam().kind == std::string("boot");
  EXPECT_EQ(done.code(), boots ? 4 : 1) << done;
  EXPECT_LT(done.seconds, 100.0) << done;
  EXPECT_THAT(machines(), IsEmpty());
  const auto report = done.report();
  ASSERT_TRUE(report.is_object()) << "an error of one machine is still a report";
  EXPECT_EQ(report["verdict"], boots ? "error" : "fail") << done;
  const auto failure = failure_of(report);
  ASSERT_TRUE(failure.is_object()) << done;
  EXPECT_EQ(failure["kind"], GetParam().kind) << done;
  EXPECT_THAT(failure["message"].get<std::string>(), ContainsRegex(GetParam().message)) << done;
  EXPECT_TRUE(fs::exists(failure["console"].get<std::string>())) << done;
}

constexpr const char* k_impossible = "the guest's agent sent a frame of an impossible length";
constexpr const char* k_no_agent =
    "did not reach kobox's agent within its boot limit of 15 s; CPU 0 is (halted )?in "
    "[.a-z_0-9]+\\+0x";

const BadAgent k_agents[] = {
    {"Silent", "SILENT", "boot", k_no_agent},
    {"EndsAtOnce", "ENDS", "boot", "the machine ended while it booted"},
    {"PowersOff", "POWERS_OFF", "boot", "powered the machine off"},
    {"Rubbish", "RUBBISH", "boot", k_impossible},
    {"TooLongFrame", "TOO_LONG", "boot", k_impossible},
    {"EmptyFrame", "EMPTY_FRAME", "boot", k_impossible},
    {"TruncatedFrame", "TRUNCATED", "boot", k_no_agent},
    {"OtherProtocol", "OTHER_PROTOCOL", "boot", "speaks protocol 7, kobox speaks 1"},
    {"NotCbor", "NOT_CBOR", "boot", "sent a frame that is not CBOR"},
    {"RubbishAfterHello", "RUBBISH_LATER", "lost", k_impossible},
    {"SilentAfterHello", "SILENT_LATER", "lost", "did not answer"},
    {"EndlessAfterHello", "ENDLESS", "lost", "did not answer"},
};

INSTANTIATE_TEST_SUITE_P(Agents, BadAgentTest, ::testing::ValuesIn(k_agents),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace kobox::e2e
