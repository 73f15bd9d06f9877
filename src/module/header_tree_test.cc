// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/header_tree.h"

#include <gmock/gmock.h>

#include "module/header_fixture.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HeaderTreeTest : public testing::HeaderFixture {
 protected:
  static std::vector<std::string> files_of(const HeaderTree& tree, const std::string& name) {
    std::vector<std::string> files;
    const auto found = tree.look_up(std::vector{name});
    for (const auto& one : found.at(name))
      files.push_back(one.file + ":" + std::to_string(one.declaration.line));
    return files;
  }
  Kernel kernel_ = debian("6.1.0-1-amd64",
                          {{"include/asm-generic/x.h", "int f(void);\n"},
                           {"include/linux/x.h", "\nint f(int a);\n#define V $(NO)\n"},
                           {"include/config/F.h", "int f(void);\n"},
                           {"arch/x86/include/asm/y.h", "struct s {\n\tint a;\n};\n"},
                           {"arch/arm/include/asm/y.h", "int f(long other);\n"},
                           {"include/uapi/linux/u.h", "int u(void);\n"},
                           {"scripts/Makefile.lib", "# $(OLD)\nccflags-y += $(OLD)\n"}},
                          {{"include/generated/g.h", "int f(char c);\n"},
                           {"arch/x86/include/generated/asm/w.h", "#include <asm-generic/x.h>\n"},
                           {"Module.symvers",
                            "0x1\tf_other\tvmlinux\tEXPORT_SYMBOL\t\n"
                            "0x2\tf\tvmlinux\tEXPORT_SYMBOL_GPL\tNS\nbroken\n"}});
};

TEST_F(HeaderTreeTest, FindsDeclarationsTheKernelsOwnFirst) {
  const HeaderTree tree(kernel_, Deadline::never());
  EXPECT_EQ(tree.release(), "6.1.0-1-amd64");
  EXPECT_THAT(files_of(tree, "f"), ElementsAre("include/linux/x.h:2", "include/asm-generic/x.h:1",
                                               "include/generated/g.h:1"))
      << "not another processor's, and not the configuration's";
  EXPECT_THAT(files_of(tree, "absent"), IsEmpty());
  ASSERT_TRUE(tree.find_struct("s"));
  EXPECT_EQ(tree.find_struct("s")->file, "arch/x86/include/asm/y.h");
  EXPECT_FALSE(tree.find_struct("t"));
}

TEST_F(HeaderTreeTest, FindsHeadersAsTheyAreIncluded) {
  const HeaderTree tree(kernel_, Deadline::never());
  EXPECT_EQ(tree.header("linux/x.h"), "include/linux/x.h");
  EXPECT_EQ(tree.header("linux/u.h"), "include/uapi/linux/u.h");
  EXPECT_EQ(tree.header("asm/w.h"), "arch/x86/include/generated/asm/w.h");
  EXPECT_FALSE(tree.header("linux/gone.h"));
  EXPECT_THAT(tree.namesakes("old/x.h"), ElementsAre("asm-generic/x.h", "linux/x.h"));
  EXPECT_EQ(tree.read("include/generated/g.h"), "int f(char c);\n");
}

TEST_F(HeaderTreeTest, ReadsExportsAndKbuildsVariables) {
  const HeaderTree tree(kernel_, Deadline::never());
  ASSERT_TRUE(tree.exported("f"));
  EXPECT_EQ(tree.exported("f")->line, 2);
  EXPECT_EQ(tree.exported("f")->how, "EXPORT_SYMBOL_GPL");
  EXPECT_EQ(tree.exported("f")->name_space, "NS");
  EXPECT_EQ(tree.exported("f_other")->name_space, "");
  EXPECT_FALSE(tree.exported("broken"));
  ASSERT_TRUE(tree.read_variable("OLD"));
  EXPECT_EQ(tree.read_variable("OLD")->declaration.line, 2);
  EXPECT_FALSE(tree.read_variable("NO"));
}

