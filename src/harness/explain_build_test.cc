// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/explain_build.h"

#include <gmock/gmock.h>

#include "kernel/kernel_directory.h"
#include "module/header_fixture.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

class ExplainBuildTest : public testing::HeaderFixture {
 protected:
  ExplainBuildTest() {
    project_.directory = project_.source = directory_.path() / "project";
    put(project_.source / "m.c", "int m(void)\n{\n\treturn f(1, 2);\n}\n");
    put(project_.source / "Kbuild", "obj-m := m.o\n");
    options_.cache = directory_.path() / "cache";
  }
  static testing::HeaderFiles taking(const std::string& parameters) {
    return {{"include/linux/x.h", "int f(" + parameters + ");\n"}};
  }
  // In the cache, as if it had been fetched.
  void fetch(const std::string& release, const testing::HeaderFiles& headers) {
    const auto place = options_.cache / "kernels" / release;
    auto kernel = debian(release, headers, {}, "cache/kernels/" + release + "/headers");
    put(place / "vmlinuz", "x");
    put(place / "vmlinux", "x");
    kernel.vmlinuz = place / "vmlinuz";
    kernel.vmlinux = place / "vmlinux";
    StoredKernel stored{.kernel = kernel};
    ASSERT_TRUE(save_kernel(place, stored));
  }
  static Failure failure() {
    return {.kind = FailureKind::build,
            .message = "too many arguments to function 'f'",
            .file = "m.c",
            .line = 3,
            .source = "\treturn f(1, 2);"};
  }
  void explain(const std::vector<BuildOn>& builds) { explain_builds(builds, project_, options_); }
  static std::string summary(const Failure& one) {
    return one.api_change ? one.api_change->summary : "nothing";
  }

  Project project_;
  LabOptions options_;
};

TEST_F(ExplainBuildTest, ComparesWithTheNearestThatBuilt) {
  auto failed = failure();
  explain({{debian("5.10.0-1-amd64", taking("int a, int b, int c, int d"))},
           {debian("6.1.0-1-amd64", taking("int a, int b"))},
           {debian("6.12.1-amd64", taking("int a")), &failed}});
  EXPECT_EQ(summary(failed), "f() takes one argument from 6.12 on, two until 6.1");
  ASSERT_TRUE(failed.api_change->there);
  EXPECT_EQ(failed.api_change->there->kernel, "6.1.0-1-amd64");
}

TEST_F(ExplainBuildTest, TheFlavourDecidesBetweenTwoOfOneLine) {
  auto failed = failure();
  explain({{debian("6.1.0-1-amd64", taking("int a, int b"))},
           {debian("6.1.0-1-cloud-amd64", taking("int a, int b"))},
           {debian("6.12.1-cloud-amd64", taking("int a")), &failed}});
  ASSERT_TRUE(failed.api_change && failed.api_change->there);
  EXPECT_EQ(failed.api_change->there->kernel, "6.1.0-1-cloud-amd64");
}

TEST_F(ExplainBuildTest, OneCauseHasTheSameWordsOnAllKernels) {
  auto first = failure(), second = failure(), third = failure();
  explain({{debian("7.3.1-amd64", taking("int a")), &second},
           {debian("7.4.1-amd64", taking("void")), &third},
           {debian("6.12.1-amd64", taking("int a")), &first},
           {debian("6.1.0-1-amd64", taking("int a, int b"))}});
  EXPECT_EQ(summary(first), "f() takes one argument from 6.12 on, two until 6.1");
  EXPECT_EQ(summary(second), summary(first));
  EXPECT_EQ(second.api_change->here->kernel, "7.3.1-amd64");
  EXPECT_EQ(summary(third), "f() takes no arguments from 7.4 on, two until 6.1");
}

TEST_F(ExplainBuildTest, WhereItBuiltForNoneFetchedKernelsServe) {
  fetch("6.12.9-amd64", taking("int a, int b"));
  fetch("6.1.0-1-amd64", taking("int a, int b"));
  auto failed = failure();
  explain({{debian("6.12.1-amd64", taking("int a")), &failed}});
  EXPECT_EQ(summary(failed), "f() takes one argument from 6.12 on, two until 6.1")
      << "a kernel of the same line is not compared with";
}

TEST_F(ExplainBuildTest, AFetchedKernelThatSaysTheSameLeavesItToTheNext) {
  fetch("6.11.1-amd64", taking("int a"));
  fetch("6.1.0-1-amd64", taking("int a, int b"));
  auto failed = failure();
  explain({{debian("6.12.1-amd64", taking("int a")), &failed}});
  EXPECT_EQ(summary(failed), "f() takes one argument from 6.12 on, two until 6.1");
}

TEST_F(ExplainBuildTest, WithoutAnotherKernelItAsksForOne) {
  auto failed = failure();
  explain({{debian("6.12.1-amd64", taking("int a")), &failed}});
  ASSERT_TRUE(failed.api_change);
  EXPECT_EQ(failed.api_change->summary, "");
  EXPECT_THAT(failed.api_change->advice, HasSubstr("--kernel"));
  ASSERT_TRUE(failed.api_change->here);
  EXPECT_EQ(failed.api_change->here->text, "int f(int a);");
}

TEST(LineToCompareWith, IsOneThatCanBeFetchedAndHasHeaders) {
  const std::vector<KernelEntry> known = {
      {.release = "7.4.1+deb13-cloud-amd64", .has_headers = true},
      {.release = "6.18.5+deb13-cloud-amd64", .has_headers = false},
      {.release = "6.17.5+deb13-cloud-amd64", .has_headers = true, .fetched = true},
      {.release = "6.12.117+deb12-cloud-amd64", .has_headers = true},
      {.release = "6.1.0-56-cloud-amd64", .has_headers = true},
      {.release = "6.1.0-56-amd64", .has_headers = true},
      {.release = "5.10.0-30-amd64", .has_headers = true}};
  EXPECT_EQ(line_to_compare_with(known, "6.19.2+deb13-cloud-amd64"), "7.4-cloud");
  EXPECT_EQ(line_to_compare_with(known, "6.12.9-cloud-amd64"), "6.1-cloud");
  EXPECT_EQ(line_to_compare_with(known, "6.12.9-amd64"), "6.1");
  // Its own flavour is not to be had.
  EXPECT_EQ(line_to_compare_with(known, "5.15.0-91-generic"), "5.10");
  EXPECT_EQ(line_to_compare_with({}, "6.1.0-56-amd64"), "");
}

TEST_F(ExplainBuildTest, WhatIsNoneOfTheKernelsIsLeftAlone) {
  auto not_built = failure(), of_program = failure(), syntax = failure();
  not_built.kind = FailureKind::boot;
  of_program.file = "tests/stress.c";
  syntax.message = "expected ';' before 'return'";
  project_.tests.push_back({.name = "stress", .programs = {"tests/stress.c"}});
  const auto here = debian("6.12.1-amd64", taking("int a"));
  explain({{debian("6.1.0-1-amd64", taking("int a, int b"))},
           {here, &not_built},
           {here, &of_program},
           {Kernel{.release = "6.13.0"}, &syntax}});
  EXPECT_FALSE(not_built.api_change);
  EXPECT_FALSE(of_program.api_change);
  EXPECT_FALSE(syntax.api_change);
  auto same = failure();
  explain({{debian("6.1.0-1-amd64", taking("int b"))}, {here, &same}});
  EXPECT_FALSE(same.api_change);
}

}  // namespace
}  // namespace kobox
