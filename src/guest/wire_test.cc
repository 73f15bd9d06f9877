// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace kobox::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> drain(FrameReader& reader) {
  std::vector<std::string> payloads;
  while (auto payload = reader.next()) payloads.push_back(std::move(*payload));
  return payloads;
}

std::string header(std::uint32_t size) { return frame(std::string(size, 'x')).substr(0, 4); }

TEST(Frame, LengthIsLittleEndian) {
  EXPECT_EQ(frame("abc"), std::string("\3\0\0\0abc", 7));
  EXPECT_EQ(frame(std::string(0x10203, 'x')).substr(0, 4), std::string("\3\2\1\0", 4));
}

TEST(FrameReader, EverySplitGivesTheSame) {
  const auto stream = frame("one") + frame("t") + frame(std::string("\0\0\0\0", 4)) + frame("four");
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    for (std::size_t second = first; second <= stream.size(); ++second) {
      FrameReader reader;
      std::vector<std::string> got;
      for (const auto& piece :
           {stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)}) {
        reader.feed(piece);
        std::ranges::move(drain(reader), std::back_inserter(got));
      }
      EXPECT_THAT(got, ElementsAre("one", "t", std::string("\0\0\0\0", 4), "four"));
      EXPECT_FALSE(reader.broken());
      EXPECT_EQ(reader.pending(), "");
    }
  }
}

TEST(FrameReader, ATruncatedFrameIsPending) {
  const auto whole = frame("payload");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    FrameReader reader;
    reader.feed(whole.substr(0, size));
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.broken());
    EXPECT_EQ(reader.pending().size(), size);
  }
}

TEST(FrameReader, ALengthOfZeroBreaksIt) {
  FrameReader reader;
  reader.feed(frame("good") + std::string(4, '\0') + frame("never"));
  EXPECT_THAT(drain(reader), ElementsAre("good"));
  EXPECT_TRUE(reader.broken());
  reader.feed(frame("nor this"));
  EXPECT_THAT(drain(reader), IsEmpty());
  EXPECT_EQ(reader.pending(), "") << "nothing is collected any more";
}

TEST(FrameReader, LengthsUpToTheLimit) {
  FrameReader reader;
  reader.feed(frame(std::string(k_max_frame, 'x')));
  EXPECT_EQ(drain(reader).at(0).size(), k_max_frame);
  EXPECT_FALSE(reader.broken());
  for (const auto& size : {header(k_max_frame + 1), std::string("\xff\xff\xff\xff", 4),
                           std::string("\0\0\0\x80", 4)}) {
    FrameReader other;
    other.feed(size);
    EXPECT_FALSE(other.next());
    EXPECT_TRUE(other.broken()) << "before any of its bytes came";
  }
}

TEST(FrameReader, ManyFramesInOneAndAcrossItsTidyingUp) {
  std::string stream;
  for (int i = 0; i < 300'000; ++i) stream += frame(std::to_string(i));
  FrameReader reader;
  reader.feed(stream.substr(0, stream.size() - 3));
  auto got = drain(reader);
  reader.feed(stream.substr(stream.size() - 3));
  std::ranges::move(drain(reader), std::back_inserter(got));
  ASSERT_THAT(got, SizeIs(300'000));
  for (int i = 0; i < 300'000; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)], std::to_string(i));
}

}  // namespace
}  // namespace kobox::wire
