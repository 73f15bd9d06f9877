// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/ko_code.h"

#include <gmock/gmock.h>

#include "module/assembled_module.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::string_view k_source = R"(
  .section .text, "ax"
  .type probe, @function
probe:
  call __fentry__
  call first_thing
  movl $-22, %eax
  movl $-22, %r9d
  jne probe.cold
  jne last_thing
  jmp __x86_return_thunk
  .size probe, . - probe
  .type by_pointer, @function
by_pointer:
  endbr64
  call __fentry__
  call __x86_indirect_thunk_rax
  movq $-22, %rbx
  lea data_of_others(%rip), %rax
  jmp __x86_return_thunk
  .size by_pointer, . - by_pointer
  .type probe.cold, @function
probe.cold:
  call _printk
  call by_pointer
  .size probe.cold, . - probe.cold
  .type twice, @function
twice:
  call __fentry__
  .size twice, . - twice

  .section .init.text, "ax"
  .type m_init, @function
  .globl init_module
  .type init_module, @function
m_init:
init_module:
  call __fentry__
  call first_thing
  call probe
  jmp last_thing
  .size m_init, . - m_init
  .size init_module, . - init_module

  .section .exit.text, "ax"
  .type m_exit, @function
m_exit:
  call last_thing
  .size m_exit, . - m_exit
)";

// Another source file's function of the same name, and how it is built.
constexpr std::string_view k_second = R"(
  .type twice, @function
twice:
  call __fentry__
  .size twice, . - twice
  .section .modinfo, "a"
  .asciz "retpoline=Y"
)";

class KoCodeTest : public AssembledModuleTest {
 protected:
  static void SetUpTestSuite() { assemble({k_source, k_second}); }

  const KoFunction& function(const std::string& name) const {
    const auto found = std::ranges::find(code_.functions(), name, &KoFunction::name);
    return found == code_.functions().end() ? throw std::out_of_range(name) : *found;
  }

  KoCode code_ = KoCode::open(ko()).value();
};

TEST_F(KoCodeTest, HasTheFunctionsThatRunBeforeTheUnload) {
  std::vector<std::string> names;
  for (const auto& one : code_.functions()) names.push_back(one.name);
  EXPECT_THAT(
      names, UnorderedElementsAre("probe", "by_pointer", "probe.cold", "twice", "twice", "m_init"));
  ASSERT_NE(code_.init(), nullptr);
  EXPECT_EQ(code_.init()->name, "m_init") << "by the author's name";
}

TEST_F(KoCodeTest, KnowsWhichCanBeProbedByName) {
  EXPECT_TRUE(function("probe").is_traceable);
  EXPECT_TRUE(function("by_pointer").is_traceable) << "behind an endbr64";
  EXPECT_FALSE(function("probe.cold").is_traceable);
  EXPECT_FALSE(function("twice").is_traceable) << "which of them?";
}

TEST_F(KoCodeTest, KnowsWhatTheyCall) {
  EXPECT_THAT(function("probe").calls, ElementsAre("first_thing", "last_thing"));
  EXPECT_THAT(function("by_pointer").calls, IsEmpty()) << "thunks and data are none";
  EXPECT_TRUE(code_.knows_pointers());
  EXPECT_TRUE(function("by_pointer").calls_by_pointer);
  EXPECT_FALSE(function("probe").calls_by_pointer);
  EXPECT_THAT(code_.jumps(function("probe"), "last_thing"), SizeIs(1));
  EXPECT_THAT(code_.jumps(function("probe"), "first_thing"), IsEmpty()) << "it is called";
  EXPECT_THAT(code_.jumps(*code_.init(), "last_thing"), SizeIs(1));
}

TEST_F(KoCodeTest, KnowsWhatInitReaches) {
  std::vector<std::string> names;
  for (const auto* one : code_.reached_by_init()) names.push_back(one->name);
  EXPECT_THAT(names, ElementsAre("m_init", "probe", "probe.cold", "by_pointer"));
}

TEST_F(KoCodeTest, FindsWhereANumberIsSet) {
  std::vector<std::pair<std::string, std::uint64_t>> places;
  for (const auto& one : code_.moves_of(-22)) places.emplace_back(one.function->name, one.offset);
  EXPECT_THAT(places, ElementsAre(std::pair("probe", 10U), std::pair("probe", 15U),
                                  std::pair("by_pointer", 14U)));
  EXPECT_THAT(code_.moves_of(-23), IsEmpty());
}

TEST_F(KoCodeTest, FindsThePlaceBehindACallAgainWhereverTheSectionsLie) {
  std::vector<std::uint64_t> anchors;
  for (const auto& one : code_.anchors())
    anchors.push_back(0xffffffffc0000000 + 0x10000 * one.section + one.value);
  const auto base = 0xffffffffc0000000 + 0x10000 * code_.init()->section;
  const auto place = code_.before(base + 10, anchors);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->function->name, "m_init");
  EXPECT_EQ(place->offset, 10U);
  EXPECT_FALSE(code_.before(base, anchors)) << "no call ends there";
  EXPECT_FALSE(code_.before(base + 0x1000, anchors));
  EXPECT_FALSE(code_.before(base + 10, {}));
}

TEST_F(KoCodeTest, ACopyHasASymbolAtTheEndOfEachSection) {
  const auto copy = directory() / "copy.ko";
  const auto written = write_with_section_ends(ko(), copy);
  ASSERT_TRUE(written) << written.error().message();
  const auto again = KoCode::open(copy).value();
  EXPECT_EQ(again.functions().size(), code_.functions().size()) << "they are no functions";
  const auto symbols = run_command({.argv = {"nm", copy.string()}}, {}).value().output;
  EXPECT_THAT(symbols, ::testing::ContainsRegex("0+14 t kobox_end_[0-9]+\n"));
  EXPECT_FALSE(write_with_section_ends("/nonexistent", copy));
}

TEST_F(KoCodeTest, TakesNoFileThatIsNoModule) {
  EXPECT_FALSE(KoCode::open("/nonexistent"));
  ASSERT_TRUE(write_file(directory() / "text", "no ELF"));
  EXPECT_FALSE(KoCode::open(directory() / "text"));
}

}  // namespace
}  // namespace kobox
