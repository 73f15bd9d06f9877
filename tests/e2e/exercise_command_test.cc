// SPDX-License-Identifier: GPL-2.0-or-later
// kobox exercise: all five results in one run.
#include <algorithm>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

const fs::path k_exercise = source_directory() / "modules/qemu_exercise";

class ExerciseCommandTest : public KoboxTest {
 protected:
  Finished exercise(const fs::path& directory, const std::string& kernel = "6.1-cloud") {
    return run({"exercise", directory.string(), "--kernel", kernel, "--accel", "tcg"});
  }
  // The module with one text in its source replaced.
  fs::path changed(const std::string& from, const std::string& to) {
    const auto copy = directory_ / "changed";
    fs::copy(k_exercise, copy, fs::copy_options::recursive);
    auto source = slurp(copy / "qemu_exercise.c");
    const auto at = source.find(from);
    EXPECT_NE(at, std::string::npos);
    spit(copy / "qemu_exercise.c", source.replace(at, from.size(), to));
    return copy;
  }
};

class ExerciseCommandOnKernelTest : public ExerciseCommandTest,
                                    public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kernels, ExerciseCommandOnKernelTest, ::testing::ValuesIn(k_kernels),
                         [](const auto& kernel) {
                           std::string name = kernel.param;
                           std::ranges::replace_if(
                               name, [](char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

TEST_P(ExerciseCommandOnKernelTest, AllFiveResultsHold) {
  const auto done = exercise(k_exercise, GetParam());
  EXPECT_EQ(done.code(), 0) << done;
  for (const char* title : {"1. reading gives", "2. what is written", "3. opening and closing",
                            "4. GDB stops", "5. the write's way"})
    EXPECT_THAT(done.output, HasSubstr(title));
  // On 7.3 a kernel thread prints all three lines.
  EXPECT_THAT(
      done.output,
      ContainsRegex(std::string(GetParam()) == "7.3-cloud"
                        ? "194 .* write port 0x3f8 \\(serial\\)\n"
                        : "82  write port 0x3f8 \\(serial\\) +by dev_write through _?printk"));
  EXPECT_THAT(done.output, HasSubstr("all of the exercise holds"));
  EXPECT_THAT(machines(), IsEmpty());
}

TEST_F(ExerciseCommandTest, AnotherGreetingFailsTheFirstResult) {
  const auto done = exercise(changed("Hello from QEMU!", "Hello from HERE!"));
  EXPECT_EQ(done.code(), 1) << done;
  EXPECT_THAT(done.output, ContainsRegex("1\\. reading gives[^.]*fail"));
  EXPECT_THAT(done.output, HasSubstr("Hello from HERE!"));
  EXPECT_THAT(done.output, Not(HasSubstr("all of the exercise holds")));
}

TEST_F(ExerciseCommandTest, AWriteThatTouchesAPortItselfFailsTheTrace) {
  const auto copy = changed("#include <linux/module.h>",
                            "#include <linux/module.h>\n#include "
                            "<linux/io.h>");
  auto source = slurp(copy / "qemu_exercise.c");
  const auto body = source.find('{', source.find("static ssize_t dev_write("));
  ASSERT_NE(body, std::string::npos);
  spit(copy / "qemu_exercise.c", source.insert(body + 1, " outb(0, 0x80);"));
  const auto touched = exercise(copy);
  EXPECT_EQ(touched.code(), 1) << touched;
  EXPECT_THAT(touched.output, HasSubstr("fail: write port 0x80 "));
}

TEST_F(ExerciseCommandTest, WithoutGdbItSaysSoBeforehand) {
  auto one = invocation({"exercise", k_exercise.string(), "--kernel", "6.1-cloud"});
  one.environment.emplace_back("PATH", path_without("gdb(-multiarch)?"));
  const auto done = run(one);
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("apt-get install gdb"));
}

}  // namespace
}  // namespace kobox::e2e
