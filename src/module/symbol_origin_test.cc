// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/symbol_origin.h"

#include <gmock/gmock.h>

#include "module/header_fixture.h"

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* k_undefined = "modpost: \"foo\" [m.ko] undefined!";

TEST(MissingSymbol, IsFoundInModpostsAndTheLoadersWords) {
  EXPECT_EQ(missing_symbol(k_undefined), "foo");
  EXPECT_EQ(missing_symbol("\"foo\" [m.ko] undefined!"), "foo");
  EXPECT_EQ(missing_symbol("modpost: GPL-incompatible module m.ko uses GPL-only symbol 'foo'"),
            "foo");
  EXPECT_EQ(missing_symbol("modpost: module m uses symbol foo from namespace NS, but does not "
                           "import it."),
            "foo");
  EXPECT_EQ(
      missing_symbol("m: module uses symbol (foo) from namespace NS, but does not import it."),
      "foo");
  EXPECT_EQ(missing_symbol("m: Unknown symbol foo (err -2)"), "foo");
}

TEST(MissingSymbol, IsNoneInOtherMessages) {
  for (const auto* text : {"", "'foo' undeclared (first use in this function)", "\" undefined!",
                           "\"a b\" [m.ko] undefined!", "m: Unknown symbol ",
                           "Unknown symbol x/y (", "undefined reference to `foo'"})
    EXPECT_EQ(missing_symbol(text), "") << text;
}

TEST(ExportsSymbol, KnowsTheMacrosOfAllKinds) {
  EXPECT_TRUE(exports_symbol("int foo;\nEXPORT_SYMBOL(foo);", "foo"));
  EXPECT_TRUE(exports_symbol("EXPORT_SYMBOL_GPL( foo );", "foo"));
  EXPECT_TRUE(exports_symbol("EXPORT_SYMBOL_NS_GPL(foo, \"NS\")", "foo"));
  EXPECT_FALSE(exports_symbol("EXPORT_SYMBOL(foobar); EXPORT_SYMBOL(a_foo);", "foo"));
  EXPECT_FALSE(exports_symbol("EXPORT_SYMBOL foo", "foo"));
  EXPECT_FALSE(exports_symbol("EXPORT_SYMBOL(", "foo"));
}

std::string explained(const SymbolOrigin& origin, std::string_view message = k_undefined,
                      std::string_view license = "GPL",
                      const std::string& release = "6.1.0-56-cloud-amd64") {
  return explain_symbol(message, origin, {.release = release}, license);
}

HeaderTree::Export exported(const std::string& module, const std::string& how,
                            const std::string& name_space = "") {
  return {.module = module, .how = how, .name_space = name_space};
}

TEST(ExplainSymbol, ASiblingIsToBeNeeded) {
  EXPECT_THAT(explained({.sibling = SiblingExport{"../lddbus", "../kobox.toml", "lddbus"}}),
              HasSubstr("of ../kobox.toml: needs = [\"lddbus\"]"));
}

TEST(ExplainSymbol, AModuleOfTheKernelsIsNamed) {
  SymbolOrigin origin{.exported = exported("drivers/media/v4l2-core/videodev", "EXPORT_SYMBOL")};
  EXPECT_THAT(explained(origin), AllOf(HasSubstr("module videodev"), HasSubstr("'depends'")));
  origin.module_is_there = false;
  EXPECT_THAT(explained(origin),
              AllOf(HasSubstr("comes without that module"), HasSubstr("--kernel 6.1")));
  EXPECT_THAT(explained(origin, k_undefined, "GPL", "6.1.0-56-amd64"), Not(HasSubstr("--kernel")));
}

TEST(ExplainSymbol, GplOnlyIsSaidOfOtherLicensesAlone) {
  const SymbolOrigin origin{.exported = exported("vmlinux", "EXPORT_SYMBOL_GPL")};
  EXPECT_THAT(explained(origin, "m: Unknown symbol foo (err -2)", "Proprietary"),
              AllOf(HasSubstr("GPL-compatible"), HasSubstr("'Proprietary'")));
  EXPECT_THAT(
      explained(origin, "modpost: GPL-incompatible module m.ko uses GPL-only symbol 'foo'", ""),
      HasSubstr("MODULE_LICENSE"));
  EXPECT_EQ(explained(origin, k_undefined, "Dual BSD/GPL"), "");
  EXPECT_EQ(explained(origin, k_undefined, ""), "");
}

