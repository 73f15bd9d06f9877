// SPDX-License-Identifier: GPL-2.0-or-later
// Each text below was printed by gcc 12, binutils 2.40, GNU make 4.3 or modpost, some shortened.
#include "module/compiler_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

struct Case {
  std::string_view what;
  std::string_view output;
  std::string_view file;
  int line;
  std::string_view message;
};

constexpr Case k_cases[] = {
    {"first of several errors, a warning before",
     "  CC [M]  /c/hello.o\n"
     "/c/hello.c:2:5: warning: unused variable 'a' [-Wunused-variable]\n"
     "/c/hello.c: In function 'f':\n"
     "/c/hello.c:3:37: error: 'x' undeclared (first use in this function)\n"
     "    3 | int f(void){ return x; }\n"
     "/c/hello.c:9:1: error: another\n"
     "cc1: some warnings being treated as errors\n"
     "make[1]: *** [/h/scripts/Makefile.build:255: /c/hello.o] Error 1\n",
     "hello.c", 3, "'x' undeclared (first use in this function)"},
    {"no column", "/c/hello.c:8: error: control reaches end of non-void function\n", "hello.c", 8,
     "control reaches end of non-void function"},
    {"fatal error",
     "/c/sub/hello.c:1:10: fatal error: nothing.h: No such file or directory\n"
     "compilation terminated.\n",
     "sub/hello.c", 1, "nothing.h: No such file or directory"},
    {"colours",
     "\x1b[01m\x1b[K/c/hello.c:3:1:\x1b[m\x1b[K \x1b[01;31m\x1b[Kerror: \x1b[m\x1b[Kbad\n",
     "hello.c", 3, "bad"},
    {"an error that is only quoted",
     "/c/hello.c:5:3: warning: format '%d'\n"
     "    5 |   pr_err(\"x.c:9: error: no\", 1L);\n"
     "/c/hello.c:7:1: error: yes\n",
     "hello.c", 7, "yes"},
    {"header error through a macro",
     "In file included from /h/include/linux/module.h:22,\n"
     "                 from /c/hello.c:1:\n"
     "/c/hello.c: In function 'f':\n"
     "/h/include/linux/init.h:132:13: error: redefinition of 'init_module'\n"
     "  132 |         int init_module(void)\n"
     "/c/hello.c:5:1: note: in expansion of macro 'module_init'\n",
     "hello.c", 5, "redefinition of 'init_module' (in linux/init.h:132)"},
    {"header error through an include alone",
     "In file included from /h/include/a.h:3,\n"
     "                 from /c/own.h:4,\n"
     "                 from /c/hello.c:1:\n"
     "/h/include/b.h:7:2: error: #error not for you\n",
     "own.h", 4, "#error not for you (in b.h:7)"},
    {"generated header of the build tree",
     "In file included from /c/hello.c:2:\n"
     "./include/generated/x.h:1:1: error: unknown type name 'u9'\n",
     "hello.c", 2, "unknown type name 'u9' (in generated/x.h:1)"},
    {"error in a header that nobody of ours includes", "/h/include/b.h:7:2: error: bad\n",
     "/h/include/b.h", 7, "bad"},
    {"assembler",
     "/c/hello.c: Assembler messages:\n/c/hello.c:8: Error: no such instruction: `b'\n", "hello.c",
     8, "no such instruction: `b'"},
    {"assembler on a pipe", "{standard input}:21: Error: junk\n", "", 0, "junk"},
    {"compiler's option", "gcc-12: error: unrecognized command-line option '-fno'\n", "", 0,
     "gcc-12: unrecognized command-line option '-fno'"},
    {"objtool", "/c/x.o: error: objtool: f(): bad\n", "", 0, "x.o: objtool: f(): bad"},
    {"modpost",
     "  MODPOST /c/Module.symvers\n"
     "WARNING: modpost: missing MODULE_DESCRIPTION() in /c/hello.o\n"
     "ERROR: modpost: \"absent\" [/c/hello.ko] undefined!\n"
     "make[1]: *** [/h/scripts/Makefile.modpost:127: /c/Module.symvers] Error 1\n",
     "", 0, "modpost: \"absent\" [hello.ko] undefined!"},
    {"old modpost", "ERROR: \"absent\" [/c/hello.ko] undefined!\n", "", 0,
     "\"absent\" [hello.ko] undefined!"},
    {"linker, with lines",
     "/usr/bin/ld: /tmp/ccX.o: in function `main':\n"
     "/c/stress.c:3: undefined reference to `absent'\n"
     "collect2: error: ld returned 1 exit status\n",
     "stress.c", 3, "undefined reference to `absent'"},
    {"linker, without lines",
     "/usr/bin/ld: /tmp/ccX.o: in function `main':\n"
     "stress.c:(.text.startup+0xa): undefined reference to `absent'\n",
     "stress.c", 0, "undefined reference to `absent'"},
    {"linker, in one line",
     "ld: /c/b.o: /c/b.c:2: multiple definition of `f'; /c/a.o:/c/a.c:1: first defined here\n",
     "b.c", 2, "multiple definition of `f'; a.o:a.c:1: first defined here"},
    {"linker, objects only",
     "ld: /c/b.o:(.text+0x0): multiple definition of `f'; /c/a.o:(.text+0x0): first defined here\n",
     "", 0, "multiple definition of `f'; a.o:(.text+0x0): first defined here"},
    {"missing library", "/usr/bin/ld: cannot find -lc: No such file or directory\n", "", 0,
     "ld: cannot find -lc: No such file or directory"},
    {"no source for an object",
     "make[1]: *** No rule to make target '/c/hello.o', needed by '/c/'.  Stop.\n"
     "make: *** [/h/Makefile:2065: /c] Error 2\n",
     "", 0, "No rule to make target 'hello.o', needed by ''"},
    {"Makefile's syntax",
     "/c/Makefile:2: *** missing separator.  Stop.\nmake: *** [/h/Makefile:1: /c] Error 2\n",
     "Makefile", 2, "missing separator"},
    {"a compiler error before make's, with -j",
     "make[1]: *** No rule to make target '/c/b.o', needed by '/c/x.o'.  Stop.\n"
     "/c/a.c:1:1: error: real\n",
     "a.c", 1, "real"},
    {"unknown tool",
     "  GEN /c/x.h\n/bin/sh: 1: flex: not found\n\n"
     "make[1]: *** [/c/Makefile:3: /c/x.h] Error 127\n",
     "", 0, "/bin/sh: 1: flex: not found"},
    {"make deletes what is half done",
     "/bin/sh: 1: sparse: not found\n"
     "make[1]: *** Deleting file '/c/hello.o'\n"
     "make[1]: *** [/h/scripts/Makefile.build:255: /c/hello.o] Error 127\n",
     "", 0, "/bin/sh: 1: sparse: not found"},
    {"nothing", "", "", 0, "make failed and did not say why"},
};

