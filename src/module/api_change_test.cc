// SPDX-License-Identifier: GPL-2.0-or-later
// Real messages (tests/data/build_logs) against headers that say of the name what the kernels' own
// say. Whole header trees: tests/e2e/bad_module_test.cc.
#include "module/api_change.h"

#include <gmock/gmock.h>

#include "base/text.h"
#include "module/api_words.h"
#include "module/compiler_output.h"
#include "module/header_fixture.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;
using testing::HeaderFiles;

class ApiChangeTest : public testing::HeaderFixture {
 protected:
  static FailedBuild recorded(const std::string& name) {
    const auto directory = fs::path(KOBOX_SOURCE_DIR) / "tests/data/build_logs";
    const auto read = first_error(read_file(directory / (name + ".log")).value(), SeenPaths("/c"));
    FailedBuild build{.failure = {.kind = FailureKind::build,
                                  .message = read.message,
                                  .file = read.file,
                                  .line = read.line,
                                  .log = read.log},
                      .source = read_file(directory / (name + ".source")).value()};
    const auto lines = lines_of(build.source);
    EXPECT_LE(static_cast<std::size_t>(read.line), lines.size());
    if (read.line > 0) build.failure.source = lines[static_cast<std::size_t>(read.line) - 1];
    return build;
  }
  static FailedBuild said(const std::string& message, const std::string& source = "") {
    return {
        .failure = {.kind = FailureKind::build, .message = message, .line = 1, .source = source},
        .source = source};
  }
  std::optional<ApiChange> compare(const FailedBuild& build, const Kernel& here,
                                   const Kernel& there, OtherKernel other = OtherKernel::builds) {
    return find_api_change(build, HeaderTree(here, Deadline::never()),
                           HeaderTree(there, Deadline::never()), other);
  }
  std::string summary(const FailedBuild& build, const HeaderFiles& here, const HeaderFiles& there,
                      const std::string& here_release = "6.12.1-amd64",
                      const std::string& there_release = "6.1.0-1-amd64") {
    directory_ = std::move(TempDir::make(::testing::TempDir(), "headers-")).value();
    const auto change = compare(build, debian(here_release, here), debian(there_release, there));
    return change ? change->summary : "nothing";
  }
};

TEST_F(ApiChangeTest, AFunctionThatTakesAnotherNumberOfArguments) {
  const std::string file = "include/linux/device/class.h";
  const std::string macro =
      "#define class_create(owner, name) \\\n\t__class_create(owner, name, 0)\n";
  const std::string function = "\nstruct class * __must_check class_create(const char *name);\n";
  const auto here = debian("6.12.1-amd64", {{file, function}});
  const auto there = debian("6.1.0-1-amd64", {{file, macro}});
  const auto change = compare(recorded("class_create"), here, there);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->name, "class_create");
  EXPECT_EQ(change->summary, "class_create() takes one argument from 6.12 on, two until 6.1");
  ASSERT_TRUE(change->here && change->there);
  EXPECT_EQ(change->here->kernel, "6.12.1-amd64");
  EXPECT_EQ(change->here->file, file);
  EXPECT_EQ(change->here->line, 2);
  EXPECT_EQ(change->here->text, "struct class * __must_check class_create(const char *name);");
  EXPECT_EQ(change->there->line, 1);
  EXPECT_THAT(change->there->text, HasSubstr("__class_create(owner, name, 0)"));

  const auto backwards = compare(recorded("class_create_macro"), there, here);
  ASSERT_TRUE(backwards);
  EXPECT_EQ(backwards->summary, "class_create() takes two arguments until 6.1, one from 6.12 on");
}

struct Recorded {
  const char* name;
  HeaderFiles here;
  HeaderFiles there;
  const char* summary;
};

