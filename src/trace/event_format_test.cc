// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/event_format.h"

#include <gtest/gtest.h>

#include "trace/host_records.h"
#include "trace/ring_pages.h"

namespace kobox {
namespace {

// Of Linux 6.1.
constexpr const char* k_pio = R"(name: kvm_pio
ID: 1234
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:unsigned int rw;	offset:8;	size:4;	signed:0;
	field:unsigned int port;	offset:12;	size:4;	signed:0;
	field:char comm[16];	offset:16;	size:16;	signed:0;
	field:void *pointer;	offset:32;	size:8;	signed:0;

print fmt: "pio_%s at 0x%x", REC->rw ? "write" : "read", REC->port
)";

// Both readers: ours, and libtraceevent's for the host.
class EitherFormat : public testing::TestWithParam<Result<EventFormat> (*)(std::string_view)> {};
INSTANTIATE_TEST_SUITE_P(Readers, EitherFormat,
                         testing::Values(&parse_event_format, &parse_host_event_format));

TEST_P(EitherFormat, FieldsAreFoundByTheirNames) {
  const auto format = GetParam()(k_pio);
  ASSERT_TRUE(format) << format.error().message();
  EXPECT_EQ(format->name, "kvm_pio");
  EXPECT_EQ(format->id, 1234U);
  const auto record = common_fields(1234, 42) + bytes_of(std::uint32_t{1}, std::uint32_t{0x3f8});
  EXPECT_EQ(event_id(record), 1234U);
  EXPECT_EQ(event_pid(record), 42U);
  EXPECT_EQ(format->field("rw").of(record), 1U);
  EXPECT_EQ(format->field("port").of(record), 0x3f8U);
  EXPECT_EQ(format->field("comm").offset, 16U);
  EXPECT_EQ(format->field("pointer").size, 8U);
}

TEST_P(EitherFormat, WhatARecordDoesNotHoldIsZero) {
  const auto format = GetParam()(k_pio);
  ASSERT_TRUE(format);
  const auto record = common_fields(1234, 42);
  EXPECT_EQ(format->field("port").of(record), 0U);
  EXPECT_EQ(format->field("comm").of(record + std::string(40, 'x')), 0U) << "no number";
  EXPECT_EQ(format->field("not there").of(record), 0U);
  EXPECT_EQ(event_id("x"), 0U);
}

TEST_P(EitherFormat, HowAKernelWouldPrintItDoesNotMatter) {
  std::string text = k_pio;
  text = text.substr(0, text.find("print fmt:")) + "print fmt: \"%s\", ({ what((REC->rw) ??\n";
  const auto format = GetParam()(text);
  ASSERT_TRUE(format) << format.error().message();
  EXPECT_EQ(format->field("port").offset, 12U);
}

TEST_P(EitherFormat, WhatEndsTooSoonIsRefused) {
  for (const char* text : {"", "name: x\n", "ID: 5\n", "name: x\nID: 5\n\tfield:int a\n"}) {
    const auto format = GetParam()(text);
    ASSERT_FALSE(format) << text;
    EXPECT_EQ(format.error().kind(), ErrorKind::protocol);
  }
}

TEST(EventFormat, WhatIsNoFormatIsRefused) {
  for (const char* text : {"name: x\nID: y\n", "name: x\nID: 99999999\n",
                           "name: x\nID: 5\n\tfield:int a;\toffset:0;\n",
                           "name: x\nID: 5\n\tfield:int a;\toffset:-1;\tsize:4;\n"})
    EXPECT_FALSE(parse_event_format(text)) << text;
}

}  // namespace
}  // namespace kobox