TEST(CompilerOutputTest, FindsTheFirstError) {
  for (const auto& one : k_cases) {
    SCOPED_TRACE(one.what);
    const auto failure = first_error(one.output, SeenPaths("/c"));
    EXPECT_EQ(failure.message, one.message);
    EXPECT_EQ(failure.file, one.file);
    EXPECT_EQ(failure.line, one.line);
  }
}

TEST(CompilerOutputTest, LogStartsAtTheIncludeStackAndIsRelative) {
  const auto failure = first_error(
      "one\ntwo\nthree\n"
      "In file included from /h/1.h:1,\n"
      "                 from /h/2.h:1,\n"
      "                 from /h/3.h:1,\n"
      "                 from /c/hello.c:1:\n"
      "/c/hello.c: In function 'f':\n"
      "/c/hello.c:3:1: error: bad\n"
      "    3 | x\n",
      SeenPaths("/c/"));
  EXPECT_THAT(failure.log,
              ElementsAre("In file included from /h/1.h:1,", "                 from /h/2.h:1,",
                          "                 from /h/3.h:1,", "                 from hello.c:1:",
                          "hello.c: In function 'f':", "hello.c:3:1: error: bad", "    3 | x"));
}

TEST(CompilerOutputTest, LogIsBounded) {
  std::string output;
  for (int i = 0; i < 1000; ++i) output += "before\n";
  output += "/c/x.c:1:1: error: " + std::string(100'000, 'x') + "\x07\n";
  for (int i = 0; i < 1000; ++i) output += "after\n";
  const auto failure = first_error(output, SeenPaths("/c"));
  EXPECT_THAT(failure.log, SizeIs(20));
  for (const auto& line : failure.log) EXPECT_LT(line.size(), 600U);
  EXPECT_LT(failure.message.size(), 600U);
}

constexpr const char* k_warned =
    "WARNING: modpost: missing MODULE_DESCRIPTION() in /c/hello.o\n"
    "/c/hello.o: warning: objtool: f() falls through to next function g()\n"
    "WARNING: modpost: vmlinux: section mismatch in reference: f -> g\n"
    "WARNING: modpost: vmlinux: section mismatch in reference: f -> g\n"
    "Skipping BTF generation for /c/hello.ko due to unavailability of vmlinux\n";

TEST(CompilerOutputTest, WarningsOfModpostAndObjtoolStandApart) {
  EXPECT_THAT(tool_warnings(k_warned, SeenPaths("/c")),
              ElementsAre("hello.o: warning: objtool: f() falls through to next function g()",
                          "WARNING: modpost: vmlinux: section mismatch in reference: f -> g"));
  const auto failure =
      first_error(k_warned + std::string("ERROR: modpost: \"absent\" [/c/hello.ko] undefined!\n"),
                  SeenPaths("/c"));
  EXPECT_THAT(failure.log, ElementsAre("ERROR: modpost: \"absent\" [hello.ko] undefined!"));
}

TEST(CompilerOutputTest, ControlCharactersAreShown) {
  EXPECT_EQ(first_error("/c/x.c:1:1: error: a\x07"
                        "b\xff\n",
                        SeenPaths("/c"))
                .message,
            "a\\x07b\\xff");
}

TEST(CompilerOutputTest, ABuildRootLacksTheNetworkAndPrograms) {
  EXPECT_THAT(missing_in_root("curl: (6) Could not resolve host: x\n"), HasSubstr("the network"));
  EXPECT_THAT(missing_in_root("/bin/sh: 1: wget: not found\n"), HasSubstr("the network"));
  EXPECT_THAT(missing_in_root("make[2]: git: No such file or directory\n"),
              HasSubstr("the network"));
  EXPECT_THAT(missing_in_root("a\n/bin/sh: 12: bison: not found\n"),
              HasSubstr("the build root has no bison"));
  EXPECT_THAT(missing_in_root("x.sh: line 3: python3: command not found\n"),
              HasSubstr("no python3"));
  for (const auto* other : {"", "x.c:1:1: error: y.h: No such file or directory\n",
                            "   84 |   \"/bin/sh: 1: wget: not found\"\n"})
    EXPECT_EQ(missing_in_root(other), "") << other;
}

TEST(CompilerOutputTest, AFullDiskIsTheHosts) {
  EXPECT_THAT(host_fault("/c/x.c:3:1: fatal error: error writing to /tmp/ccA.s: "
                         "No space left on device\n")
                  .value_or(""),
              HasSubstr("the disk is full: /c/x.c"));
  EXPECT_TRUE(host_fault("fixdep: not all data was written to the output\n"));
  EXPECT_THAT(host_fault("gcc: fatal error: Killed signal terminated program cc1\n").value_or(""),
              HasSubstr("not enough memory"));
  EXPECT_FALSE(
      host_fault("/c/x.c:84:3: error: expected ';'\n"
                 "   84 |   pr_err(\"No space left on device\")\n"));
  EXPECT_FALSE(host_fault(""));
}

}  // namespace
}  // namespace kobox
