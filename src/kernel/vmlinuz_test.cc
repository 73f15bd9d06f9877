// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/vmlinuz.h"

#include <gmock/gmock.h>

#include "archive/made_files.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view k_name = "6.1.0-56-cloud-amd64";

std::string refusal(std::string_view image) {
  const auto result = unpack_vmlinux(image);
  EXPECT_FALSE(result);
  if (result) return "";
  EXPECT_EQ(result.error().kind(), ErrorKind::environment);
  return result.error().to_string();
}

TEST(Vmlinuz, UnpacksEveryPacking) {
  const auto vmlinux = make_vmlinux();
  for (const auto* filter : {"xz", "zstd"}) {
    const auto image = make_bzimage(k_name, with_size(pack(vmlinux, filter), vmlinux.size()));
    const auto result = unpack_vmlinux(image);
    ASSERT_TRUE(result) << filter << ": " << result.error().to_string();
    EXPECT_EQ(*result, vmlinux) << filter;
  }
  const auto lz4 =
      unpack_vmlinux(make_bzimage(k_name, with_size(pack_lz4_legacy(vmlinux), vmlinux.size())));
  ASSERT_TRUE(lz4) << lz4.error().to_string();
  EXPECT_EQ(*lz4, vmlinux);
  const auto gzip = unpack_vmlinux(make_bzimage(k_name, pack(vmlinux, "gzip")));
  ASSERT_TRUE(gzip) << gzip.error().to_string();
  EXPECT_EQ(*gzip, vmlinux);
}

TEST(Vmlinuz, RefusesACutPayload) {
  const auto vmlinux = make_vmlinux();
  for (const auto& packed :
       {pack(vmlinux, "xz"), pack(vmlinux, "zstd"), pack_lz4_legacy(vmlinux)}) {
    // The file itself is short, and the payload is short inside a whole file.
    const auto image = make_bzimage(k_name, with_size(packed, vmlinux.size()));
    EXPECT_THAT(refusal(std::string_view(image).substr(0, image.size() - 1)),
                HasSubstr("cut short"));
    const auto half = packed.substr(0, packed.size() / 2);
    EXPECT_NE(refusal(make_bzimage(k_name, with_size(half, vmlinux.size()))), "");
    EXPECT_NE(refusal(make_bzimage(k_name, with_size(packed, vmlinux.size() + 1))), "");
    EXPECT_NE(refusal(make_bzimage(k_name, with_size(packed, vmlinux.size() - 1))), "");
  }
}

TEST(Vmlinuz, RefusesRubbish) {
  EXPECT_THAT(refusal(""), HasSubstr("not a bzImage"));
  EXPECT_THAT(refusal(make_vmlinux()), HasSubstr("ELF file, not a bzImage"));
  EXPECT_THAT(refusal(std::string(100000, 'x')), HasSubstr("not a bzImage"));
  EXPECT_THAT(refusal(make_bzimage(k_name, "LZMA? no")), HasSubstr("does not know"));
  EXPECT_THAT(refusal(make_bzimage(k_name, "")), HasSubstr("does not know"));
  const std::string text(1000, 't');
  EXPECT_THAT(refusal(make_bzimage(k_name, with_size(pack(text, "xz"), text.size()))),
              HasSubstr("not an ELF"));
  EXPECT_THAT(refusal(make_bzimage(k_name, with_size(pack(text, "xz"), 0x7fffffff))),
              HasSubstr("no sensible size"));
  auto old = make_bzimage(k_name);
  put(old, 0x206, 0x207, 2);
  EXPECT_THAT(refusal(old), HasSubstr("2.08"));
  auto beyond = make_bzimage(k_name);
  put(beyond, 0x248, 0xffffffff, 4);
  put(beyond, 0x24c, 0xffffffff, 4);
  EXPECT_THAT(refusal(beyond), HasSubstr("cut short"));
}

TEST(Vmlinuz, EveryPrefixAndEveryChangedByteIsSurvived) {
  const auto vmlinux = make_vmlinux(18, 100);
  const auto image = make_bzimage(k_name, with_size(pack(vmlinux, "zstd"), vmlinux.size()));
  for (std::size_t size = 0; size < image.size(); ++size) {
    EXPECT_FALSE(unpack_vmlinux(std::string_view(image).substr(0, size)));
    (void)bzimage_release(std::string_view(image).substr(0, size));
  }
  for (std::size_t at = 0x1f0; at < image.size(); ++at) {
    auto changed = image;
    changed[at] = static_cast<char>(changed[at] ^ 0xff);
    (void)unpack_vmlinux(changed);
    (void)bzimage_release(changed);
  }
}

TEST(Vmlinuz, ReadsTheRelease) {
  EXPECT_EQ(bzimage_release(make_bzimage(k_name)).value(), k_name);
  EXPECT_FALSE(bzimage_release(make_bzimage("../../etc")));
  EXPECT_FALSE(bzimage_release(make_bzimage("..")));
  EXPECT_FALSE(bzimage_release(make_bzimage("6.1/../../etc")));
  EXPECT_FALSE(bzimage_release(make_bzimage("6.1\x1b[2J")));
  EXPECT_FALSE(bzimage_release(make_bzimage("")));
  auto outside = make_bzimage(k_name);
  put(outside, 0x20e, 0xffff, 2);
  EXPECT_FALSE(bzimage_release(outside.substr(0, 2000)));
}

class PvhTest : public DirectoryTest {};

TEST_F(PvhTest, FindsTheNote) {
  write("pvh", make_vmlinux(18));
  write("other", make_vmlinux(17));
  write("cut", make_vmlinux(18).substr(0, 130));
  write("garbage", "garbage");
  EXPECT_TRUE(has_pvh_entry(path() / "pvh").value());
  EXPECT_FALSE(has_pvh_entry(path() / "other").value());
  EXPECT_FALSE(has_pvh_entry(path() / "cut").value_or(false));
  EXPECT_FALSE(has_pvh_entry(path() / "garbage"));
  EXPECT_FALSE(has_pvh_entry(path() / "absent"));
}

}  // namespace
}  // namespace kobox