// A kernel of one's own: the whole source tree, and a build directory made with O=.
TEST_F(HeaderTreeTest, ASourceTreeAndItsBuildDirectory) {
  const auto source = directory_.path() / "linux";
  put(source / "Makefile", "all:\n");
  put(source / "include/linux/x.h", "int f(void);\n");
  const HeaderTree whole({.release = "6.19.0", .headers = source}, Deadline::never());
  EXPECT_THAT(files_of(whole, "f"), ElementsAre("include/linux/x.h:1"));
  const auto build = directory_.path() / "out/deep";
  put(build / "Makefile", "include " + source.string() + "/Makefile\n");
  put(build / "include/generated/g.h", "int f(int);\n");
  const HeaderTree apart({.release = "6.19.0", .headers = build}, Deadline::never());
  EXPECT_THAT(files_of(apart, "f"), ElementsAre("include/linux/x.h:1", "include/generated/g.h:1"));
}

TEST_F(HeaderTreeTest, ASearchThatRanOutOfTimeSaysSo) {
  const HeaderTree tree(kernel_, Deadline::after(Duration(0)));
  EXPECT_FALSE(tree.incomplete());
  EXPECT_THAT(tree.look_up(std::vector<std::string>{"f"})["f"], IsEmpty());
  EXPECT_TRUE(tree.incomplete());
}

// Ubuntu's build trees have links into one that all flavours share.
TEST_F(HeaderTreeTest, LinksToDirectoriesAreFollowed) {
  const auto shared = directory_.path() / "linux-headers-6.8.0-31";
  const auto build = directory_.path() / "linux-headers-6.8.0-31-generic";
  put(shared / "include/linux/x.h", "int f(void);\n");
  put(build / "Makefile", "all:\n");
  put(build / "include/generated/g.h", "int f(int);\n");
  fs::create_directory_symlink("../../linux-headers-6.8.0-31/include/linux",
                               build / "include/linux");
  const HeaderTree tree({.release = "6.8.0-31-generic", .headers = build}, Deadline::never());
  EXPECT_FALSE(tree.empty());
  EXPECT_THAT(files_of(tree, "f"), ElementsAre("include/linux/x.h:1", "include/generated/g.h:1"));
  EXPECT_THAT(tree.namesakes("old/x.h"), ElementsAre("linux/x.h"));
}

TEST_F(HeaderTreeTest, LinksThatLeadInACircleEnd) {
  const auto source = directory_.path() / "linux";
  put(source / "Makefile", "all:\n");
  put(source / "include/linux/x.h", "int f(void);\n");
  put(source / "include/a/y.h", "");
  fs::create_directory_symlink("..", source / "include/linux/up");
  fs::create_directory_symlink("../a", source / "include/a/self");
  fs::create_directory_symlink("linux", source / "include/also");
  fs::create_directory_symlink("nowhere", source / "include/dangling");
  const HeaderTree tree({.release = "6.19.0", .headers = source}, Deadline::never());
  EXPECT_THAT(files_of(tree, "f"), ElementsAre("include/linux/x.h:1")) << "once, at its own path";
  EXPECT_FALSE(tree.incomplete());
}

TEST_F(HeaderTreeTest, WithoutTheKernelsOwnHeadersItIsEmpty) {
  const auto build = directory_.path() / "build";
  put(build / "Makefile", "all:\n");
  put(build / "include/generated/g.h", "int f(int);\n");
  fs::create_directories(build / "include/linux");
  EXPECT_TRUE(HeaderTree({.release = "6.19.0", .headers = build}, Deadline::never()).empty());
}

TEST_F(HeaderTreeTest, AKernelWithoutHeadersHasNone) {
  const HeaderTree tree({.release = "6.1.0"}, Deadline::never());
  EXPECT_TRUE(tree.empty());
  EXPECT_FALSE(tree.find_struct("s"));
  EXPECT_FALSE(tree.header("linux/x.h"));
  EXPECT_FALSE(tree.has_exports());
  EXPECT_FALSE(tree.read_variable("OLD"));
}

}  // namespace
}  // namespace kobox
