// SPDX-License-Identifier: GPL-2.0-or-later
// What the renderers share: a failure in words, and text from the guest made harmless.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "verdict/verdict.h"

namespace kobox {

// printable(), on one line: newlines and tabs become spaces.
std::string one_line(std::string_view text);
// At most so many characters (code points), the last one "…" where something was cut off.
std::string shortened(std::string_view text, std::size_t characters);
// How many characters UTF-8 has.
std::size_t characters_in(std::string_view text);
// How many bytes its first `characters` characters have; all, if it has no more.
std::size_t bytes_of_first(std::string_view text, std::size_t characters);
// "0.21 s"
std::string time_of(double seconds);

// A name from outside in an error's sentence: in quotes, on one line, at most 60 characters.
std::string in_quotes(std::string_view text);

// "oops: BUG: kernel NULL pointer dereference", on one line.
std::string failure_headline(const Failure& failure);
// Why it failed, in one line: of a build that fails on some kernels only this may say more than the
// compiler's message. The one place that decides it, for all that name a failure in a sentence.
std::string failure_reason(const Failure& failure);
// "dev_write at qemu_exercise.c:84", or as much of it as is known, or "".
std::string failure_place(const Failure& failure);

// A change of the kernel's headers in words, a line each, harmless: the summary or the advice, then
// each declaration, its place ("6.1.0-56-amd64: include/linux/fs.h:84") before its own lines, which
// are indented by four blanks.
std::vector<std::string> api_change_lines(const ApiChange& change);

struct Counts {
  int passed = 0;
  int failed = 0;
  int errors = 0;
  int skipped = 0;
  double seconds = 0;

  int total() const { return passed + failed + errors + skipped; }
  void add(const Counts& other);
};

// A run as a list of tests: where it failed outside any test, that failure comes first, as a test
// named after its kind ("build", "load", "boot"), since most readers know nothing but tests.
std::vector<TestResult> tests_of(const RunResult& run);
Counts count(const std::vector<TestResult>& tests);

}  // namespace kobox
