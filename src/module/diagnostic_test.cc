// SPDX-License-Identifier: GPL-2.0-or-later
// Messages of real compilers: gcc 12 and 14, clang 19, modpost.
#include "module/diagnostic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using About = Diagnostic::About;

struct Case {
  const char* message;
  const char* source;  // the line
  Diagnostic first;
};

const Case k_cases[] = {
    {"too many arguments to function 'class_create'", "", {About::call, "class_create"}},
    {"too few arguments to function \xe2\x80\x98"
     "f\xe2\x80\x99",
     "",
     {About::call, "f"}},
    {"macro \"class_create\" requires 2 arguments, but only 1 given",
     "",
     {About::call, "class_create"}},
    {"macro \"f\" passed 2 arguments, but takes just 1", "", {About::call, "f"}},
    {"passing argument 1 of 'class_create' from incompatible pointer type "
     "[-Werror=incompatible-pointer-types] (in linux/init.h:180)",
     "",
     {About::call, "class_create"}},
    {"implicit declaration of function 'strlcpy'; did you mean 'strncpy'? "
     "[-Werror=implicit-function-declaration]",
     "",
     {About::call, "strlcpy"}},
    {"call to undeclared function 'f'; ISO C99 and later do not support implicit function "
     "declarations [-Wimplicit-function-declaration]",
     "",
     {About::call, "f"}},
    {"too many arguments to function call, expected 4, have 5",
     "\treturn get_user_pages(0, p);",
     {About::call, "get_user_pages"}},
    {"'no_llseek' undeclared here (not in a function); did you mean 'noop_llseek'?",
     "",
     {About::name, "no_llseek"}},
    {"use of undeclared identifier 'KERNEL_DS'", "", {About::name, "KERNEL_DS"}},
    {"unknown type name 'mm_segment_t'", "", {About::name, "mm_segment_t"}},
    {"static declaration of 'f' follows non-static declaration", "", {About::name, "f"}},
    {"conflicting types for 'f'; have 'int(void)'", "", {About::name, "f"}},
    {"redefinition of 'f'", "", {About::name, "f"}},
    {"storage size of 'h' isn't known", "\tstruct hd_struct h;", {About::name, "hd_struct"}},
    {"invalid use of undefined type 'struct bio_set'", "", {About::name, "bio_set"}},
    {"variable has incomplete type 'struct hd_struct'", "", {About::name, "hd_struct"}},
    {"'const struct file_operations' has no member named 'sendpage'",
     "",
     {About::member, "sendpage", "file_operations"}},
    {"no member named 'state' in 'struct task_struct'; did you mean 'stats'?",
     "",
     {About::member, "state", "task_struct"}},
    {"field designator 'child' does not refer to any field in type 'struct ctl_table'",
     "",
     {About::member, "child", "ctl_table"}},
    {"assignment of read-only member 'vm_flags'",
     "\tvma->vm_flags |= VM_IO;",
     {About::member, "vm_flags", "", "vma"}},
    {"assignment of read-only location '*d->dev_addr'", "", {About::member, "dev_addr", "", "d"}},
    {"assignment to 'char * (*)(const struct device *)' from incompatible pointer type 'char * "
     "(*)(struct device *)' [-Werror=incompatible-pointer-types]",
     "\tpriv[2]->class.devnode = m_devnode;",
     {About::member, "devnode", "", "priv", {"class"}}},
    {"initialization of 'int (*)(void)' from incompatible pointer type 'void (*)(void)'",
     "\t.remove = m_remove,",
     {About::member, "remove"}},
    {"linux/genhd.h: No such file or directory", "", {About::header, "linux/genhd.h"}},
    {"'linux/genhd.h' file not found", "", {About::header, "linux/genhd.h"}},
    {"modpost: \"kallsyms_lookup_name\" [/c/m.ko] undefined!",
     "",
     {About::exported, "kallsyms_lookup_name"}},
    {"modpost: module m uses symbol dma_buf_get from namespace DMA_BUF, but does not import it.",
     "",
     {About::exported, "dma_buf_get"}},
    {"modpost: GPL-incompatible module m.ko uses GPL-only symbol 'class_create'",
     "",
     {About::exported, "class_create"}},
};

TEST(DiagnosticTest, WhatTheMessageIsAbout) {
  for (const auto& one : k_cases) {
    SCOPED_TRACE(one.message);
    const auto all =
        diagnostics_of({.kind = FailureKind::build, .message = one.message, .source = one.source});
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all.front().about, one.first.about);
    EXPECT_EQ(all.front().name, one.first.name);
    EXPECT_EQ(all.front().owner, one.first.owner);
    EXPECT_EQ(all.front().variable, one.first.variable);
    EXPECT_EQ(all.front().path, one.first.path);
    EXPECT_FALSE(all.front().is_used_only);
  }
}

TEST(DiagnosticTest, WhatIsInitializedIsInANote) {
  const auto all = diagnostics_of(
      {.kind = FailureKind::build,
       .message = "initialization of 'void (*)(int)' from incompatible pointer type 'int (*)(int)'",
       .source = "\t.remove = m_remove,",
       .log = {"m.c:8:19: error: initialization of …",
               "m.c:8:19: note: (near initialization for 'm_driver.<anonymous>.driver.remove')"}});
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(
      all.front(),
      (Diagnostic{
          .about = About::member, .name = "remove", .variable = "m_driver", .path = {"driver"}}));
}

TEST(DiagnosticTest, LaterErrorsAndTheLinesCallsComeBehind) {
  const auto all =
      diagnostics_of({.kind = FailureKind::build,
                      .message = "'DMA_BUF' undeclared here (not in a function)",
                      .source = "\tif (MODULE_IMPORT_NS(DMA_BUF)) f(g(1));",
                      .log = {"m.c:2:18: error: 'DMA_BUF' undeclared here (not in a function)",
                              "m.c:9:1: error: too few arguments to function 'later'"}});
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[0].name, "DMA_BUF");
  EXPECT_EQ(all[1], (Diagnostic{.about = About::call, .name = "later"}));
  for (std::size_t i = 2; i < 5; ++i) EXPECT_TRUE(all[i].is_used_only);
  EXPECT_EQ(all[2].name, "MODULE_IMPORT_NS");
  EXPECT_EQ(all[4].name, "g");
}

TEST(DiagnosticTest, WhatNamesNothingGivesNothing) {
  for (const char* message :
       {"", "expected ';' before 'return'", "make failed and did not say why",
        "../x/genhd.h: No such file or directory", "/etc/x.h: No such file or directory",
        "data file: No such file or directory", "'9x' undeclared", "'' undeclared",
        "'a b' undeclared", "too many arguments to function 'unclosed",
        "ld: cannot find -lc: No such file or directory"})
    EXPECT_THAT(diagnostics_of({.kind = FailureKind::build, .message = message}), IsEmpty())
        << message;
}

TEST(DiagnosticTest, VariablesThatAKbuildFileSets) {
  EXPECT_THAT(variables_set_in("# A = 1\nobj-m := m.o\nEXTRA_CFLAGS += -DX=1\nm-y = a.o\n"
                               "KDIR ?= /x\nall:\n\tmake A=1\nEXTRA_CFLAGS += -DY\n"),
              ElementsAre("EXTRA_CFLAGS", "KDIR"));
}

}  // namespace
}  // namespace kobox
