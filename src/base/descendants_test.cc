// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/descendants.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>

#include "base/child.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// A shell with `script`, once it has written a line, which goes into `said`.
Child started(const std::string& script, std::string* said = nullptr) {
  auto pipe = make_pipe().value();
  auto child = Child::spawn({.argv = {"sh", "-c", script}},
                            {.standard_output = pipe.second.get(), .standard_error = 2})
                   .value();
  pipe.second.reset();
  std::array<char, 16> line = {};
  EXPECT_GT(::read(pipe.first.get(), line.data(), line.size() - 1), 0);
  if (said != nullptr) *said = line.data();
  return child;
}

TEST(CountProcessesOf, CountsOneCommandAndNotItsNeighbours) {
  const auto many = started("sleep 100 & sleep 100 & sleep 100 & echo x; wait");
  const auto one = started("echo x; exec sleep 100");
  EXPECT_EQ(count_processes_of(many.pid()), 4U);
  EXPECT_EQ(count_processes_of(one.pid()), 1U);
}

TEST(CountProcessesOf, CountsWhatHasLostItsParentOrLeftTheGroup) {
  const auto orphans = started("(sleep 100 &); echo x; wait; exec sleep 100");
  EXPECT_EQ(count_processes_of(orphans.pid()), 2U);
  std::string pid;
  const auto away = started("setsid sh -c 'echo $$; exec sleep 100' & wait", &pid);
  EXPECT_EQ(count_processes_of(away.pid()), 2U);
  ::kill(std::stoi(pid), SIGKILL);
}

TEST(CountProcessesOf, WhatHasEndedHasNone) {
  auto child = started("echo x");
  EXPECT_TRUE(child.wait(Deadline::after(20s)));
  EXPECT_EQ(count_processes_of(child.pid()), 0U);
}

}  // namespace
}  // namespace kobox
