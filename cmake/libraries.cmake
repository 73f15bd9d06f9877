# SPDX-License-Identifier: GPL-2.0-or-later
# The libraries that kobox is built with. All that are missing are named at once, as the Debian
# packages to install.
set(kobox_missing "")

# kobox_needs(fmt libfmt-dev): a library with a CMake package of its own.
macro(kobox_needs name debian)
  find_package(${name} QUIET)
  if(NOT ${name}_FOUND)
    list(APPEND kobox_missing ${debian})
  endif()
endmacro()

# kobox_needs_pc(dw libdw-dev libdw): one or more that pkg-config knows, as PkgConfig::dw.
macro(kobox_needs_pc name debian)
  pkg_check_modules(${name} QUIET IMPORTED_TARGET ${ARGN})
  if(NOT ${name}_FOUND)
    list(APPEND kobox_missing ${debian})
  endif()
endmacro()

# kobox_needs_header(asio libasio-dev asio.hpp): headers alone, as kobox::asio.
macro(kobox_needs_header name debian header)
  find_path(KOBOX_${name}_INCLUDE ${header})
  if(KOBOX_${name}_INCLUDE)
    add_library(kobox_header_${name} INTERFACE)
    target_include_directories(kobox_header_${name} SYSTEM INTERFACE ${KOBOX_${name}_INCLUDE})
    add_library(kobox::${name} ALIAS kobox_header_${name})
  else()
    list(APPEND kobox_missing ${debian})
  endif()
endmacro()

find_package(PkgConfig QUIET)
if(NOT PkgConfig_FOUND)
  message(FATAL_ERROR "pkg-config is missing; install Debian's package pkg-config")
endif()
set(THREADS_PREFER_PTHREAD_FLAG ON)  # so that all rooms are compiled alike
find_package(Threads REQUIRED)
kobox_needs(fmt libfmt-dev)
kobox_needs(nlohmann_json nlohmann-json3-dev)
kobox_needs(CLI11 libcli11-dev)
kobox_needs(LibArchive libarchive-dev)
kobox_needs(pugixml libpugixml-dev)
if(BUILD_TESTING)
  kobox_needs(GTest libgmock-dev)
endif()
kobox_needs_header(asio libasio-dev asio.hpp)
kobox_needs_pc(re2 libre2-dev re2)
kobox_needs_pc(xxhash libxxhash-dev libxxhash)
kobox_needs_pc(tomlplusplus libtomlplusplus-dev tomlplusplus)
kobox_needs_pc(dw libdw-dev libdw)
kobox_needs_pc(dpkg libdpkg-dev libdpkg)
kobox_needs_pc(elf libelf-dev libelf)
kobox_needs_pc(bpf libbpf-dev libbpf)
kobox_needs_pc(ext2fs libext2fs-dev ext2fs)
kobox_needs_pc(com_err comerr-dev com_err)
kobox_needs_pc(tracefs libtracefs-dev libtracefs)
kobox_needs_pc(traceevent libtraceevent-dev libtraceevent)

if(kobox_missing)
  list(JOIN kobox_missing " " kobox_missing)
  message(FATAL_ERROR "kobox needs libraries that are not installed; Debian's packages: "
                      "apt-get install ${kobox_missing}")
endif()
