// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/catching.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>

#include "base/workers.h"

namespace kobox {
namespace {

template <class Work>
ErrorKind kind_of(Work work) {
  const Result<int> got = catching([&]() -> Result<int> { return work(); });
  EXPECT_FALSE(got);
  return got ? ErrorKind::usage : got.error().kind();
}

TEST(Catching, AnExceptionIsAnError) {
  EXPECT_EQ(kind_of([]() -> int { throw std::bad_alloc(); }), ErrorKind::environment);
  EXPECT_EQ(kind_of([] { return static_cast<int>(std::filesystem::file_size("/nonexistent")); }),
            ErrorKind::environment);
  EXPECT_EQ(kind_of([]() -> int { throw std::logic_error("defect"); }), ErrorKind::internal);
}

TEST(Catching, AValueAndAnErrorPass) {
  EXPECT_EQ(catching([]() -> Result<int> { return 7; }).value(), 7);
  EXPECT_EQ(catching([]() -> Result<> { return fail(ErrorKind::usage, "x"); }).error().kind(),
            ErrorKind::usage);
}

TEST(Workers, AreJoinedAtTheEndOfTheirScope) {
  std::atomic<int> done = 0;
  {
    Workers workers;
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(workers.add([&] { ++done; }));
  }
  EXPECT_EQ(done, 4);
}

}  // namespace
}  // namespace kobox
