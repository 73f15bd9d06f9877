// SPDX-License-Identifier: GPL-2.0-or-later
// For tests: a store against a scripted apt-get, which shows the commands that were run. apt's
// own signature checks are apt's matter.
#pragma once

#include <map>

#include "archive/fake_apt.h"
#include "base/text.h"
#include "kernel/store.h"

namespace kobox {

// Refuses what the real one would not get from kobox.
inline constexpr const char* k_apt_get = R"(#!/bin/sh
set -e
if [ "$1 $2" = "update --print-uris" ]; then
  exec sed -nE "s,^deb ([^ ]+) ([^ ]+) main$,'\\1/dists/\\2/main/binary-amd64/Packages.xz' x 0,p" \
    "$FAKE_APT/etc/sources.list"
fi
[ "$1" = -c ] && [ -f "$2" ] || { echo "E: no config" >&2; exit 100; }
release=${2%/*}
release=${release##*/}
shift 2
echo "$1" >> "$FAKE_APT/calls"
command=$1
shift
case $command in
update)
  if [ -e "$FAKE_APT/no-network" ]; then
    echo "W: something" >&2
    echo "E: Failed to fetch http://mirror.invalid/InRelease  Could not resolve" >&2
    exit 100
  fi
  touch "$FAKE_APT/archive-$release"
  cp "$FAKE_APT/archive-$release" "$FAKE_APT/lists-$release"
  [ ! -e "$FAKE_APT/missing-$release" ] || { cat "$FAKE_APT/missing-$release" >&2; exit 100; } ;;
indextargets) echo "$FAKE_APT/lists-$release $release-security" ;;
download)
  echo "dlstatus:1:12.5:Retrieving file 1 of 2"
  [ ! -e "$FAKE_APT/slow" ] || sleep 60
  for word; do
    case $word in
    linux-*=*) cp "$FAKE_APT/debs/${word%%=*}.deb" . || { echo "E: 404 $word" >&2; exit 100; } ;;
    esac
  done
  echo "dlstatus:2:100.0:Retrieving file 2 of 2" ;;
*) exit 99 ;;
esac
)";

class StoreTest : public FakeAptTest {
 protected:
  void SetUp() override {
    DirectoryTest::SetUp();
    use_apt_get(k_apt_get);
    write("etc/sources.list", "deb http://mirror.invalid/debian bookworm main\n");
    host_ = {.apt = path() / "etc",
             .keyring = path() / "keyring",
             .boot = path() / "boot",
             .modules = path() / "lib/modules",
             .release = "6.1.5"};
    offer("6.1.0-47-cloud-amd64");
  }
  // Puts a kernel into the archive.
  void offer(const std::string& release, const std::string& distribution = "bookworm",
             bool with_headers = true) {
    auto& archive = archives_[distribution];
    for (const std::string& name : {"linux-image-" + release, "linux-headers-" + release})
      if (with_headers || name.starts_with("linux-image-"))
        archive += fmt::format(
            "Package: {}\nVersion: 6.1-1\nInstalled-Size: 500\nSize: 2000\nDepends: {}\n\n", name,
            name.starts_with("linux-image-") ? "kmod" : "gcc-12, libelf1 (>= 0.1)");
    write("archive-" + distribution, archive);
    const auto headers = "./usr/src/linux-headers-" + release;
    write("debs/linux-image-" + release + ".deb",
          make_deb({{"./boot/vmlinuz-" + release, make_bzimage(release)},
                    {"./lib/modules/" + release + "/kernel/a.ko", make_ko("")},
                    {"./usr/share/doc/x", "unwanted"}}));
    write("debs/linux-headers-" + release + ".deb",
          make_deb({{headers + "/Makefile", "include /usr/src/linux-headers-common/Makefile\n"},
                    {headers + "/.config", "CONFIG_CC_VERSION_TEXT=\"gcc-12 (Debian)\"\n"},
                    {"./lib/modules/" + release + "/build", "/usr/src/x", AE_IFLNK}}));
  }
  Result<std::vector<std::string>> expand(std::string_view text,
                                          Network network = Network::allowed) {
    std::vector<std::string> names;
    KOBOX_TRY(const auto selection, parse_selection(text));
    KOBOX_TRY(const auto selectors, store(network).expand(selection));
    for (const auto& one : selectors) names.push_back(one.text);
    return names;
  }
  KernelStore store(Network network = Network::allowed) {
    return KernelStore(path() / "cache", network, progress_, host_);
  }
  Result<Kernel> ensure(std::string_view selector, Network network = Network::allowed) {
    return store(network).ensure(parse_selector(selector).value(), {});
  }
  Result<Kernel> fetch(std::string_view selector) {
    return store().fetch(parse_selector(selector).value());
  }
  // apt-get's commands since the last time.
  std::string calls() {
    const auto text = read_file(path() / "calls").value_or("");
    fs::remove(path() / "calls");
    std::string result;
    for (const auto line : lines_of(text)) result.append(line).append(" ");
    return result;
  }
  std::vector<std::string> kernel_directories() {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(path() / "cache/kernels", ignored))
      if (entry.is_directory()) names.push_back(entry.path().filename());
    return names;
  }
  fs::path in_cache(const std::string& name) {
    return path() / "cache/kernels/6.1.0-47-cloud-amd64" / name;
  }

  std::map<std::string, std::string> archives_;
  HostFiles host_;
  RecordingProgress progress_;
};

}  // namespace kobox
