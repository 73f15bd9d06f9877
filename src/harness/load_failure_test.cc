// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/load_failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

AgentClient::KernelAnswer error(int number, std::string text) {
  return {.error_number = number, .error = std::move(text)};
}

std::optional<LoadFailure> failure(const AgentClient::KernelAnswer& answer,
                                   const std::vector<std::string>& said) {
  return load_failure(answer, {.name = "mod", .ko = "/nonexistent.ko"}, {.release = "6.1"}, said);
}

std::string refusal(int number, const std::string& said) {
  const auto found = failure(error(number, "words"), {"mod: loading out-of-tree module", said});
  if (!found) return "none";
  EXPECT_EQ(found->failure.kind, FailureKind::load);
  EXPECT_EQ(found->init_error, 0) << "it is the kernel's refusal";
  return found->failure.message;
}

TEST(LoadFailure, WhatIsLoadedIsNone) { EXPECT_FALSE(failure({}, {"mod: hello"})); }

TEST(LoadFailure, AnUnknownParameterIsOneThoughTheKernelLoadsTheModule) {
  const auto found = failure({}, {"mod: unknown parameter 'foo' ignored"});
  ASSERT_TRUE(found);
  EXPECT_THAT(found->failure.message, HasSubstr("no such parameter"));
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
  EXPECT_THAT(refusal(EEXIST, ""), HasSubstr("loaded already"));
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

TEST(LoadFailure, AFaultAndATimeoutAreNoErrorOfInits) {
  const auto killed = failure({.error_number = 0, .killed = true}, {});
  EXPECT_EQ(killed->failure.kind, FailureKind::load);
  const auto late = failure({.error_number = 0, .timed_out = true}, {});
  EXPECT_EQ(late->failure.kind, FailureKind::hang);
  EXPECT_EQ(killed->init_error + late->init_error, 0);
}

}  // namespace
}  // namespace kobox
