// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/add_packages.h"

#include <gmock/gmock.h>

#include "kernel/cache.h"
#include "kernel/drivers.h"
#include "kernel/store_fixture.h"

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* k_ubuntu = "6.8.0-31-generic";
constexpr const char* k_fedora = "6.9.1-200.fc40.x86_64";
constexpr const char* k_config = "CONFIG_CC_VERSION_TEXT=\"x86_64-linux-gnu-gcc-13 (x) 13.2.0\"\n";

class AddPackagesTest : public StoreTest {
 protected:
  fs::path package(const std::string& name, const std::string& bytes) {
    write("files/" + name, bytes);
    return path() / "files" / name;
  }
  // Under names that say nothing.
  std::vector<fs::path> ubuntus() {
    const std::string release = k_ubuntu;
    const auto usr = "./usr/src/linux-headers-" + release;
    return {package("1.deb", make_deb({{"./boot/vmlinuz-" + release, make_bzimage(release)}})),
            package("2.deb",
                    make_deb({{"./lib/modules/" + release + "/kernel/virtio_pci.ko", make_ko("")},
                              {"./lib/modules/" + release + "/build", usr.substr(1), AE_IFLNK},
                              {"./boot/System.map-" + release, "x"}})),
            package("3.deb",
                    make_deb({{usr + "/Makefile",
                               "include /usr/src/linux-headers-6.8.0-31/"
                               "Makefile\n"},
                              {usr + "/.config", k_config},
                              {usr + "/scripts", "../linux-headers-6.8.0-31/scripts", AE_IFLNK}})),
            package("4.deb", make_deb({{"./usr/src/linux-headers-6.8.0-31/Makefile", ""},
                                       {"./usr/src/linux-headers-6.8.0-31/scripts/x", ""}}))};
  }
  std::vector<fs::path> fedoras() {
    const std::string release = k_fedora;
    const auto modules = "./lib/modules/" + release;
    return {
        package("core.rpm", make_rpm({{modules + "/vmlinuz", make_bzimage(release)},
                                      {modules + "/symvers.xz", "x"}})),
        package("modules.rpm", make_rpm({{modules + "/kernel/virtio_pci.ko", make_ko("")}})),
        package("devel.rpm", make_rpm({{"./usr/src/kernels/" + release + "/Makefile", ""},
                                       {"./usr/src/kernels/" + release + "/.config", k_config}}))};
  }
  Result<Kernel> add(const std::vector<fs::path>& files) {
    return add_packages(files, path() / "cache/kernels", progress_);
  }
  std::string refusal(const std::vector<fs::path>& files) {
    const auto kernel = add(files);
    return kernel ? "" : kernel.error().to_string();
  }
  std::vector<std::string> cached() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(path() / "cache/kernels", error))
      if (entry.is_directory()) names.push_back(entry.path().filename());
    return names;
  }
};

TEST_F(AddPackagesTest, DebsAndRpmsAreUsedByTheirRelease) {
  for (const auto& [release, files] : {std::pair{k_ubuntu, ubuntus()}, {k_fedora, fedoras()}}) {
    const auto added = add(files);
    ASSERT_TRUE(added) << added.error().to_string();
    const auto kernel = ensure(release, Network::forbidden);
    ASSERT_TRUE(kernel) << kernel.error().to_string();
    EXPECT_EQ(kernel->release, release);
    EXPECT_EQ(kernel->compiler, "gcc-13");
    EXPECT_EQ(read_file(kernel->vmlinux).value(), make_vmlinux());
    EXPECT_TRUE(fs::exists(kernel->headers / "Makefile"));
    EXPECT_EQ(modules_for(*kernel, {"virtio_pci"}, Missing::is_error).value().size(), 1U);
    EXPECT_TRUE(use_lock(*kernel));
  }
  EXPECT_THAT(progress_.notes, IsEmpty());
  std::vector<std::string> listed;
  const auto all = store(Network::forbidden).list();
  ASSERT_TRUE(all) << all.error().to_string();
  for (const auto& entry : *all)
    if (entry.fetched && entry.suite == "added") listed.push_back(entry.release);
  EXPECT_THAT(listed, ElementsAre(k_fedora, k_ubuntu));
  EXPECT_EQ(kernel_cache_entries(path() / "cache").value().size(), 2U) << "for cache prune";
}

