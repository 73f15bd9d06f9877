// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/init_error.h"

#include <gmock/gmock.h>

#include "module/assembled_module.h"

namespace kobox {
namespace {

using ::testing::Contains;
using Kind = InitTrace::Kind;

// m_init calls probe, which calls register_it; both set -16.
constexpr std::string_view k_source = R"(
  .section .text, "ax"
  .type probe, @function
probe:
  call __fentry__
  call register_it
  movl $-16, %eax
  jmp __x86_return_thunk
  .size probe, . - probe
  .type leaves, @function
leaves:
  call __fentry__
  jmp register_it
  .size leaves, . - leaves
  .section .init.text, "ax"
  .type m_init, @function
  .globl init_module
  .type init_module, @function
m_init:
init_module:
  call __fentry__
  call probe
  movl $-16, %ebx
  call leaves
  movl $-16, %ebx
  call nobody_knows
  jmp __x86_return_thunk
  .size m_init, . - m_init
  .size init_module, . - init_module
  .section .modinfo, "a"
  .asciz "retpoline=Y"
)";
constexpr std::uint64_t k_text = 0xffffffffc0100000, k_init = 0xffffffffc0200000;

class InitErrorTest : public AssembledModuleTest {
 protected:
  static void SetUpTestSuite() { assemble({k_source}); }

  InitErrorTest() {
    for (const auto& one : code_.anchors())
      trace_.anchors.push_back((one.section == code_.init()->section ? k_init : k_text) +
                               one.value);
  }

  void returned(const std::string& name, std::uint64_t address, bool in_place = false) {
    const bool is_own = name == "m_init" || name == "probe" || name == "leaves";
    const auto& names = is_own ? probes_.spec.functions : probes_.spec.callees;
    const auto at = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
    ASSERT_LT(at, names.size()) << name;
    trace_.events.push_back({.kind = is_own ? Kind::function : Kind::callee,
                             .index = at,
                             .address = address,
                             .in_place = in_place});
  }
  // A move in the order of the places in the sections.
  void moved(std::size_t index) {
    trace_.events.push_back({.kind = Kind::move, .index = index, .address = 0});
  }

  // "register_it@probe+10", "@probe+10" where it is set.
  std::string found() const {
    const auto culprit = find_init_culprit(code_, probes_, trace_);
    if (!culprit) return "";
    return fmt::format("{}@{}+{}", culprit->callee, culprit->place.function->name,
                       culprit->place.offset);
  }

  KoCode code_ = KoCode::open(ko()).value();
  InitProbes probes_ = init_probes(code_, -16);
  InitTrace trace_;
};

constexpr std::uint64_t k_kernel = 0xffffffff81002a88;

TEST_F(InitErrorTest, ProbesWhatIsCalledAndWhatIsSet) {
  EXPECT_THAT(probes_.spec.callees, Contains("register_it"));
  EXPECT_EQ(probes_.spec.functions.front(), "m_init") << "what is nearest comes first";
  EXPECT_EQ(probes_.spec.moves.size(), 3U);
  EXPECT_TRUE(probes_.has_all_functions);
  EXPECT_EQ(found(), "") << "nothing was seen";
}

TEST_F(InitErrorTest, TheInnermostCallThatReturnedTheErrorIsMeant) {
  returned("register_it", k_text + 10);
  returned("probe", k_init + 10);
  returned("m_init", k_kernel);
  EXPECT_EQ(found(), "register_it@probe+10");
}

TEST_F(InitErrorTest, AnErrorThatWasReturnedToTheKernelIsNotMeant) {
  returned("register_it", k_kernel + 0x100000);
  returned("m_init", k_kernel);
  EXPECT_EQ(found(), "@m_init+0") << "its own, but nobody knows which line";
}

// Before 6.1 the kernel does not say so, but both have the same address.
TEST_F(InitErrorTest, ATailCallIsPlacedByItsJump) {
  for (const bool is_told : {true, false}) {
    trace_.events.clear();
    returned("register_it", is_told ? 0 : k_init + 20, is_told);
    returned("leaves", k_init + 20);
    returned("m_init", k_kernel);
    EXPECT_EQ(found(), "register_it@leaves+6") << is_told;
  }
}

TEST_F(InitErrorTest, ALineThatSetsTheErrorIsMeantWhereNoCallReturnedIt) {
  moved(0);
  returned("probe", k_init + 10);
  returned("m_init", k_kernel);
  EXPECT_EQ(found(), "@probe+10");
  trace_.events.clear();
  moved(1);
  moved(2);
  returned("m_init", k_kernel);
  EXPECT_EQ(found(), "@m_init+0") << "one of two lines";
}

TEST_F(InitErrorTest, ACallOrALineIsNotCertain) {
  returned("register_it", k_text + 10);
  moved(0);
  returned("probe", k_init + 10);
  returned("m_init", k_kernel);
  EXPECT_EQ(found(), "probe@m_init+10") << "but that it came from there is";
}

TEST_F(InitErrorTest, NothingIsTheFunctionsOwnWhereSomeCallsAreNotSeen) {
  moved(1);
  returned("m_init", k_kernel);
  EXPECT_EQ(found(), "@m_init+10");
  probes_.unknown_callees = {"register_it"};
  EXPECT_EQ(found(), "@m_init+10") << "which m_init does not call";
  probes_.unknown_callees = {"nobody_knows"};
  EXPECT_EQ(found(), "");
  probes_.unknown_callees.clear();
  probes_.has_all_functions = false;
  EXPECT_EQ(found(), "");
}

}  // namespace
}  // namespace kobox
