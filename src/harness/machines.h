// SPDX-License-Identifier: GPL-2.0-or-later
// Where a project's machines on one kernel come from: forks of a template, or boots.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/progress.h"
#include "guest/template.h"
#include "harness/session.h"

namespace kobox {

enum class Isolation {
  forked,      // each machine is a fork of a booted one that the cache keeps
  fresh_boot,  // each machine boots
};

class Machines {
 public:
  // What is given by reference must outlive this. `options.directory` is for the boot of a
  // template; sessions get directories of their own.
  Machines(const Project& project, const Prepared& prepared, Session::Options options,
           Isolation isolation, Progress& progress)
      : project_(project),
        prepared_(prepared),
        options_(std::move(options)),
        isolation_(isolation),
        progress_(progress) {}

  // Makes sure of the template, if there are to be forks; a kernel that does not boot is a Failure.
  // Call once, before any other.
  Result<std::optional<Failure>> make_ready();
  // Has make_ready() made a template that was not there?
  bool made_template() const { return template_ && template_->fresh; }

  // Saves a second machine with the module loaded, from which all later forks begin. What the load
  // brought to light is a Failure. A machine that cannot be saved is no failure: forks then begin
  // before the load.
  Result<std::optional<Failure>> load_once();

  // Finds out in a machine of its own where init's error comes from, and has `failure` say so
  // (harness/init_error.h). Call when the machine that failed is gone. `directory`: of that one.
  // Error: interrupted.
  Result<> explain(const InitError& error, const std::filesystem::path& directory,
                   Failure& failure);

  // Does open() try a fork? Not when there are not to be any, nor after some did not resume.
  bool forks() const { return template_ && failed_forks_ < k_max_failed_forks; }
  // The accelerator, once it is known: from make_ready() on, or from the first boot on.
  std::optional<AccelDecision> decision() const;

  enum class Use {
    tests,        // forks begin with the module loaded, if load_once() was of use
    own_modules,  // they begin before the load: the test loads others than most
    debugging,    // so too: there may be a breakpoint in the init function
    tracing,      // so too, and with Session::Options::tracing
  };
  struct Opened {
    std::unique_ptr<Session> session;
    std::string note;  // why it is no fork, where one did not resume
  };
  // The one way to a running machine, whatever for: a fork if one resumes, else a boot. A boot that
  // fails is a Failure. `limit`: how long a command in it may take, for the kernel's watchdogs.
  // `before_boot` is called when it comes to a boot, which keeps a processor busy for seconds.
  // Errors: interrupted, environment (no QEMU, no space). From any thread, each with its own loop.
  Result<std::variant<Opened, Failure>> open(EventLoop& loop,
                                             const std::filesystem::path& directory, Use use,
                                             Duration limit,
                                             const std::function<void()>& before_boot = {});

 private:
  static constexpr int k_max_failed_forks = 2;
  Result<std::unique_ptr<Session>> fork(EventLoop& loop, const std::filesystem::path& directory,
                                        Use use, Duration limit);
  void note_failed_fork();
  Session::Options options_for(const std::filesystem::path& directory, Use use) const;

  const Project& project_;
  const Prepared& prepared_;
  Session::Options options_;
  Isolation isolation_;
  Progress& progress_;
  std::shared_ptr<const Template> template_;
  std::optional<LoadedSnapshot> loaded_;
  std::atomic<int> failed_forks_ = 0;
};

}  // namespace kobox