TEST_F(ApiChangeTest, ChangesOfRealHistory) {
  const Recorded cases[] = {
      {"devnode_initializer",
       {{"include/linux/class.h",
         "struct class {\n\tchar *(*devnode)(const struct device *dev, umode_t *mode);\n};\n"}},
       {{"include/linux/class.h",
         "struct class {\n\tchar *(*devnode)(struct device *dev, umode_t *mode);\n};\n"}},
       "argument 1 of devnode of struct class is const struct device * from 6.12 on, struct device "
       "* until 6.1"},
      {"devnode_assignment",
       {{"include/linux/class.h",
         "struct class {\n\tchar *(*devnode)(const struct device *dev, umode_t *mode);\n};\n"}},
       {{"include/linux/device.h",
         "struct class {\n\tchar *(*devnode)(struct device *dev, umode_t *mode);\n};\n"}},
       "argument 1 of devnode of struct class is const struct device * from 6.12 on, struct device "
       "* until 6.1"},
      {"platform_remove",
       {{"include/linux/p.h",
         "struct platform_driver {\n\tunion {\n\t\tvoid (*remove)(struct platform_device *);\n\t\t"
         "void (*remove_new)(struct platform_device *);\n\t};\n};\n"}},
       {{"include/linux/p.h",
         "struct platform_driver {\n\tint (*remove)(struct platform_device *);\n};\n"}},
       "remove of struct platform_driver returns void from 6.12 on, int until 6.1"},
      {"import_ns",
       {{"include/linux/module.h", "#define MODULE_IMPORT_NS(ns)\tMODULE_INFO(import_ns, ns)\n"}},
       {{"include/linux/module.h",
         "#define MODULE_IMPORT_NS(ns)\tMODULE_INFO(import_ns, __stringify(ns))\n"}},
       "MODULE_IMPORT_NS() is MODULE_INFO(import_ns, ns) from 6.12 on, MODULE_INFO(import_ns, "
       "__stringify(ns)) until 6.1"},
      {"from_timer",
       {{"include/linux/timer.h",
         "#define timer_container_of(v, t, f) \\\n\tcontainer_of(t, typeof(*v), f)\n"}},
       {{"include/linux/timer.h",
         "#define from_timer(v, t, f) \\\n\tcontainer_of(t, typeof(*v), f)\n"}},
       "from_timer() is gone from 6.12 on, where there is timer_container_of()"},
      {"del_timer_sync",
       {{"include/linux/timer.h", "extern int timer_delete_sync(struct timer_list *timer);\n"}},
       {{"include/linux/timer.h",
         "extern int timer_delete_sync(struct timer_list *timer);\nstatic inline int "
         "del_timer_sync(struct timer_list *timer)\n{\n\treturn timer_delete_sync(timer);\n}\n"}},
       "del_timer_sync() is gone from 6.12 on; until 6.1 it only called timer_delete_sync()"},
      {"strlcpy",
       {{"include/linux/string.h", "ssize_t strscpy(char *, const char *, size_t);\n"}},
       {{"include/linux/fortify-string.h",
         "__FORTIFY_INLINE size_t strlcpy(char * const p, const char *q, size_t n)\n{\n}\n"},
        {"include/linux/string.h", "size_t strlcpy(char *, const char *, size_t);\n"}},
       "strlcpy() is gone from 6.12 on; until 6.1 it is in linux/string.h"},
      {"task_state",
       {{"include/linux/sched.h",
         "struct task_struct {\n\tunsigned int __state;\n\tunsigned int saved_state;\n};\n"}},
       {{"include/linux/sched.h", "struct task_struct {\n\tvolatile long state;\n};\n"}},
       "state of struct task_struct is gone from 6.12 on, where there is __state"},
      {"vm_flags",
       {{"include/linux/mm_types.h",
         "struct vm_area_struct {\n\tunion {\n\t\tconst vm_flags_t vm_flags;\n\t\tvm_flags_t "
         "__private __vm_flags;\n\t};\n};\n"}},
       {{"include/linux/mm_types.h", "struct vm_area_struct {\n\tunsigned long vm_flags;\n};\n"}},
       "vm_flags of struct vm_area_struct is const vm_flags_t from 6.12 on, unsigned long until "
       "6.1"},
      {"get_user_pages",
       {{"include/linux/mm.h", "long get_user_pages(long a, long n, int f, struct page **p);\n"}},
       {{"include/linux/mm.h",
         "long get_user_pages(long a, long n, int f, struct page **p,\n\t\t    struct v **v);\n"}},
       "get_user_pages() takes four arguments from 6.12 on, five until 6.1"},
      {"incomplete",
       {{"include/linux/genhd.h", ""}},
       {{"include/linux/genhd.h", "struct hd_struct {\n\tint partno;\n};\n"}},
       "struct hd_struct is gone from 6.12 on; until 6.1 it is in linux/genhd.h"},
      {"mm_segment",
       {{"include/linux/uaccess.h", ""}},
       {{"include/linux/uaccess.h", "typedef struct {\n\tint seg;\n} mm_segment_t;\n"}},
       "mm_segment_t is gone from 6.12 on; until 6.1 it is in linux/uaccess.h"},
      {"genhd",
       {{"include/linux/blkdev.h", "struct gendisk {\n};\nvoid add_disk(struct gendisk *d);\n"}},
       {{"include/linux/genhd.h", "struct gendisk {\n};\nvoid add_disk(struct gendisk *d);\n"}},
       "linux/genhd.h is gone from 6.12 on; most of it is in linux/blkdev.h"},
      {"genhd",
       {{"include/linux/block/genhd.h", ""}},
       {{"include/linux/genhd.h", "int f(void);\n"}},
       "linux/genhd.h is gone from 6.12 on, where there is linux/block/genhd.h"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.name);
    EXPECT_EQ(summary(recorded(one.name), one.here, one.there), one.summary);
  }
}

