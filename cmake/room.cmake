# SPDX-License-Identifier: GPL-2.0-or-later
# A room: one directory, one library, its links spelled out; its unit tests stand beside the sources.
#
#   kobox_room(vm SOURCES qmp.cc machine.cc TESTS qmp_test.cc LINKS kobox_base)

set(KOBOX_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-missing-field-initializers
    -Wno-restrict)  # g++ 12 gives it for plain std::string concatenation (GCC bug 105651)

function(kobox_flags target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${KOBOX_WARNINGS}>)
  if(KOBOX_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${KOBOX_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${KOBOX_SANITIZE})
  endif()
  if(KOBOX_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# Most of a test's compilation is reading the same headers: read once for all tests. They are still
# included where they are used; this is for speed alone. The rooms do without, so that an include
# that is missing is seen in every build. So does the release preset: g++ 12 forgets which
# headers are the system's, and warns of what is in them.
set(KOBOX_TEST_HEADERS <algorithm> <chrono> <expected> <filesystem> <functional> <map> <memory>
    <optional> <set> <span> <string> <string_view> <variant> <vector> <fmt/format.h>
    <nlohmann/json.hpp> <gmock/gmock.h> <gtest/gtest.h>)

# The first test compiles them.
function(kobox_precompiled test)
  get_property(first GLOBAL PROPERTY KOBOX_PRECOMPILED)
  if(first)
    target_precompile_headers(${test} REUSE_FROM ${first})
  else()
    target_precompile_headers(${test} PRIVATE ${KOBOX_TEST_HEADERS})
    set_property(GLOBAL PROPERTY KOBOX_PRECOMPILED ${test})
  endif()
endfunction()

function(kobox_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;TESTS;LINKS;TEST_LINKS" ${ARGN})
  add_library(kobox_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(kobox_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(kobox_${name} PUBLIC fmt::fmt Threads::Threads ${ROOM_LINKS})
  kobox_flags(kobox_${name})
  if(ROOM_TESTS AND BUILD_TESTING)
    add_executable(${name}_test ${ROOM_TESTS})
    target_link_libraries(${name}_test PRIVATE kobox_${name} ${ROOM_TEST_LINKS} GTest::gmock
                                               GTest::gtest_main)
    target_compile_definitions(${name}_test
                               PRIVATE KOBOX_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    kobox_flags(${name}_test)
    kobox_precompiled(${name}_test)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
                         PROPERTIES TIMEOUT 120 LABELS unit)
  endif()
endfunction()

# A fuzz target: a file with FUZZ_TARGET (tests/fuzz/fuzz_target.h), its seeds in corpus/NAME.
# KOBOX_FUZZ makes NAME_fuzz, for libFuzzer; every build has NAME_replay, which ctest runs on the
# seeds and on RUNS mutations of them.
function(kobox_fuzz name)
  cmake_parse_arguments(FUZZ "" "RUNS" "SOURCES;LINKS" ${ARGN})
  if(KOBOX_FUZZ)
    add_executable(${name}_fuzz ${FUZZ_SOURCES})
    target_link_libraries(${name}_fuzz PRIVATE ${FUZZ_LINKS})
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    kobox_flags(${name}_fuzz)
  endif()
  if(BUILD_TESTING)
    add_executable(${name}_replay ${FUZZ_SOURCES} replay.cc)
    target_link_libraries(${name}_replay PRIVATE ${FUZZ_LINKS})
    kobox_flags(${name}_replay)
    add_test(NAME fuzz.${name}
             COMMAND ${name}_replay ${FUZZ_RUNS} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
  endif()
endfunction()
