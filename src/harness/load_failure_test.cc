// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/load_failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

AgentClient::KernelAnswer error(int number, std::string text) {
  return {.error_number = number, .error = std::move(text)};
}

std::optional<LoadFailure> failure(const AgentClient::KernelAnswer& answer,
                                   std::vector<std::string> said) {
  return load_failure({.answer = answer, .said = std::move(said), .limit = std::chrono::seconds(7)},
                      {.name = "mod", .ko = "/nonexistent.ko", .parameters = {"food", "size"}},
                      {.release = "6.1"});
}

std::string refusal(int number, const std::string& said) {
  const auto found = failure(error(number, "words"), {"mod: loading out-of-tree module", said});
  if (!found) return "none";
  EXPECT_EQ(found->failure.kind, FailureKind::load);
  EXPECT_EQ(found->init_error, 0) << "it is the kernel's refusal";
  return found->failure.message;
}

TEST(LoadFailure, AModuleThatIsLoadedHasNone) { EXPECT_FALSE(failure({}, {"mod: hello"})); }

TEST(LoadFailure, AParameterThatTheModuleDoesNotHave) {
  const auto found = failure({}, {"mod: unknown parameter 'foo' ignored"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->failure.message,
            "mod has no parameter 'foo' (did you mean 'food'?); it has food, size");
  EXPECT_FALSE(failure({}, {"other_mod: unknown parameter 'foo' ignored"}));
}

TEST(LoadFailure, TheKernelsOwnWordsTellWhyItRefused) {
  EXPECT_THAT(refusal(ENOEXEC, "mod: version magic '6.2 SMP' should be '6.1 SMP'"),
              HasSubstr("built for another kernel"));
  EXPECT_THAT(refusal(ENOENT, "mod: Unknown symbol foo (err -2)"),
              AllOf(HasSubstr("symbol that neither"), HasSubstr("Unknown symbol foo")));
  EXPECT_THAT(refusal(EINVAL, "mod: `x' invalid for parameter `n'"),
              HasSubstr("a parameter has a bad value"));
  EXPECT_THAT(refusal(EKEYREJECTED, "Loading of unsigned module is rejected"),
              HasSubstr("not signed"));
  EXPECT_THAT(refusal(EPERM, "Lockdown: insmod: unsigned module loading is restricted"),
              HasSubstr("locked down"));
  EXPECT_THAT(refusal(ENOEXEC, ""), HasSubstr("no module for this kernel"));
}

TEST(LoadFailure, WhatInitPrintsIsNoRefusal) {
  const auto init_error = [](int number, const char* said) {
    return failure(error(number, "words"), {said})->init_error;
  };
  EXPECT_EQ(init_error(ENOENT, "other: Unknown symbol foo (err -2)"), ENOENT);
  EXPECT_EQ(init_error(ENOENT, "the config: Unknown symbol in line 3"), ENOENT);
  EXPECT_EQ(init_error(ENODEV, "mod: Unknown symbol in the firmware"), ENODEV);
  EXPECT_EQ(init_error(EIO, "mod: this is restricted, as in Lockdown: x"), EIO);
}

TEST(LoadFailure, AModuleIsLoadedAlreadyOnlyIfItIsThere) {
  LoadAttempt attempt{.answer = error(EEXIST, "File exists"), .said = {}, .limit = {}};
  EXPECT_EQ(load_failure(attempt, {.name = "mod"}, {})->init_error, EEXIST);
  attempt.is_loaded = true;
  const auto found = load_failure(attempt, {.name = "mod"}, {});
  EXPECT_EQ(found->init_error, 0);
  EXPECT_THAT(found->failure.message, HasSubstr("loaded already"));
}

TEST(LoadFailure, InitsOwnErrorIsNamedWithItsLastWords) {
  const auto found =
      failure(error(ENODEV, "No such device"), {"mod: no chip at 0x40",
                                                "mod: loading out-of-tree module taints "
                                                "kernel."});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->init_error, ENODEV);
  EXPECT_THAT(found->failure.message,
              AllOf(HasSubstr("the init of mod returned -ENODEV (No such device)"),
                    HasSubstr("mod: no chip at 0x40"), Not(HasSubstr("taints"))));
  EXPECT_TRUE(means_no_device(found->init_error));
  EXPECT_FALSE(means_no_device(EINVAL));
}

