// SPDX-License-Identifier: GPL-2.0-or-later
// FUZZ_TARGET(input) { … }: the function that libFuzzer, or replay.cc, calls with any bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// As assert(3), in every kind of build.
#define REQUIRE(...)                                                                 \
  do {                                                                               \
    if (!(__VA_ARGS__)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

#define FUZZ_TARGET(input)                                                            \
  static void fuzz_one_input(std::string_view input);                                 \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    fuzz_one_input({reinterpret_cast<const char*>(data), size});                      \
    return 0;                                                                         \
  }                                                                                   \
  static void fuzz_one_input(std::string_view input)