TEST_F(AddPackagesTest, HeadersWorkFromTheCache) {
  const auto kernel = add(ubuntus());
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_THAT(read_file(kernel->headers / "Makefile").value(),
              HasSubstr("../linux-headers-6.8.0-31/Makefile"));
  EXPECT_TRUE(fs::exists(kernel->headers / "scripts/x"));
}

TEST_F(AddPackagesTest, WhatIsLeftOutIsNoted) {
  const auto files = ubuntus();
  const auto kernel = add({files[0]});
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(kernel->headers, "");
  EXPECT_THAT(progress_.notes, AllOf(Contains(HasSubstr("there are no headers of 6.8.0-31")),
                                     Contains(HasSubstr("there are no modules of 6.8.0-31"))));
  progress_.notes.clear();
  EXPECT_TRUE(add(files));
  EXPECT_THAT(progress_.notes, ElementsAre(HasSubstr("is replaced")));
  EXPECT_NE(ensure(k_ubuntu).value().headers, "");
}

TEST_F(AddPackagesTest, WhatCannotBeAddedIsSaidAndLeavesNothing) {
  const auto debs = ubuntus();
  const auto rpms = fedoras();
  EXPECT_THAT(refusal({debs[1], debs[2]}), HasSubstr("there is no kernel image"));
  EXPECT_THAT(refusal({debs[0], rpms[0]}), HasSubstr("hold the images of 2 kernels (6.8.0-31"));
  EXPECT_THAT(refusal({debs[0], debs[2]}),
              AllOf(HasSubstr("adding 6.8.0-31-generic: "), HasSubstr("lead to ../linux-headers")));
  EXPECT_THAT(refusal({path() / "none.deb"}), HasSubstr("there is no package file"));
  EXPECT_THAT(refusal({package("text", "hello")}), HasSubstr("neither a Debian package nor"));
  EXPECT_THAT(refusal({package("i.deb", make_deb({{"./boot/vmlinuz-1.2-x", "no image"}}))}),
              HasSubstr("not a bzImage"));
  EXPECT_THAT(cached(), IsEmpty());
}

TEST_F(AddPackagesTest, WhatAKilledKoboxLeftGoesAway) {
  write("cache/kernels/.added.killed/kernel/vmlinuz", "half");
  ASSERT_TRUE(add(ubuntus()));
  EXPECT_THAT(cached(), ElementsAre(k_ubuntu));
}

TEST_F(AddPackagesTest, AHostilePackageStaysInside) {
  const auto debs = ubuntus();
  const std::string modules = std::string("./lib/modules/") + k_ubuntu;
  const std::vector<std::vector<TarEntry>> evils = {
      {{"./../../evil", "x"}},
      {{modules + "/kernel/../../../../../evil", "x"}},
      {{modules + "/kernel", "/tmp", AE_IFLNK}},
      {{modules + "/kernel", "../../..", AE_IFLNK}, {modules + "/kernel/evil", "x"}},
      {{"./usr/src/linux-headers-x", "../../../../..", AE_IFLNK},
       {"./usr/src/linux-headers-x/evil", "x"}}};
  for (const auto& evil : evils)
    for (const auto& bytes : {make_deb(evil), make_rpm(evil)})
      EXPECT_NE(refusal({debs[0], package("hostile", bytes)}), "") << evil.front().name;
  EXPECT_THAT(refusal({package("r.deb", make_deb({{"./boot/vmlinuz-../../x", "x"}}))}),
              HasSubstr("would leave"));
  EXPECT_THAT(cached(), IsEmpty());
  for (const auto& entry : fs::recursive_directory_iterator(path()))
    EXPECT_NE(entry.path().filename(), "evil") << entry.path().parent_path();
}

}  // namespace
}  // namespace kobox
