// SPDX-License-Identifier: GPL-2.0-or-later
// What `cmake --install` puts somewhere works from there.
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

TEST_F(KoboxTest, TheInstalledKoboxTestsTheExerciseFromAnyDirectory) {
  const auto prefix = directory_ / "usr";
  const auto installed =
      run_command({.argv = {"cmake", "--install", KOBOX_BUILD_DIR, "--prefix", prefix.string()}});
  ASSERT_TRUE(installed && installed->status.success())
      << (installed ? installed->output + installed->error : installed.error().to_string());
  EXPECT_TRUE(fs::exists(prefix / "bin/kobox"));
  EXPECT_TRUE(fs::exists(prefix / "libexec/kobox/kobox-agent"));
  EXPECT_TRUE(fs::exists(prefix / "share/man/man1/kobox.1")) << "no man page";
  // Moved as a whole it works as well, and finds its agent by itself.
  fs::rename(prefix, directory_ / "moved");
  auto one = invocation({});
  const auto arguments =
      test_arguments(source_directory() / "modules/qemu_exercise", {"--filter", "greets"});
  one.prefix = {"sh", "-c", "shift; exec kobox \"$@\"", "sh"};
  one.arguments = arguments;
  one.environment.emplace_back("PATH",
                               (directory_ / "moved/bin").string() + ":" + std::getenv("PATH"));
  const auto done = run(one);
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.report()["verdict"], "pass") << done;

  auto doctor = one;
  doctor.arguments = {"doctor"};
  const auto healthy = run(doctor);
  EXPECT_EQ(healthy.code(), 0) << healthy;
  EXPECT_THAT(healthy.output, HasSubstr((directory_ / "moved/libexec/kobox/kobox-agent").string()));
}

}  // namespace
}  // namespace kobox::e2e
