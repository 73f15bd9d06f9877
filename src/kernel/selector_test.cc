// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::HasSubstr;
using Kind = Selector::Kind;

Selector good(std::string_view text) {
  auto selector = parse_selector(text);
  EXPECT_TRUE(selector) << text << ": " << selector.error().to_string();
  return selector.value_or(Selector{});
}

std::string bad(std::string_view text) {
  const auto selector = parse_selector(text);
  EXPECT_FALSE(selector) << text;
  if (selector) return "";
  EXPECT_EQ(selector.error().kind(), ErrorKind::usage);
  return selector.error().to_string();
}

TEST(Selector, TellsTheFormsApart) {
  EXPECT_EQ(good("6.1").kind, Kind::line);
  EXPECT_EQ(good("6.1").version, "6.1");
  EXPECT_EQ(good("6.1").flavour, "");
  EXPECT_EQ(good("6.12-cloud").version, "6.12");
  EXPECT_EQ(good("6.12-cloud").flavour, "cloud");
  EXPECT_EQ(good("7.3-rt").flavour, "rt");
  EXPECT_EQ(good("7.3-generic").flavour, "");
  EXPECT_EQ(good("all").kind, Kind::all);
  EXPECT_EQ(good("all").only_flavour, std::nullopt);
  EXPECT_EQ(good("newest-generic").only_flavour, "");
  EXPECT_EQ(good("sid-cloud").from->name, "sid");
  EXPECT_EQ(good("6.1.0-56-cloud-amd64").kind, Kind::release);
  EXPECT_EQ(good("6.12.117+deb12-amd64").text, "6.12.117+deb12-amd64");
  EXPECT_EQ(good("host").kind, Kind::host);
  EXPECT_EQ(good("./vmlinuz").kind, Kind::path);
  EXPECT_EQ(good("/boot/vmlinuz-6.1").image, "/boot/vmlinuz-6.1");
}

TEST(Selector, SaysWhatWasMeant) {
  EXPECT_THAT(bad("6.1-clod"), HasSubstr("did you mean '6.1-cloud'"));
  EXPECT_THAT(bad("6.1-realtime"), HasSubstr("'6.1', '6.1-cloud' and '6.1-rt'"));
  EXPECT_THAT(bad("newst"), HasSubstr("did you mean 'newest'"));
  EXPECT_THAT(bad("all-clod"), HasSubstr("names no kernel"));
  EXPECT_THAT(bad("6.1-"), HasSubstr("no kernel line"));
  EXPECT_THAT(bad("hosts"), HasSubstr("did you mean 'host'"));
  EXPECT_THAT(bad("vmlinuz-6.1"), HasSubstr("'./vmlinuz-6.1'"));
  EXPECT_THAT(bad(""), HasSubstr("exact release"));
  EXPECT_THAT(bad("6"), HasSubstr("6.1-cloud"));
  EXPECT_THAT(bad("6.1.0-56-amd64\n"), HasSubstr("names no kernel"));
  bad(std::string_view("6.1\0", 4));
  bad(std::string(100000, '6'));
}

TEST(Selector, NamesAllWordsWhenOneIsWrong) {
  const auto said = bad("nonsense");
  for (const auto* word : {"'host'", "'all'", "'oldest'", "'newest'", "'stable'"})
    EXPECT_THAT(said, HasSubstr(word));
  for (const auto& one : distributions())
    EXPECT_EQ(said.find(fmt::format("'{}'", one.name)) != std::string::npos, one.named_only)
        << one.name;
}

TEST(Selection, IsWordsAndConditions) {
  const auto names = [](std::string_view text) {
    const auto selection = parse_selection(text);
    EXPECT_TRUE(selection) << text << ": " << selection.error().to_string();
    std::string all;
    for (const auto& one : selection->selectors) all += one.text + " ";
    return all + "| " + selection->condition;
  };
  EXPECT_EQ(names("6.1"), "6.1 | ");
  EXPECT_EQ(names(" 6.1  6.12-cloud "), "6.1 6.12-cloud | ");
  EXPECT_EQ(names(">=6.12"), "all | >=6.12");
  EXPECT_EQ(names(">=6.1 all-rt <7"), "all-rt | >=6.1 <7");
  EXPECT_EQ(names("./a kernel/vmlinuz"), "./a kernel/vmlinuz | ");
  for (const auto* text : {"", "  ", "6.1 nonsense", ">=six", "all >"}) {
    const auto selection = parse_selection(text);
    ASSERT_FALSE(selection) << text;
    EXPECT_EQ(selection.error().kind(), ErrorKind::usage);
  }
}

TEST(Selector, NamesReleases) {
  EXPECT_TRUE(good("6.1-rt").names("6.1.0-56-rt-amd64"));
  EXPECT_FALSE(good("6.1").names("6.1.0-56-rt-amd64"));
  EXPECT_EQ(line_of_release("6.12.117+deb12-cloud-amd64"), "6.12-cloud");
  EXPECT_EQ(line_of_release("6.1.0-0.deb11.52-amd64"), "6.1");
  EXPECT_EQ(line_of_release("5.15.0-91-generic"), "5.15.0-91-generic");
}

TEST(ReleaseSatisfies, ComparesNumbers) {
  const auto is = [](std::string_view release, std::string_view condition) {
    const auto result = release_satisfies(release, condition);
    EXPECT_TRUE(result) << condition;
    return result.value_or(false);
  };
  EXPECT_TRUE(is("6.1.0-56-cloud-amd64", ">=6.1"));
  EXPECT_TRUE(is("6.12.117+deb12-amd64", ">=6.2"));
  EXPECT_FALSE(is("6.1.0-56-amd64", ">=6.12"));
  EXPECT_TRUE(is("6.1.0-56-amd64", ">=6.1 <6.12"));
  EXPECT_FALSE(is("6.12.117+deb12-amd64", ">=6.1 <6.12"));
  EXPECT_FALSE(is("6.12.117+deb12-amd64", ">6.12")) << "it is of that line";
  EXPECT_TRUE(is("6.12.117+deb12-amd64", "<=6.12"));
  EXPECT_TRUE(is("6.12.117", "==6.12"));
  EXPECT_TRUE(is("6.12.117", "=6.12.117"));
  EXPECT_FALSE(is("6.1", ">=6.1.5"));
}

TEST(ReleaseSatisfies, RefusesWhatIsNone) {
  for (const auto* condition : {"", " ", "6.1", "=>6.1", ">=", ">=6.x", ">=6.1,<7", "~6.1"}) {
    const auto result = release_satisfies("6.1.0", condition);
    ASSERT_FALSE(result) << condition;
    EXPECT_EQ(result.error().kind(), ErrorKind::usage);
  }
  EXPECT_FALSE(release_satisfies("linux", ">=6.1"));
}

}  // namespace
}  // namespace kobox