TEST(LoadFailure, TheOriginOfInitsErrorStandsBehindIt) {
  const LoadAttempt attempt{.answer = error(EBUSY, "busy"),
                            .said = {"mod: no"},
                            .limit = std::chrono::seconds(7),
                            .origin = "f() returned it, at m.c:12 in m_init"};
  EXPECT_EQ(load_failure(attempt, {.name = "mod"}, {})->failure.message,
            "the init of mod returned -EBUSY (busy): f() returned it, at m.c:12 in m_init; the "
            "last that was logged: mod: no");
}

TEST(LoadFailure, AFaultAndATimeoutAreNoErrorOfInits) {
  const auto killed = failure({.error_number = 0, .killed = true}, {});
  EXPECT_EQ(killed->failure.kind, FailureKind::load);
  const auto late = failure({.error_number = 0, .timed_out = true}, {});
  EXPECT_EQ(late->failure.kind, FailureKind::hang);
  EXPECT_THAT(late->failure.message, HasSubstr("did not return within 7.00 s"));
  EXPECT_EQ(killed->init_error + late->init_error, 0);
}

// "base" is of another directory or of the same, and "mod" needs it.
class JudgeLoad : public ::testing::Test {
 protected:
  LoadOutcome after(std::optional<LoadFailure> failed) const {
    return judge_load(std::move(failed), modules_, project_);
  }
  LoadOutcome init_error_of(const char* module, int number) const {
    return after(LoadFailure{.module = module,
                             .failure = {.kind = FailureKind::load, .message = "it said no"},
                             .init_error = number});
  }
  using Kind = LoadOutcome::Kind;
  std::vector<BuiltModule> modules_ = {{.name = "base", .source = "/m"},
                                       {.name = "mod", .source = "/m", .depends = {"base"}}};
  Project project_ = {.has_file = true};
};

TEST_F(JudgeLoad, ExpectLoadIsForTheModuleUnderTest) {
  project_.expect_load = ENODEV;
  EXPECT_EQ(init_error_of("mod", ENODEV).kind, Kind::refused);
  const auto needed = init_error_of("base", ENODEV);
  EXPECT_EQ(needed.kind, Kind::failed);
  EXPECT_EQ(needed.failure.message, "base, which mod needs, could not be loaded: it said no");
  modules_[1].depends.clear();
  EXPECT_EQ(init_error_of("base", ENODEV).kind, Kind::refused);
  modules_[0].source = "/other";
  EXPECT_EQ(init_error_of("base", ENODEV).kind, Kind::failed);
}

TEST_F(JudgeLoad, AnotherEndThanExpectLoadSaysWhatToDo) {
  project_.expect_load = ENODEV;
  EXPECT_THAT(after({}).failure.message,
              HasSubstr("expect_load is ENODEV; take that line out if it should load"));
  EXPECT_THAT(init_error_of("mod", EIO).failure.message,
              HasSubstr("expect_load is ENODEV: change it if EIO is right"));
  EXPECT_THAT(init_error_of("mod", 0).failure.message,
              HasSubstr("which only the module's init can return"));
}

TEST_F(JudgeLoad, OnlyTheModuleUnderTestMayLackItsDevice) {
  EXPECT_EQ(init_error_of("mod", ENODEV).kind, Kind::failed);
  project_.has_file = false;
  EXPECT_EQ(init_error_of("mod", ENODEV).kind, Kind::no_device);
  EXPECT_EQ(init_error_of("mod", EIO).kind, Kind::failed);
  EXPECT_EQ(init_error_of("base", ENODEV).kind, Kind::failed);
  EXPECT_EQ(after({}).kind, Kind::loaded);
}

TEST_F(JudgeLoad, WhatIsWantedToFindTheErrorsOriginComesWithAFailure) {
  const auto failed = init_error_of("mod", EIO);
  ASSERT_TRUE(failed.init_error);
  EXPECT_EQ(failed.init_error->module, "mod");
  EXPECT_EQ(failed.init_error->modules.size(), 2U);
  EXPECT_FALSE(init_error_of("mod", 0).init_error) << "the kernel refused it";
  project_.expect_load = EIO;
  EXPECT_FALSE(init_error_of("mod", EIO).init_error) << "it is expected";
}

}  // namespace
}  // namespace kobox
