# SPDX-License-Identifier: GPL-2.0-or-later
# A room: one folder, one library, its links spelled out; its unit tests stand beside the sources.
#
#   kobox_room(vm SOURCES qmp.cc machine.cc TESTS qmp_test.cc LINKS kobox_base)

set(KOBOX_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-missing-field-initializers)

function(kobox_flags target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${KOBOX_WARNINGS}>)
  if(KOBOX_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  endif()
endfunction()

function(kobox_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;TESTS;LINKS;TEST_LINKS" ${ARGN})
  add_library(kobox_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(kobox_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(kobox_${name} PUBLIC fmt::fmt ${ROOM_LINKS})
  kobox_flags(kobox_${name})
  if(ROOM_TESTS AND BUILD_TESTING)
    add_executable(${name}_test ${ROOM_TESTS})
    target_link_libraries(${name}_test PRIVATE kobox_${name} ${ROOM_TEST_LINKS} GTest::gmock
                                               GTest::gtest_main)
    target_compile_definitions(${name}_test
                               PRIVATE KOBOX_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    kobox_flags(${name}_test)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
                         PROPERTIES TIMEOUT 120 LABELS unit)
  endif()
endfunction()
