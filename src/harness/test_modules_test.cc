// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/test_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;

BuiltModule module(const std::string& name, const std::vector<std::string>& depends = {}) {
  return {.name = name, .ko = "/" + name + ".ko", .depends = depends};
}

class TestModulesTest : public ::testing::Test {
 protected:
  std::vector<std::string> names(const TestSpec& test) const {
    std::vector<std::string> found;
    for (const auto& one : modules_for(prepared_, &test)) found.push_back(one.name);
    return found;
  }

  static FileLock lock(const TempDir& directory) {
    return FileLock::acquire(directory.path(), LockMode::shared, Deadline::never()).value();
  }

  TempDir temp_ = TempDir::make(fs::temp_directory_path(), "kobox-modules-").value();
  Prepared prepared_{
      .kernel = {},
      .kernel_lock = lock(temp_),
      .cache_lock = lock(temp_),
      .modules = {module("core"), module("driver", {"core"})},
      .test_needs = {{"/peer", {module("bus"), module("peer")}},
                     {"/client",
                      {module("core"), module("driver", {"core"}), module("helper"),
                       module("client", {"helper", "driver"}), module("last", {"client"})}}}};
};

TEST_F(TestModulesTest, WithoutNeedsItIsTheProjectsModules) {
  EXPECT_THAT(names({}), ElementsAre("core", "driver"));
  EXPECT_THAT(names({.modules = {"core"}}), ElementsAre("core"));
  EXPECT_EQ(modules_for(prepared_, nullptr).size(), 2U);
}

TEST_F(TestModulesTest, WhatATestNeedsComesFirst) {
  EXPECT_THAT(names({.needs = {"/peer"}}), ElementsAre("bus", "peer", "core", "driver"));
}

TEST_F(TestModulesTest, WhatDependsOnTheProjectComesLast) {
  EXPECT_THAT(names({.needs = {"/client"}}),
              ElementsAre("helper", "core", "driver", "client", "last"));
  EXPECT_THAT(names({.needs = {"/client", "/peer"}}),
              ElementsAre("helper", "bus", "peer", "core", "driver", "client", "last"));
}

TEST_F(TestModulesTest, AnotherModuleOfTheSameNameIsLoadedToo) {
  auto twin = module("driver");
  twin.ko = "/other/driver.ko";
  prepared_.test_needs.push_back({"/twin", {twin}});
  EXPECT_THAT(names({.needs = {"/twin"}}), ElementsAre("driver", "core", "driver"))
      << "which the kernel refuses, and says why";
}

TEST_F(TestModulesTest, AllAreThereOnceAndTheProjectsAreTheLast) {
  std::vector<std::string> found;
  for (const auto& one : all_modules(prepared_.modules, prepared_.test_needs))
    found.push_back(one.name);
  EXPECT_THAT(found, ElementsAre("bus", "peer", "helper", "client", "last", "core", "driver"));
}

}  // namespace
}  // namespace kobox
