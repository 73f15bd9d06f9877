# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by ./check and ./demo: makes sure that this Debian has what kobox is built and run with.
# shellcheck shell=bash

# To build kobox and its tests.
k_build_packages=(
  cmake ninja-build g++ pkg-config
  libarchive-dev libasio-dev libbpf-dev libcli11-dev libdpkg-dev libdw-dev libelf-dev libfmt-dev libgmock-dev libgtest-dev
  libpugixml-dev libre2-dev libtomlplusplus-dev libtraceevent-dev libtracefs-dev libxxhash-dev nlohmann-json3-dev
  libext2fs-dev comerr-dev
)
# To run it: a machine, its userland, Debian's kernels and the compiler that they are built with.
k_run_packages=(
  qemu-system-x86 busybox-static gdb bubblewrap
  debian-archive-keyring ca-certificates
  gcc-12 libc6-dev make
  mmdebstrap e2fsprogs qemu-utils fakechroot fakeroot tmux  # disk images, and their test
)

# To test it: the browser that shows the pages, a cluster of one host, and a checker of kernel code, for the
# exercise's driver.
k_test_packages=(chromium sparse slurm-wlm munge)

say() { printf '== %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# missing_packages [MORE…]
missing_packages() {
  local package
  for package in "${k_build_packages[@]}" "${k_run_packages[@]}" "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      printf '%s\n' "$package"
  done
}

# install_packages [MORE…]: installs what is missing; does not touch apt, nor ask for root, when
# nothing is.
install_packages() {
  command -v dpkg-query apt-get >/dev/null ||
    die "this is no Debian; README.md says what kobox needs"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0

  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "no sudo here; as root, run: apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  # No question can be answered here, so none may be asked; of apt's words only the errors matter.
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0)
  "${apt[@]}" update </dev/null >/dev/null
  "${apt[@]}" install --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

# One compiler for each core, but no more than memory allows: the largest of our files needs a
# gigabyte.
build_jobs() {
  local cores gigabytes
  cores=$(nproc)
  gigabytes=$(awk '$1 == "MemAvailable:" { print int($2 / 1024 / 1024) }' /proc/meminfo)
  ((gigabytes >= 1)) || gigabytes=1
  echo $((cores < gigabytes ? cores : gigabytes))
}

# build PRESET: configures and builds. Make's and Ninja's own progress is shown.
build() {
  say "building (cmake preset '$1')"
  cmake --preset "$1" >/dev/null
  cmake --build --preset "$1" --parallel "$(build_jobs)"
}
