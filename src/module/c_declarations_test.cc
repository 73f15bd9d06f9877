// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/c_declarations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "module/c_tokens.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = CDeclaration::Kind;

CDeclaration only(const std::vector<CDeclaration>& all) {
  EXPECT_EQ(all.size(), 1U);
  return all.empty() ? CDeclaration{} : all.front();
}

// "returned(a; b)" or "type": everything that is compared.
std::string shape(const CDeclaration& one) {
  if (!one.parameters) return one.type;
  return one.type + "(" + join(*one.parameters, "; ") + ")";
}

struct Case {
  const char* text;
  const char* name;
  Kind kind;
  const char* shape;
};

constexpr Case k_cases[] = {
    {"extern int f(struct device *dev, const char *fmt, ...);", "f", Kind::function,
     "int(struct device *; const char *; ...)"},
    {"struct class * __must_check f(const char *name);", "f", Kind::function,
     "struct class *(const char *)"},
    {"static inline __must_check\nint f(void)\n{\n\treturn 0;\n}\n", "f", Kind::function, "int()"},
    {"extern int __printf(2, 3) f(unsigned long, const unsigned n, char buf[8]);", "f",
     Kind::function, "int(unsigned long; const unsigned; char [])"},
    {"void f(int (*poll)(struct napi *n, int budget), struct page **p, umode_t);", "f",
     Kind::function, "void(int (*)(struct napi *, int); struct page **; umode_t)"},
    {"DECLARE_THING(a, b)\nlong f(__u32 __user *x, struct page);", "f", Kind::function,
     "long(__u32 *; struct page)"},
    {"#ifdef A\nint f(int a)\n{\n#else\nint f(long a)\n{\n#endif\n\treturn 0;\n}\n", "f",
     Kind::function, "int(int)"},
    {"#define F(a, b...) \\\n\tg(a,  b)  /* why */\n", "F", Kind::call_macro, "g(a, b)(a; ...)"},
    {"#  define F NULL\n", "F", Kind::macro, "NULL"},
    {"#define F\n", "F", Kind::macro, ""},
    {"enum e { A, B = F(1), C };", "B", Kind::constant, "enum"},
    {"struct f;\nstruct f *g(struct f *x);\nstruct f {\n\tint a;\n};", "f", Kind::type, "struct"},
    {"DEFINE_FREE(g, int, if (_T) g(_T))\nstruct f {\n\tint a;\n};", "f", Kind::type, "struct"},
    {"typedef struct { int a; } f;", "f", Kind::type, "typedef struct{int a;}f"},
    {"extern const struct ops f;", "f", Kind::variable, "const struct ops"},
    {"extern int (*f)(int a);", "f", Kind::variable, "int (*)(int)(int)"},
};

TEST(CDeclarationsTest, SaysWhatCallersHaveToKnow) {
  for (const auto& one : k_cases) {
    SCOPED_TRACE(one.text);
    const auto all = declarations_of(one.text, one.name);
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all.front().kind, one.kind);
    EXPECT_EQ(shape(all.front()), one.shape);
  }
}

TEST(CDeclarationsTest, AMentionIsNoDeclaration) {
  for (const char* text :
       {"int g(int f);", "#define G f(1)", "// int f(int);", "/* int f(int); */", "struct f;",
        "static inline int g(void)\n{\n\treturn f(1);\n}\n", "const char *s = \"int f(int)\";",
        "EXPORT(f);", "#ifdef f\n#endif\n", "int fx(void);"})
    EXPECT_THAT(declarations_of(text, "f"), IsEmpty()) << text;
}

TEST(CDeclarationsTest, HasItsLinesAndWhatItCalls) {
  const auto inline_function = only(declarations_of(
      "// 1\n\nstatic inline int del(struct timer *t)\n{\n\treturn timer_del(t);\n}\nint x;\n",
      "del"));
  EXPECT_EQ(inline_function.line, 3);
  EXPECT_EQ(inline_function.text,
            "static inline int del(struct timer *t)\n{\n\treturn timer_del(t);\n}");
  EXPECT_EQ(inline_function.calls, "timer_del");
  EXPECT_EQ(only(declarations_of("#define F(a) g(a, 1)\n", "F")).calls, "g");
  EXPECT_EQ(only(declarations_of("#define F(a) (g(a) + 1)\n", "F")).calls, "");

  const auto long_one = only(declarations_of(
      "int f(int a,\n      int b)\n{\n\ta();\n\tb();\n\tc();\n\td();\n\te();\n}\n", "f"));
  EXPECT_EQ(long_one.text, "int f(int a,\n      int b)") << "a long body is left out";
  const auto tall = only(declarations_of("#define F 1 \\\n2 \\\n3 \\\n4 \\\n5 \\\n6 \\\n7\n", "F"));
  EXPECT_EQ(tall.text, "#define F 1 \\\n2 \\\n3 \\\n4 \\\n5 \\\n6 \\\n...");
}

constexpr const char* k_struct = R"(
struct fwd;
struct s {
	unsigned int	__state;
	/* int gone; */
	const int a, *b[4];
	union {
		void (*remove)(struct device *);
		struct { u8 deep : 3; };
	};
	struct { int hidden; } named;
	struct_group(group, int grouped; int other;);
	DECLARE_BITMAP(bits, 64);
#ifdef CONFIG_X
	int (*open) (struct inode *, fmode_t mode);
#endif
} __aligned(8);
)";