TEST_F(ApiChangeTest, OtherDifferences) {
  const auto difference = [&](const std::string& message, const char* here, const char* there) {
    return summary(said(message), {{"include/linux/x.h", here}}, {{"include/linux/x.h", there}});
  };
  EXPECT_EQ(difference("passing argument 2 of 'f' from incompatible pointer type",
                       "int f(int a, const struct proc_ops *ops);",
                       "int f(int a, const struct file_operations *ops);"),
            "argument 2 of f() is const struct proc_ops * from 6.12 on, const struct "
            "file_operations * until 6.1");
  EXPECT_EQ(difference("'A' undeclared", "enum { A };", "#define A 1\n"),
            "A is an enum constant from 6.12 on, a macro until 6.1");
  EXPECT_EQ(difference("too few arguments to function 'f'", "int f(int a);", "#define f(a) g(a)\n"),
            "f() is a function from 6.12 on, a macro until 6.1");
  EXPECT_EQ(difference("unknown type name 't'", "typedef int t;", "struct t { int a; };"),
            "t is a typedef from 6.12 on, a struct until 6.1");
  EXPECT_EQ(difference("redefinition of 'f'", "int f(void);", ""),
            "f() is in linux/x.h from 6.12 on, not until 6.1");
  EXPECT_EQ(difference("'struct s' has no member named 'a'", "struct s { int b; };",
                       "struct s { int a; };"),
            "a of struct s is gone from 6.12 on");
  EXPECT_EQ(difference("'struct s' has no member named 'a'", "", "struct s { int a; };"),
            "struct s is gone from 6.12 on; until 6.1 it is in linux/x.h");
}

