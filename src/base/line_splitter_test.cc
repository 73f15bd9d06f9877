// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/line_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Each line, with "..." behind one that was cut.
class Lines {
 public:
  explicit Lines(std::size_t max_line) : splitter_(max_line) {}
  std::vector<std::string> feed(std::string_view bytes) {
    splitter_.feed(bytes, sink_);
    return std::exchange(lines_, {});
  }
  std::vector<std::string> finish() {
    splitter_.finish(sink_);
    return std::exchange(lines_, {});
  }
  bool is_overlong() const { return splitter_.is_overlong(); }

 private:
  LineSplitter splitter_;
  std::vector<std::string> lines_;
  LineSplitter::Sink sink_ = [this](StreamLine line) {
    lines_.push_back(std::string(line.text) + (line.cut ? "..." : ""));
  };
};

TEST(LineSplitter, ALineIsHandedOnWhenItsEndHasCome) {
  Lines lines(100);
  EXPECT_THAT(lines.feed("one\ntw"), ElementsAre("one"));
  EXPECT_THAT(lines.feed("o"), IsEmpty());
  EXPECT_THAT(lines.feed("\n\nthree\r\nfour"), ElementsAre("two", "", "three\r"));
  EXPECT_THAT(lines.finish(), ElementsAre("four"));
  EXPECT_THAT(lines.finish(), IsEmpty());
}

TEST(LineSplitter, NothingIsNoLine) {
  Lines lines(100);
  EXPECT_THAT(lines.feed(""), IsEmpty());
  EXPECT_THAT(lines.feed("\n"), ElementsAre(""));
  EXPECT_THAT(lines.finish(), IsEmpty());
}

TEST(LineSplitter, ALongLineIsCut) {
  const std::string text = "1234\n12345\n123456\n1\n";
  const auto expected = ElementsAre("1234", "12345", "12345...", "1");
  EXPECT_THAT(Lines(5).feed(text), expected);
  Lines lines(5);
  std::vector<std::string> all;
  for (const char c : text)
    for (auto& line : lines.feed({&c, 1})) all.push_back(std::move(line));
  EXPECT_THAT(all, expected);
}

TEST(LineSplitter, ALineThatDoesNotEndIsKnownToBeTooLong) {
  Lines lines(5);
  lines.feed("12345");
  EXPECT_FALSE(lines.is_overlong());
  lines.feed("6");
  EXPECT_TRUE(lines.is_overlong());
  EXPECT_THAT(lines.feed("7\n1"), ElementsAre("12345..."));
  EXPECT_FALSE(lines.is_overlong());
  lines.feed("23456789");
  EXPECT_THAT(lines.finish(), ElementsAre("12345..."));
}

}  // namespace
}  // namespace kobox
