// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/sandbox.h"

#include <unistd.h>

#include <mutex>
#include <optional>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

using Words = std::vector<std::string>;

// Whoever may mount needs no user namespace; it is then one obstacle less.
enum class Users { own_namespace, as_they_are };

void append(Words& words, std::initializer_list<std::string> more) {
  words.insert(words.end(), more);
}

Words bubblewrap(Users users) {
  Words words = {"bwrap",         "--unshare-ipc", "--unshare-pid",
                 "--unshare-net", "--unshare-uts", "--die-with-parent",
                 "--new-session", "--cap-drop",    "ALL"};
  if (users == Users::own_namespace) append(words, {"--unshare-user", "--uid", "0", "--gid", "0"});
  return words;
}

Result<CommandResult> attempt(Users users) {
  auto argv = bubblewrap(users);
  append(argv, {"--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"});
  return run_command({.argv = std::move(argv)}, {.deadline = Deadline::after(20s)},
                     Streams::merged);
}

bool setting_is(const char* file, std::string_view value) {
  const auto text = read_file(file, 64);
  return text && trim(*text) == value;
}

// What an administrator can do about it (user_namespaces(7), Debian's and Ubuntu's own sysctls).
std::string remedy() {
  if (setting_is("/proc/sys/user/max_user_namespaces", "0"))
    return "allow them: sysctl user.max_user_namespaces=15000";
  if (setting_is("/proc/sys/kernel/unprivileged_userns_clone", "0"))
    return "allow them: sysctl kernel.unprivileged_userns_clone=1";
  if (setting_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
    return "AppArmor restricts them: give bwrap a profile that has 'userns', or set sysctl "
           "kernel.apparmor_restrict_unprivileged_userns=0";
  return "in a container, start it with --privileged, or with CAP_SYS_ADMIN and without its "
         "seccomp filter";
}

struct Outcome {
  Users users = Users::as_they_are;
  std::optional<Error> error = {};
};

Outcome try_sandbox() {
  if (!find_program("bwrap"))
    return {.error = Error(ErrorKind::environment,
                           "bubblewrap, which shuts a build root off from the host, is not "
                           "installed; on Debian: apt-get install bubblewrap")};
  if (::geteuid() == 0)
    if (const auto done = attempt(Users::as_they_are); done && done->status.success())
      return {.users = Users::as_they_are};
  const auto done = attempt(Users::own_namespace);
  if (done && done->status.success()) return {.users = Users::own_namespace};
  if (!done) return {.error = done.error()};
  return {.error = Error(ErrorKind::environment,
                         fmt::format("no namespaces can be made here ({}); {}",
                                     printable(trim(done->output.substr(0, 300))), remedy()))};
}

const Outcome& outcome() {
  static const Outcome found = try_sandbox();
  return found;
}

}  // namespace

Result<> sandbox_works() {
  if (outcome().error) return std::unexpected(*outcome().error);
  return {};
}

CommandLine in_sandbox(const Sandbox& sandbox, const std::vector<std::string>& words) {
  auto argv = bubblewrap(outcome().users);
  append(argv, {"--clearenv"});
  for (const auto& [name, value] : sandbox.environment) append(argv, {"--setenv", name, value});
  append(argv, {"--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"});
  for (const auto& step : sandbox.steps) {
    const auto at = step.at.string();
    switch (step.kind) {
      case Sandbox::Step::Kind::show:
        append(argv, {"--ro-bind", step.from.string(), at});
        break;
      case Sandbox::Step::Kind::lend:
        append(argv, {"--bind", step.from.string(), at});
        break;
      case Sandbox::Step::Kind::scratch:
        append(argv, {"--tmpfs", at});
        break;
      case Sandbox::Step::Kind::link:
        append(argv, {"--symlink", step.from.string(), at});
        break;
    }
  }
  append(argv, {"--chdir", sandbox.directory.string(), "--"});
  argv.insert(argv.end(), words.begin(), words.end());
  return {.argv = std::move(argv)};
}

}  // namespace kobox