TEST_F(ApiChangeTest, AnOlderKernelDoesNotHaveItYet) {
  EXPECT_EQ(
      summary(said("linux/kfence.h: No such file or directory"), {},
              {{"include/linux/kfence.h", "int f(void);\n"}}, "5.10.0-46-amd64", "6.1.0-1-amd64"),
      "linux/kfence.h is there only from 6.1 on");
  EXPECT_EQ(summary(said("implicit declaration of function 'f'"), {},
                    {{"include/linux/x.h", "int f(void);\n"}}, "6.1.0-1-amd64", "6.12.1-amd64"),
            "f() is not there until 6.1; from 6.12 on it is in linux/x.h");
  EXPECT_EQ(summary(said("implicit declaration of function 'f'"), {},
                    {{"include/linux/x.h", "int f(void);\n"}}, "6.12.9-amd64", "6.12.1-amd64"),
            "f() is gone on 6.12.9-amd64; on 6.12.1-amd64 it is in linux/x.h")
      << "of two releases of one line";
}

TEST_F(ApiChangeTest, WhatIsTheSameExplainsNothing) {
  const HeaderFiles same = {{"include/linux/x.h", "int f(int a);\nstruct s { int a; };\n"}};
  for (const char* message :
       {"too few arguments to function 'f'", "'struct s' has no member named 'b'",
        "implicit declaration of function 'mine'", "mine.h: No such file or directory",
        "linux/x.h: No such file or directory", "expected ';' before 'return'"})
    EXPECT_EQ(summary(said(message, "\treturn f(1);"), same, same), "nothing") << message;
  EXPECT_EQ(summary(said("too few arguments to function 'f'"),
                    {{"include/linux/x.h", "int f(int a);\n"},
                     {"include/linux/y.h", "static inline int f(void)\n{\n}\n"}},
                    {{"include/linux/x.h", "int f(int renamed);\n"}}),
            "nothing")
      << "one of two branches is unchanged";
  EXPECT_EQ(summary(said("expected ';' before 'return'", "\treturn f(1) + g(2);"),
                    {{"include/linux/x.h", "#define f(a) a\n"}},
                    {{"include/linux/x.h", "int f(int a);\nint g(int a);\n"}}),
            "nothing")
      << "the message is not about them";
}

TEST_F(ApiChangeTest, Exports) {
  const auto exported = [&](const std::string& line, const std::string& message,
                            const std::string& before) {
    directory_ = std::move(TempDir::make(::testing::TempDir(), "headers-")).value();
    const auto change = compare(said(message), debian("6.12.1", {}, {{"Module.symvers", line}}),
                                debian("6.1.0", {}, {{"Module.symvers", before}}));
    return change ? change->summary : "nothing";
  };
  const std::string plain = "0x1\tf\tvmlinux\tEXPORT_SYMBOL\t\n";
  const std::string gpl = "0x1\tf\tvmlinux\tEXPORT_SYMBOL_GPL\t\n";
  const std::string within = "0x1\tf\tvmlinux\tEXPORT_SYMBOL\tDMA_BUF\n";
  const std::string undefined = "modpost: \"f\" [/c/m.ko] undefined!";
  EXPECT_EQ(exported("", undefined, gpl),
            "f() is not exported from 6.12 on, by EXPORT_SYMBOL_GPL until 6.1");
  EXPECT_EQ(
      exported(within,
               "modpost: module m uses symbol f from namespace DMA_BUF, but does not import it.",
               plain),
      "f() is exported in namespace DMA_BUF from 6.12 on, in none until 6.1");
  EXPECT_EQ(exported(gpl, "modpost: GPL-incompatible module m.ko uses GPL-only symbol 'f'", plain),
            "f() is exported by EXPORT_SYMBOL_GPL from 6.12 on, by EXPORT_SYMBOL until 6.1");
  EXPECT_EQ(exported(plain, undefined, plain), "nothing");
}

TEST_F(ApiChangeTest, AVariableThatKbuildReadsNoMore) {
  auto build = said("mine.h: No such file or directory");
  build.kbuild = "obj-m := m.o\nEXTRA_CFLAGS := -I$(src)/include\nMINE := 1\n";
  const HeaderFiles reads = {{"scripts/Makefile.lib", "ccflags-y += $(EXTRA_CFLAGS)\n"}};
  EXPECT_EQ(summary(build, {}, reads),
            "kbuild does not read EXTRA_CFLAGS from 6.12 on; until 6.1 it does");
  EXPECT_EQ(summary(build, reads, reads), "nothing");
}

