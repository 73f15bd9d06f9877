// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/events_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<std::string> k_qemu = {"kvm_run_exit", "serial_read", "serial_write",
                                         "virtio_notify"};

Result<ChosenEvents> read(std::string_view text) {
  return read_events_file(text, "events", k_qemu);
}
std::string wrong(std::string_view text) {
  const auto result = read(text);
  return result ? "none" : result.error().message();
}

TEST(EventsFile, NamesAreLookedUpWhereTheyLive) {
  const auto chosen = read("kvm_exit\nkvm_entry\nkvm_run_exit\n").value();
  EXPECT_THAT(chosen.kvm, ElementsAre("kvm_entry", "kvm_exit"));
  EXPECT_THAT(chosen.qemu, ElementsAre("kvm_run_exit"));
}

TEST(EventsFile, PatternsCommentsAndWhatIsTakenAway) {
  const auto chosen = read("# mine\n\n  serial_*  # both\n-serial_read\r\nvirtio_?otify").value();
  EXPECT_THAT(chosen.qemu, ElementsAre("serial_write", "virtio_notify"));
  EXPECT_THAT(chosen.kvm, IsEmpty());
}

TEST(EventsFile, WhatIsNowhereIsSaidWithTheNearest) {
  EXPECT_THAT(wrong("kvm_exit\nkvm_exitt\n"),
              HasSubstr("events:2: neither QEMU nor KVM has an event 'kvm_exitt' (did you mean "
                        "'kvm_exit'?)"));
  EXPECT_THAT(wrong("\x1b[2J\n"), HasSubstr("events:1: neither QEMU nor KVM has an event '\\x1b"));
  EXPECT_THAT(wrong(std::string(1 << 16, '*') + "x"), HasSubstr("events:1:"));
}

TEST(EventsFile, AFileThatChoosesNothing) {
  for (const char* text : {"", "\n\n", "# nothing\n", "kvm_exit\n-kvm_*\n"})
    EXPECT_THAT(wrong(text), HasSubstr("events chooses no event")) << text;
}

TEST(EventsFile, QemuIsAskedForItsOwn) {
  const auto names = qemu_events();
  ASSERT_TRUE(names) << names.error().to_string();
  EXPECT_THAT(*names, Contains("memory_region_ops_read"));
  EXPECT_THAT(*names, Contains("kvm_run_exit"));
}

}  // namespace
}  // namespace kobox