TEST(ExplainSymbol, ANamespaceIsImportedAsTheKernelWantsIt) {
  const SymbolOrigin origin{.exported = exported("vmlinux", "EXPORT_SYMBOL_GPL", "DMA_BUF")};
  EXPECT_THAT(explained(origin), HasSubstr("MODULE_IMPORT_NS(DMA_BUF);"));
  EXPECT_THAT(explained(origin, k_undefined, "GPL", "6.13.1-amd64"),
              HasSubstr("MODULE_IMPORT_NS(\"DMA_BUF\");"));
}

TEST(ExplainSymbol, WhatIsNotExportedIsToldFromWhatIsNotThere) {
  EXPECT_THAT(explained({.in_kernel = true}), HasSubstr("exports it to no module"));
  EXPECT_THAT(explained({.in_kernel = true}, "\"kallsyms_lookup_name\" [m.ko] undefined!"),
              HasSubstr("since 5.7"));
  EXPECT_THAT(explained({.elsewhere = SymbolOrigin::Elsewhere{"6.1.0-56-amd64", "a/videodev"}}),
              AllOf(HasSubstr("module videodev of 6.1.0-56-amd64"), HasSubstr("--kernel 6.1")));
  EXPECT_THAT(explained({.header = "include/media/v4l2-dev.h"}),
              AllOf(HasSubstr("include/media/v4l2-dev.h"), HasSubstr("--kernel 6.1")));
  EXPECT_THAT(explained({.is_whole = true}), HasSubstr("neither"));
  EXPECT_EQ(explained({}), "") << "not everything was looked through";
}

class FindSymbol : public testing::HeaderFixture {
 protected:
  Kernel kernel_ = debian("6.1.0-1-amd64", {{"include/media/video.h", "int declared(void);\n"}},
                          {{"Module.symvers",
                            "0x1\tfoo\tdrivers/x/my-bus\tEXPORT_SYMBOL_GPL\tNS\n"
                            "0x2\tshort\n"}});
};

TEST_F(FindSymbol, InModuleSymversWithItsModule) {
  const auto origin = find_symbol("foo", directory_.path() / "none", kernel_, "");
  ASSERT_TRUE(origin.exported);
  EXPECT_EQ(origin.exported->module, "drivers/x/my-bus");
  EXPECT_EQ(origin.exported->name_space, "NS");
  EXPECT_TRUE(origin.module_is_there) << "no module files are known";
  kernel_.modules = directory_.path() / "modules";
  put(kernel_.modules / "kernel/other.ko", "");
  EXPECT_FALSE(find_symbol("foo", "", kernel_, "").module_is_there);
  put(kernel_.modules / "kernel/my-bus.ko.xz", "");
  EXPECT_TRUE(find_symbol("foo", "", kernel_, "").module_is_there);
}

TEST_F(FindSymbol, InADirectoryBesideAndNotInTheModulesOwn) {
  const auto source = directory_.path() / "family/driver";
  put(source / "driver.c", "EXPORT_SYMBOL(bar);\n");
  EXPECT_FALSE(find_symbol("bar", source, kernel_, "").sibling);
  put(source.parent_path() / "bus/Kbuild", "obj-m := bus.o\n");
  put(source.parent_path() / "bus/bus.c", "EXPORT_SYMBOL_GPL(bar);\n");
  EXPECT_EQ(find_symbol("bar", source, kernel_, "").sibling.value().directory, "../bus");
}

TEST_F(FindSymbol, InAHeaderAndNowhere) {
  EXPECT_EQ(find_symbol("declared", "", kernel_, "").header, "include/media/video.h");
  const auto nowhere = find_symbol("nowhere", "", kernel_, "");
  EXPECT_EQ(nowhere.header, "");
  EXPECT_FALSE(nowhere.is_whole) << "the kernel's own symbols could not be read";
}

}  // namespace
}  // namespace kobox