TEST_F(ApiChangeTest, ASearchThatRanOutOfTimeSaysNothing) {
  const auto here = debian("6.12.1-amd64", {});
  const auto there = debian("6.1.0-1-amd64", {{"include/linux/x.h", "int f(void);\n"}});
  const HeaderTree late(here, Deadline::after(Duration(0)));
  EXPECT_FALSE(find_api_change(said("implicit declaration of function 'f'"), late,
                               HeaderTree(there, Deadline::never()), OtherKernel::builds));
}

TEST_F(ApiChangeTest, WhatIsNotIncludedAnyMore) {
  const testing::HeaderFiles in_x = {{"include/linux/x.h", "int f(int a);\n"}};
  const testing::HeaderFiles in_y = {{"include/linux/y.h", "int f(int a);\n"}};
  const char* message = "implicit declaration of function 'f'";
  EXPECT_EQ(summary(said(message), in_x, in_x), "f() needs #include <linux/x.h> from 6.12 on");
  EXPECT_EQ(summary(said(message), in_x, in_y),
            "f() is in linux/x.h from 6.12 on, linux/y.h until 6.1");
  EXPECT_EQ(
      summary(said(message), {{"include/linux/x.h", "#define f(...) g(__VA_ARGS__)\n"}}, in_x),
      "f() needs #include <linux/x.h> from 6.12 on")
      << "whatever it is now";
  EXPECT_EQ(summary(said(message, "#include <linux/x.h>\n"), in_x, in_x), "nothing")
      << "it is the configuration";
  const auto here = debian("6.13.1-amd64", in_x);
  EXPECT_FALSE(compare(said(message), here, debian("6.2.0-1-amd64", in_x), OtherKernel::unknown))
      << "it may not build there either";
}

TEST_F(ApiChangeTest, WithoutAnotherKernelItSaysWhatThisOneHas) {
  const auto here = debian("6.12.1-amd64", {{"include/linux/x.h", "int f(int a);\n"}});
  const HeaderTree tree(here, Deadline::never());
  const auto found = find_declaration(said("too few arguments to function 'f'"), tree);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "f");
  EXPECT_EQ(found->summary, "");
  ASSERT_TRUE(found->here);
  EXPECT_EQ(found->here->text, "int f(int a);");
  EXPECT_FALSE(find_declaration(said("expected ';'", "\tf(1)"), tree));
  EXPECT_FALSE(find_declaration(said("'nothing' undeclared"), tree)) << "a slip";
  const auto gone = find_declaration(said("implicit declaration of function 'strlcpy'"), tree);
  ASSERT_TRUE(gone);
  EXPECT_FALSE(gone->here);
}

TEST(ApiWordsTest, LinesOfReleases) {
  EXPECT_EQ(KernelLine::of("6.12.117+deb13-cloud-amd64").minor, 12);
  EXPECT_EQ(KernelLine::of("7.0").ordinal() - KernelLine::of("6.19.3").ordinal(), 1);
  EXPECT_EQ(KernelLine::of("").ordinal(), 0);
  EXPECT_GT(KernelLine::of("2000000000.1").ordinal(), 0);
  const auto sides = ApiSides::of("5.10.0-1-amd64", "6.1.0-1-amd64");
  EXPECT_EQ(sides.here, "until 5.10");
  EXPECT_EQ(sides.there, "from 6.1 on");
  EXPECT_FALSE(sides.here_is_newer);
  EXPECT_EQ(as_included("arch/x86/include/uapi/asm/bootparam.h"), "asm/bootparam.h");
}

}  // namespace
}  // namespace kobox
