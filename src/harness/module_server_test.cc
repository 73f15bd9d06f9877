// SPDX-License-Identifier: GPL-2.0-or-later
// What a guest's kernel asks for, in a fake QEMU with a fake agent in it.
#include "harness/module_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/made_files.h"
#include "fakes/fake_project.h"

namespace kobox {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ModuleServerTest : public testing::FakeProject {
 protected:
  ModuleServerTest() {
    write("kernel/lib/crc8.ko", make_ko(""));
    write("kernel/lib/crc9.ko", make_ko("crc8"));
    write("modules.builtin", "kernel/drivers/base/inside.ko\n");
    write("aliases", "crypto_crc9 crc9\n");
    prepared_.emplace(prepared());
    prepared_->kernel.modules = files_;
    prepared_->aliases = files_ / "aliases";
    auto some = prepared_->modules.front();
    some.aliases = {"char-major-250-*"};
    some.depends = {"is_needed"};
    auto base = prepared_->modules.front();
    base.name = "is_needed";
    prepared_->modules = {base, some};
  }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((files_ / path).parent_path());
    EXPECT_TRUE(write_file(files_ / path, text));
  }
  // A guest whose agent reacts so.
  void boot(const std::string& reactions) {
    qemu_.tcg_does(reactions.empty() ? testing::k_serves : testing::serves(reactions));
    auto booted = Session::boot(loop_, project_, *prepared_, options(), std::chrono::seconds(10));
    session_ = std::get<std::unique_ptr<Session>>(std::move(booted.value()));
  }
  ModuleServer& serve(const std::string& reactions) {
    boot(reactions);
    return server_.emplace(session_->guest(), *prepared_, "", LoadedOnRequest());
  }

  const fs::path files_ = qemu_.directory() / "files";
  std::optional<Prepared> prepared_;
  EventLoop loop_;
  std::unique_ptr<Session> session_;
  std::optional<ModuleServer> server_;
};

TEST_F(ModuleServerTest, AModuleUnderTestIsFoundByItsAliasAndLoadedAfterWhatItNeeds) {
  auto& server = serve("on load:is_needed reply {\"errno\": 17, \"ok\": false}");
  EXPECT_EQ(server.bring("char-major-250-3"), "");
  EXPECT_THAT(server.loaded().ours, ElementsAre("some")) << "the other was there already";
}

TEST_F(ModuleServerTest, ItsFileIsBroughtFirst) {
  auto& server = serve("on put:some reply {\"ok\": false, \"error\": \"no space\"}");
  EXPECT_THAT(server.bring("some"), HasSubstr("no space"));
}

TEST_F(ModuleServerTest, WhatATestNeedsBesidesMayBeAskedForToo) {
  auto need = prepared_->modules.front();
  need.name = "client";
  need.ko = qemu_.directory() / "client.ko";
  prepared_->test_needs.push_back({.directory = "client", .modules = {need}});
  auto& server = serve("");
  EXPECT_EQ(server.bring("client"), "");
  EXPECT_THAT(server.loaded().ours, ElementsAre("client"));
}

TEST_F(ModuleServerTest, NamesMayHaveDashes) {
  auto& server = serve("");
  EXPECT_EQ(server.bring("is-needed"), "");
  EXPECT_THAT(server.loaded().ours, ElementsAre("is_needed"));
}

TEST_F(ModuleServerTest, TheKernelsErrorIsTold) {
  auto& server = serve("on load reply {\"errno\": 22, \"ok\": false, \"error\": \"it says no\"}");
  EXPECT_THAT(server.bring("some"), HasSubstr("is_needed cannot be loaded: it says no"));
  EXPECT_THAT(server.loaded().ours, IsEmpty());
}

TEST_F(ModuleServerTest, TheKernelsOwnAreLoadedWithWhatTheyNeedAndAreNotOurs) {
  const std::string refused = "reply {\"errno\": 5, \"ok\": false, \"error\": \"no\"}";
  EXPECT_EQ(serve("on load:crc8 " + refused).bring("crypto-crc9"), "crc8 cannot be loaded: no");
  EXPECT_EQ(serve("on load:crc9 " + refused).bring("crc9"), "crc9 cannot be loaded: no");
  EXPECT_EQ(serve("").bring("crc9"), "");
  EXPECT_THAT(server_->loaded().others, ElementsAre("crc8", "crc9"));
  EXPECT_THAT(server_->loaded().ours, IsEmpty());
}

TEST_F(ModuleServerTest, WhatIsBuiltInIsThere) { EXPECT_EQ(serve("").bring("inside"), ""); }

TEST_F(ModuleServerTest, WhatNobodyHasIsSaid) {
  auto& server = serve("");
  EXPECT_EQ(server.bring("ghost"), "6.1.0-fake has no such module");
  EXPECT_EQ(server.bring(std::string(5000, 'x')), "6.1.0-fake has no such module");
  EXPECT_THAT(server.missing(), IsEmpty()) << "the guest did not ask for them";
}

// A test's life with a kernel that asks while the module is loaded.
class RequestTest : public ModuleServerTest {
 protected:
  Session::Outcome outcome(const std::string& reactions) {
    boot(reactions);  // a session has its own server
    return session_->run({.name = "a test", .run = "true"}, [] {}).value();
  }
};

TEST_F(RequestTest, AFailedInitsMessageSaysWhatWasAskedForInVain) {
  const std::string asks =
      R"(on put:some event {"event": "modprobe", "id": 1, "name": "ghost", "params": ""};)"
      R"(on put:some event {"event": "modprobe", "id": 2, "name": "ghost", "params": ""};)";
  const auto ended = outcome(asks + R"(on load:some reply {"errno": 2, "ok": false})");
  ASSERT_TRUE(ended.result.failure);
  EXPECT_THAT(ended.result.failure->message,
              HasSubstr("the guest asked for the module ghost, which 6.1.0-fake does not have"));
}

TEST_F(RequestTest, TheKernelsModuleThatUsesOneUnderTestIsUnloadedFirst) {
  const auto ended =
      outcome(R"(on put:some event {"event": "modprobe", "id": 1, "name": "crc9", "params": ""};)"
              R"(on unload:some reply {"errno": 11, "ok": false};)"
              R"(on unload:crc9 record 3 BUG: sleeping function called from invalid context)");
  ASSERT_TRUE(ended.result.failure);
  EXPECT_THAT(ended.result.failure->log, Contains(HasSubstr("sleeping function")))
      << "crc9 was not unloaded";
}

}  // namespace
}  // namespace kobox
