// SPDX-License-Identifier: GPL-2.0-or-later
#include "kobox_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <sstream>

#include "base/regex.h"
#include "base/text.h"

namespace kobox::e2e {
namespace {

bool has_begun(const fs::path& runs) {
  std::error_code error;
  // Tests' directories come and go meanwhile.
  for (fs::recursive_directory_iterator at(runs, error), end; !error && at != end;
       at.increment(error))
    if (at->path().filename() == "console.log" &&
        slurp(at->path()).find("kobox-e2e: begun") != std::string::npos)
      return true;
  return false;
}

}  // namespace

fs::path quiet_module() { return source_directory() / "tests/e2e/modules/quiet"; }

KoboxTest::KoboxTest()
    : temp_(TempDir::make(fs::temp_directory_path(), "kobox-e2e").value()),
      directory_(temp_.path()),
      state_(directory_ / "state") {}

KoboxTest::~KoboxTest() {
  for (const auto machine : machines()) ::kill(machine, SIGKILL);
}

Invocation KoboxTest::invocation(const Arguments& arguments) const {
  Invocation one{.arguments = arguments,
                 .input = {},
                 .environment = {{"XDG_CACHE_HOME", cache_.string()},
                                 {"XDG_STATE_HOME", state_.string()},
                                 {"NO_COLOR", ""},
                                 {"KOBOX_AGENT", ""}},
                 .cwd = "/",
                 .prefix = {}};
  if (!path_.empty()) one.environment.emplace_back("PATH", path_);
  return one;
}

void KoboxTest::count_machines() {
  const auto directory = directory_ / "counting";
  const std::string name = "qemu-system-x86_64";
  const auto real = find_program(name);
  ASSERT_TRUE(real);
  // kobox also asks QEMU for its version and its devices; those are no machines.
  spit(directory / name, fmt::format("#!/bin/sh\n"
                                     "case \" $* \" in\n"
                                     "*' -incoming '*) echo fork >> '{0}/starts' ;;\n"
                                     "*' -nodefaults '*) echo boot >> '{0}/starts' ;;\n"
                                     "esac\n"
                                     "exec '{1}' \"$@\"\n",
                                     directory.string(), real->string()));
  fs::permissions(directory / name, fs::perms::owner_all);
  path_ = directory.string() + ":" + std::getenv("PATH");
}

KoboxTest::Starts KoboxTest::starts() {
  const auto file = directory_ / "counting/starts";
  const auto lines = split(slurp(file), '\n');
  fs::remove(file);
  return {.boots = static_cast<int>(std::ranges::count(lines, "boot")),
          .forks = static_cast<int>(std::ranges::count(lines, "fork"))};
}

KoboxTest::Arguments KoboxTest::test_arguments(const fs::path& project,
                                               const Arguments& more) const {
  Arguments arguments = {"test", project.string()};
  const auto has = [&](const char* option) {
    return std::ranges::find(more, option) != more.end();
  };
  if (!has("--format")) arguments.insert(arguments.end(), {"--format", "json"});
  if (!has("--kernel")) arguments.insert(arguments.end(), {"--kernel", "6.1-cloud"});
  if (!has("--accel")) arguments.insert(arguments.end(), {"--accel", "tcg"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

fs::path KoboxTest::project(std::string_view head, std::string_view tests) {
  const auto place = directory_ / "project";
  spit(place / "kobox.toml",
       fmt::format("[module]\nsource = \"{}\"\n{}\n{}", quiet_module().string(), head, tests));
  return place;
}

fs::path KoboxTest::module_project(const std::string& name, std::string_view source,
                                   std::string_view toml) {
  const auto place = directory_ / name;
  spit(place / "Kbuild", fmt::format("obj-m := {}.o\n", name));
  spit(place / (name + ".c"), source);
  if (!toml.empty()) spit(place / "kobox.toml", toml);
  return place;
}

void KoboxTest::use_own_templates() {
  cache_ = directory_ / "cache";
  fs::create_directories(cache_ / "kobox");
  for (const auto* name : {"kernels", "roots", "apt", "builds", "guests", "programs", "symbols"}) {
    fs::create_directories(shared_cache() / "kobox" / name);
    fs::create_directory_symlink(shared_cache() / "kobox" / name, cache_ / "kobox" / name);
  }
}

std::string KoboxTest::path_without(const std::string& missing) const {
  const auto name = Regex::compile(missing).value();
  const auto bin = directory_ / "bin";
  fs::create_directories(bin);
  std::istringstream path(std::getenv("PATH"));
  std::error_code ignored;
  for (std::string part; std::getline(path, part, ':');)
    for (const auto& entry : fs::directory_iterator(part, ignored))
      if (!name.match(entry.path().filename().string()))
        fs::create_symlink(entry.path(), bin / entry.path().filename(), ignored);
  return bin;
}

fs::path KoboxTest::sleeper() {
  return project(fmt::format(
      "[[test]]\nname = \"sleeps\"\ntimeout = \"200s\"\nrun = \"{}; sleep 190\"\n", k_say_begun));
}

Running KoboxTest::start_sleeper() {
  auto running = start(test_arguments(sleeper()));
  wait_until_begun(running);
  return running;
}

bool KoboxTest::begun() const { return has_begun(runs()); }

void KoboxTest::wait_until_begun(Running& running) {
  const bool seen = holds_within(120s, [&] { return running.ended() || begun(); });
  if (!seen || running.ended())
    ADD_FAILURE() << "the command did not begin in the guest: " << running.wait(1s);
  EXPECT_THAT(machines(), SizeIs(1));
}

}  // namespace kobox::e2e
