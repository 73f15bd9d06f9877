// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/budget.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

constexpr std::uint64_t k_gigabyte = std::uint64_t{1} << 30;
constexpr std::uint64_t k_machine = std::uint64_t{256} << 20;
constexpr HostRoom k_large = {.cores = 8, .memory = 64 * k_gigabyte, .descriptors = 100'000};

TEST(Budget, ACoreEachAndSomeThatSettle) {
  const auto budget = share_out(k_large, 0, 1, k_machine);
  EXPECT_EQ(budget.jobs, 8);
  EXPECT_EQ(budget.machines, 12);
  EXPECT_TRUE(budget.load_once);
  EXPECT_TRUE(budget.fits_wanted);
}

TEST(Budget, JobsAsAskedForWhereTheyFit) {
  const auto budget = share_out(k_large, 20, 3, k_machine);
  EXPECT_EQ(budget.jobs, 20);
  EXPECT_EQ(budget.machines, 24);
}

// All that lives at once fits: machines, those that settle, and a saved one for each kernel.
TEST(Budget, EverythingThatLivesFitsTheMemory) {
  for (const int jobs : {0, 1, 2, 8, 256})
    for (const std::size_t kernels : {1, 3, 40})
      for (const std::uint64_t memory : {1, 2, 4, 16}) {
        const HostRoom room = {.cores = 8, .memory = memory * k_gigabyte, .descriptors = 100'000};
        const auto budget = share_out(room, jobs, kernels, k_machine);
        const auto wanted = static_cast<std::size_t>(jobs > 0 ? jobs : room.cores);
        const auto saved = budget.load_once ? std::min(kernels, wanted) : 0;
        const auto alive = static_cast<std::uint64_t>(budget.machines) + saved;
        EXPECT_LE(alive * k_machine, room.memory) << jobs << " " << kernels << " " << memory;
        EXPECT_GE(budget.machines, budget.jobs);
        EXPECT_GE(budget.jobs, 1);
      }
}

TEST(Budget, LittleMemoryTakesFromWhatWasAskedFor) {
  const auto budget =
      share_out({.cores = 8, .memory = 2 * k_gigabyte, .descriptors = 10'000}, 16, 1, k_machine);
  EXPECT_EQ(budget.jobs, 3);  // 1.5 GB for four machines of 320 MB, one of which is the saved one
  EXPECT_EQ(budget.machines, 3);
  EXPECT_FALSE(budget.fits_wanted);
}

TEST(Budget, TooLittleMemoryIsForOneMachine) {
  const auto budget =
      share_out({.cores = 8, .memory = k_gigabyte / 8, .descriptors = 10'000}, 4, 2, k_machine);
  EXPECT_EQ(budget.jobs, 1);
  EXPECT_EQ(budget.machines, 1);
  EXPECT_FALSE(budget.load_once);
}

TEST(Budget, DescriptorsAreCounted) {
  auto room = k_large;
  room.descriptors = 1024 - 100;
  const auto budget = share_out(room, 256, 1, k_machine);
  EXPECT_LE(budget.machines, 924 / 40);
  EXPECT_FALSE(budget.fits_wanted);
  room.descriptors = 0;
  EXPECT_EQ(share_out(room, 256, 1, k_machine).machines, 1);
}

TEST(Budget, ThisHostHasRoom) {
  const auto room = look_at_host();
  EXPECT_GE(room.cores, 1);
  EXPECT_GT(room.memory, std::uint64_t{1} << 20);
  EXPECT_GT(room.descriptors, 0U);
}

}  // namespace
}  // namespace kobox