TEST(CDeclarationsTest, MembersOfAStruct) {
  const auto shape_of = [](const char* member) {
    const auto all = members_of(k_struct, "s", member);
    return all.empty() ? "none" : shape(all.front());
  };
  EXPECT_EQ(shape_of("__state"), "unsigned int");
  EXPECT_EQ(shape_of("a"), "const int");
  EXPECT_EQ(shape_of("b"), "const int * [4]");
  EXPECT_EQ(shape_of("remove"), "void (*)(struct device *)(struct device *)");
  EXPECT_EQ(shape_of("deep"), "u8 : 3");
  EXPECT_EQ(shape_of("grouped"), "int");
  EXPECT_EQ(shape_of("bits"), "DECLARE_BITMAP(bits, 64)");
  EXPECT_EQ(shape_of("open"), "int (*)(struct inode *, fmode_t)(struct inode *; fmode_t)");
  EXPECT_EQ(shape_of("gone"), "none");
  EXPECT_EQ(shape_of("hidden"), "none");
  EXPECT_EQ(members_of(k_struct, "s", "remove").front().line, 8);
  EXPECT_EQ(members_of(k_struct, "s", "remove").front().text, "void (*remove)(struct device *);");
  EXPECT_THAT(members_of(k_struct, "fwd", "a"), IsEmpty());
  EXPECT_THAT(
      member_names("struct s { int a; unsigned int __b; struct t c; void (*d)(int e); };", "s"),
      ElementsAre("a", "__b", "c", "d"));
}

TEST(CDeclarationsTest, WhatAHeaderDeclares) {
  EXPECT_THAT(declared_names("struct f;\nstruct s { int a; };\nextern int g(int b);\n"
                             "static inline int h(void) { return g(1); }\n#define M(x) x\n"),
              ElementsAre("s", "g", "h"));
  const auto old = only(declarations_of("#define old(v, t) container_of(t, typeof(*v))\n", "old"));
  EXPECT_EQ(
      macro_like("#define other(v, t) g(t)\n#define now(v, t) \\\n container_of(t, typeof(*v))",
                 old),
      "now");
  EXPECT_EQ(macro_like("#define other(v, t) g(t)\n", old), "");
}

constexpr const char* k_source = R"(struct b *dev;
static void f(struct a *dev)
{
	dev->x = 1;
}
static const struct ops o = {
	.open = 1,
	.more = { .x = 2 },
};
int g(void) { return 0; }
struct c *late;
)";

TEST(CDeclarationsTest, WhichStructAVariableIs) {
  EXPECT_EQ(struct_of_variable(k_source, "dev", 4), "a");
  EXPECT_EQ(struct_of_variable(k_source, "dev", 1), "b");
  EXPECT_EQ(struct_of_variable(k_source, "late", 4), "c");
  EXPECT_EQ(struct_of_variable(k_source, "absent", 4), "");
  EXPECT_EQ(struct_initialized_at(k_source, 7), "ops");
  EXPECT_EQ(struct_initialized_at(k_source, 8), "ops");
  EXPECT_EQ(struct_initialized_at(k_source, 4), "");
  EXPECT_EQ(struct_initialized_at(k_source, 10), "");
}

TEST(CDeclarationsTest, BrokenTextIsNoTrouble) {
  for (const char* text :
       {"f",         "int f(",     "int f(int",   "struct s {", "struct s { int (*f)(",
        "#define",   "#define f(", "#define f(a", "enum { f",   "} f;",
        ") f (",     "\"f",        "/* f",        "#",          "int f(int a));",
        "typedef f", "f(*",        "(*f)(",       "[f]",        "= f,"}) {
    declarations_of(text, "f");
    members_of(text, "s", "f");
    member_names(text, "s");
    declared_names(text);
    struct_of_variable(text, "f", 1);
    struct_initialized_at(text, 1);
  }
}

// Each of these took the square of its size, or the stack.
TEST(CDeclarationsTest, MuchOfAnythingIsRead) {
  const auto repeat = [](std::string_view piece) {
    std::string text;
    while (text.size() < 1 << 18) text += piece;
    return text;
  };
  for (const auto& text :
       {repeat("("), repeat("int f(int (*f)"), repeat("f "), repeat("int f;"), repeat("struct f "),
        repeat("f(1)"), repeat("{}"), "struct s {" + repeat("f ") + "};",
        repeat("struct s f = {};"), "enum {" + repeat("f,") + "};",
        "int f = {" + repeat("f,") + "};", repeat("(f)")}) {
    declarations_of(text, "f");
    members_of(text, "s", "f");
    member_names(text, "s");
    declared_names(text);
    struct_of_variable(text, "f", 1);
    struct_initialized_at(text, 1);
  }
  EXPECT_TRUE(tokens_of(repeat("(")).empty());
}

TEST(CTokensTest, KeepsDirectivesWholeAndLeavesCommentsOut) {
  std::vector<std::string> texts;
  for (const auto& token : tokens_of("a->b /* c */ \"d\\\"e\" // f\n# define X \\\n  1\n'g' ...\n"))
    texts.emplace_back(token.text);
  EXPECT_THAT(texts,
              ElementsAre("a", "-", ">", "b", "\"d\\\"e\"", "# define X \\\n  1", "'g'", "..."));
  EXPECT_TRUE(has_word("int f_g(f)", "f"));
  EXPECT_FALSE(has_word("int f_g(fg)", "f"));
}

}  // namespace
}  // namespace kobox
