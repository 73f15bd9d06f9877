// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/store.h"

#include <gmock/gmock.h>

#include <thread>

#include "kernel/store_fixture.h"

namespace kobox {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(StoreTest, FetchesOnceAndThenAsksNobody) {
  const auto kernel = ensure("6.1-cloud");
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(calls(), "update indextargets download ");
  EXPECT_EQ(kernel->release, "6.1.0-47-cloud-amd64");
  EXPECT_EQ(kernel->version, "6.1-1");
  EXPECT_EQ(kernel->compiler, "gcc-12");
  EXPECT_TRUE(kernel->pvh);
  EXPECT_EQ(read_file(kernel->vmlinux).value(), make_vmlinux());
  EXPECT_TRUE(fs::exists(kernel->modules / "kernel/a.ko"));
  EXPECT_THAT(read_file(kernel->headers / "Makefile").value(),
              HasSubstr("../linux-headers-common/Makefile"));
  EXPECT_THAT(kernel_directories(), ElementsAre("6.1.0-47-cloud-amd64"));
  EXPECT_THAT(progress_.notes, ElementsAre(HasSubstr("4.0 kB to download")));
  EXPECT_GT(progress_.amounts, 1);

  const auto again = ensure("6.1-cloud");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->identity, kernel->identity);
  EXPECT_EQ(ensure("6.1-cloud", Network::forbidden)->identity, kernel->identity);
  EXPECT_EQ(ensure("6.1.0-47-cloud-amd64")->identity, kernel->identity);
  EXPECT_EQ(calls(), "");
}

TEST_F(StoreTest, OfflineSaysWhatToRun) {
  for (const auto* selector : {"6.1-cloud", "6.1.0-47-cloud-amd64"}) {
    const auto kernel = ensure(selector, Network::forbidden);
    ASSERT_FALSE(kernel);
    EXPECT_EQ(kernel.error().kind(), ErrorKind::environment);
    EXPECT_THAT(kernel.error().to_string(),
                HasSubstr(std::string("run: kobox kernel fetch ") + selector));
  }
  EXPECT_EQ(calls(), "");
  EXPECT_THAT(kernel_directories(), IsEmpty());
}

TEST_F(StoreTest, OnlyFetchLooksForANewerOne) {
  ASSERT_TRUE(ensure("6.1-cloud"));
  offer("6.1.0-100-cloud-amd64");
  EXPECT_EQ(ensure("6.1-cloud")->release, "6.1.0-47-cloud-amd64");
  EXPECT_EQ(fetch("6.1-cloud")->release, "6.1.0-47-cloud-amd64") << "the lists are of today";
  const auto yesterday = fs::file_time_type::clock::now() - std::chrono::hours(25);
  fs::last_write_time(path() / "cache/apt/bookworm/updated", yesterday);
  calls();
  EXPECT_EQ(ensure("6.1-cloud")->release, "6.1.0-47-cloud-amd64");
  EXPECT_EQ(calls(), "");
  const auto newer = fetch("6.1-cloud");
  ASSERT_TRUE(newer) << newer.error().to_string();
  EXPECT_EQ(newer->release, "6.1.0-100-cloud-amd64");
  EXPECT_EQ(ensure("6.1-cloud", Network::forbidden)->release, "6.1.0-100-cloud-amd64");
  const auto fetched = store().fetched();
  ASSERT_TRUE(fetched);
  ASSERT_THAT(*fetched, SizeIs(2));
  EXPECT_EQ(fetched->front().release, "6.1.0-100-cloud-amd64");
}

TEST_F(StoreTest, ARepeatedLookIsMadeForWhatTheListsLack) {
  ASSERT_TRUE(ensure("6.1-cloud"));
  offer("6.1.0-48-amd64");
  calls();
  // The lists' stamp is fresh, so `update` itself does nothing within a minute.
  const auto earlier = fs::file_time_type::clock::now() - std::chrono::minutes(5);
  fs::last_write_time(path() / "cache/apt/bookworm/updated", earlier);
  EXPECT_EQ(ensure("6.1.0-48-amd64")->release, "6.1.0-48-amd64");
  // First the other releases of Debian, which have been asked for nothing yet.
  EXPECT_EQ(calls(), "update indextargets update indextargets update indextargets download ");
}

TEST_F(StoreTest, OnlyTheReleaseThatCameWithALineIsAsked) {
  offer("5.10.0-46-cloud-amd64", "bullseye");
  ASSERT_TRUE(ensure("5.10-cloud"));
  EXPECT_EQ(calls(), "update indextargets download ");
  EXPECT_TRUE(fs::exists(path() / "cache/apt/bullseye/kernels"));
  EXPECT_FALSE(fs::exists(path() / "cache/apt/bookworm"));
}

TEST_F(StoreTest, AKernelRemembersItsDebianAndWhatItsBuildTreeNeeds) {
  offer("7.3.4+deb13-amd64", "trixie");
  const auto kernel = ensure("7.3");
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(kernel->distribution, "trixie");
  EXPECT_THAT(kernel->build_needs, ElementsAre("gcc-12", "libelf1"));
  EXPECT_EQ(ensure("7.3", Network::forbidden)->build_needs, kernel->build_needs);
}

TEST_F(StoreTest, OfALineTheNewestThatCanBeBuiltForIsTaken) {
  offer("7.2.9+deb13-amd64", "trixie");
  offer("7.2.11+deb13-amd64", "trixie", /*with_headers=*/false);
  offer("6.18.5+deb13-amd64", "trixie", /*with_headers=*/false);
  EXPECT_EQ(ensure("7.2")->release, "7.2.9+deb13-amd64");
  const auto bare = ensure("6.18");
  ASSERT_TRUE(bare) << bare.error().to_string();
  EXPECT_TRUE(bare->headers.empty());
  EXPECT_THAT(progress_.notes.back(), HasSubstr("no module can be built for it"));
}

TEST_F(StoreTest, AFetchedKernelWithoutHeadersIsNotWhatALineMeans) {
  offer("7.2.9+deb13-amd64", "trixie");
  offer("7.2.11+deb13-amd64", "trixie", /*with_headers=*/false);
  ASSERT_TRUE(ensure("7.2.11+deb13-amd64"));
  EXPECT_EQ(ensure("7.2", Network::forbidden)->release, "7.2.11+deb13-amd64");
  EXPECT_EQ(ensure("7.2")->release, "7.2.9+deb13-amd64");
  EXPECT_EQ(ensure("7.2", Network::forbidden)->release, "7.2.9+deb13-amd64");
}

TEST_F(StoreTest, AReleaseThatCannotBeAskedLeavesTheOthers) {
  offer("7.3.4+deb13-cloud-amd64", "trixie");
  write("missing-bullseye", "E: Release file for http://mirror.invalid/debian is expired\n");
  EXPECT_THAT(*expand("all"), ElementsAre("5.10", "6.1-cloud", "7.3-cloud"));
  EXPECT_THAT(*expand("oldest-rt"), ElementsAre("5.10-rt"));
  EXPECT_EQ(ensure("5.10").error().kind(), ErrorKind::environment);
  EXPECT_THAT(progress_.notes, Contains(HasSubstr("kernels of Debian's bullseye are left out")));
  for (const auto* one : {"bookworm", "trixie"}) {
    write(std::string("missing-") + one, "E: broken\n");
    fs::remove_all(path() / "cache/apt");
  }
  EXPECT_THAT(expand("all").error().to_string(), HasSubstr(": broken"));
}

TEST_F(StoreTest, WordsStandForKernels) {
  offer("5.10.0-46-amd64", "bullseye");
  offer("6.1.0-56-rt-amd64");
  offer("6.12.9+deb13-amd64", "trixie");
  offer("6.12.9+deb13-cloud-amd64", "trixie");
  offer("6.18.5+deb13-cloud-amd64", "trixie", /*with_headers=*/false);
  offer("7.3.4+deb13-cloud-amd64", "trixie");
  offer("7.4.1+deb14-amd64", "forky");
  const auto is = [&](std::string_view text) { return *expand(text); };
  EXPECT_THAT(is("all"), ElementsAre("5.10", "6.1-cloud", "6.12-cloud", "7.3-cloud"));
  EXPECT_THAT(is("all-generic"), ElementsAre("5.10", "6.12"));
  EXPECT_THAT(is("all-rt"), ElementsAre("6.1-rt"));
  EXPECT_THAT(is("oldest"), ElementsAre("5.10"));
  EXPECT_THAT(is("newest"), ElementsAre("7.3-cloud"));
  EXPECT_THAT(is("newest-generic"), ElementsAre("6.12"));
  EXPECT_THAT(is("stable"), ElementsAre("6.12-cloud"));
  EXPECT_THAT(is(">=6.12"), ElementsAre("6.12-cloud", "7.3-cloud"));
  EXPECT_THAT(is("all-generic <6.12"), ElementsAre("5.10"));
  EXPECT_THAT(is("6.12 6.1-rt"), ElementsAre("6.12", "6.1-rt"));
  EXPECT_FALSE(fs::exists(path() / "cache/apt/forky")) << "nobody named it";
  EXPECT_THAT(is("forky"), ElementsAre("7.4.1+deb14-amd64"));
  EXPECT_EQ(ensure("newest")->release, "7.3.4+deb13-cloud-amd64");
  EXPECT_EQ(ensure("all").error().kind(), ErrorKind::usage);
  EXPECT_THAT(expand(">=8").error().to_string(), HasSubstr("no kernel is '>=8'"));
  EXPECT_EQ(expand("forky-cloud").error().kind(), ErrorKind::usage);
}

TEST_F(StoreTest, OfflineWordsStandForWhatIsFetched) {
  offer("7.3.4+deb13-cloud-amd64", "trixie");
  EXPECT_THAT(expand("all", Network::forbidden).error().to_string(), HasSubstr("--offline"));
  ASSERT_TRUE(ensure("7.3-cloud"));
  calls();
  EXPECT_THAT(*expand("all", Network::forbidden), ElementsAre("7.3-cloud"));
  EXPECT_EQ(calls(), "");
}

TEST_F(StoreTest, ASuiteThatTheMirrorLacksIsPassedOverWithANote) {
  write("missing-bookworm",
        "E: The repository 'http://mirror.invalid/debian bookworm-backports Release' does not have "
        "a Release file.\n");
  ASSERT_TRUE(ensure("6.1-cloud"));
  EXPECT_THAT(progress_.notes,
              Contains(HasSubstr("does not have bookworm-backports; passed over")));
}

TEST_F(StoreTest, AnUntrustedSignatureIsAnError) {
  write("missing-bookworm",
        "E: The repository 'http://mirror.invalid/debian bookworm-backports Release' does not have "
        "a Release file.\nE: GPG error: http://mirror.invalid/debian bookworm InRelease: "
        "EXPKEYSIG 648ACFD622F3D138\n");
  const auto kernel = ensure("6.1-cloud");
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().kind(), ErrorKind::environment);
  EXPECT_THAT(kernel.error().to_string(), HasSubstr("EXPKEYSIG"));
}

TEST_F(StoreTest, AnotherMirrorMeansOtherLists) {
  ASSERT_TRUE(ensure("6.1-cloud"));
  const auto earlier = fs::file_time_type::clock::now() - std::chrono::minutes(5);
  fs::last_write_time(path() / "cache/apt/bookworm/updated", earlier);
  calls();
  ASSERT_TRUE(fetch("6.1-cloud"));
  EXPECT_EQ(calls(), "");
  write("etc/sources.list", "deb http://other.invalid/debian bookworm main\n");
  ASSERT_TRUE(fetch("6.1-cloud"));
  EXPECT_EQ(calls(), "update indextargets ");
}

TEST_F(StoreTest, UnknownKernelsAreUsageErrors) {
  const auto line = ensure("6.11-cloud");
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().kind(), ErrorKind::usage);
  EXPECT_THAT(line.error().to_string(), HasSubstr("did you mean '6.1-cloud'"));
  const auto release = ensure("6.1.0-48-cloud-amd64");
  ASSERT_FALSE(release);
  EXPECT_THAT(release.error().to_string(), HasSubstr("did you mean '6.1.0-47-cloud-amd64'"));
  EXPECT_EQ(fetch("host").error().kind(), ErrorKind::usage);
}

TEST_F(StoreTest, WithoutNetworkAptsWordsAreShown) {
  write("no-network", "");
  const auto kernel = ensure("6.1-cloud");
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().kind(), ErrorKind::environment);
  EXPECT_THAT(kernel.error().to_string(), HasSubstr("Failed to fetch http://mirror.invalid"));
  EXPECT_THAT(kernel.error().to_string(), ::testing::Not(HasSubstr("something")));
}

TEST_F(StoreTest, AFailedFetchLeavesNothing) {
  write("debs/linux-headers-6.1.0-47-cloud-amd64.deb", "garbage");
  const auto broken = ensure("6.1-cloud");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().to_string(), HasSubstr("fetching 6.1.0-47-cloud-amd64"));
  EXPECT_THAT(kernel_directories(), IsEmpty());
  fs::remove(path() / "debs/linux-headers-6.1.0-47-cloud-amd64.deb");
  const auto missing = ensure("6.1-cloud");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().to_string(), HasSubstr("404"));
  EXPECT_THAT(kernel_directories(), IsEmpty());
}

TEST_F(StoreTest, AnInterruptedFetchLeavesNothing) {
  write("slow", "");
  std::thread user([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    interrupt();
  });
  const auto start = std::chrono::steady_clock::now();
  const auto kernel = ensure("6.1-cloud");
  user.join();
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().kind(), ErrorKind::interrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_THAT(kernel_directories(), IsEmpty());
}

TEST_F(StoreTest, LeftoversOfAKilledKoboxGo) {
  write("cache/kernels/.6.1.0-47-cloud-amd64.abcdef/debs/x.deb", "half");
  ASSERT_TRUE(ensure("6.1-cloud"));
  EXPECT_THAT(kernel_directories(), ElementsAre("6.1.0-47-cloud-amd64"));
}

TEST_F(StoreTest, ADamagedKernelIsFetchedAnew) {
  ASSERT_TRUE(ensure("6.1-cloud"));
  ASSERT_TRUE(write_file(in_cache("vmlinux"), "short"));
  const auto offline = ensure("6.1-cloud", Network::forbidden);
  ASSERT_FALSE(offline);
  EXPECT_THAT(offline.error().to_string(), HasSubstr("vmlinux has 5 bytes instead of"));
  EXPECT_THAT(store().fetched().value(), IsEmpty());
  const auto repaired = ensure("6.1-cloud");
  ASSERT_TRUE(repaired) << repaired.error().to_string();
  EXPECT_EQ(read_file(repaired->vmlinux).value(), make_vmlinux());
  EXPECT_THAT(progress_.notes, ::testing::Contains(HasSubstr("damaged")));
  EXPECT_THAT(kernel_directories(), ElementsAre("6.1.0-47-cloud-amd64"));
}

TEST_F(StoreTest, TwoAtOnceFetchOnce) {
  std::vector<std::thread> users;
  for (int i = 0; i < 3; ++i)
    users.emplace_back([&] {
      NoProgress quiet;
      const auto kernel = KernelStore(path() / "cache", Network::allowed, quiet, host_)
                              .ensure(parse_selector("6.1-cloud").value(), {});
      EXPECT_TRUE(kernel) << kernel.error().to_string();
    });
  for (auto& user : users) user.join();
  const auto made = calls();
  EXPECT_EQ(made.find("download"), made.rfind("download")) << made;
  EXPECT_EQ(made.find("update"), made.rfind("update")) << made;
}

TEST_F(StoreTest, AFullDiskIsToldBefore) {
  const std::string archive =
      "Package: linux-image-6.1.0-9-amd64\nVersion: 1\nInstalled-Size: 1000000000000\n"
      "Size: 1\n\nPackage: linux-headers-6.1.0-9-amd64\nVersion: 1\nSize: 1\n";
  write("archive-bookworm", archive);
  const auto kernel = ensure("6.1");
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().kind(), ErrorKind::environment);
  EXPECT_THAT(kernel.error().to_string(), HasSubstr("no space left on"));
  EXPECT_THAT(calls(), ::testing::Not(HasSubstr("download")));
}

TEST_F(StoreTest, AMissingKeyringIsAnError) {
  fs::remove(path() / "keyring");
  const auto kernel = ensure("6.1-cloud");
  ASSERT_FALSE(kernel);
  EXPECT_THAT(kernel.error().to_string(), HasSubstr("install debian-archive-keyring"));
  EXPECT_EQ(calls(), "");
}

TEST_F(StoreTest, ListsWhatThereIs) {
  ASSERT_TRUE(ensure("6.1-cloud"));
  offer("6.12.5+deb12-amd64");
  fs::remove(path() / "cache/apt/bookworm/updated");
  const auto all = store().list();
  ASSERT_TRUE(all) << all.error().to_string();
  ASSERT_THAT(*all, SizeIs(2));
  EXPECT_EQ((*all)[0].release, "6.12.5+deb12-amd64");
  EXPECT_FALSE((*all)[0].fetched);
  EXPECT_EQ((*all)[0].bytes, 4000U);
  EXPECT_EQ((*all)[0].suite, "bookworm-security");
  EXPECT_TRUE((*all)[1].fetched);
  fs::remove_all(path() / "cache/apt");
  EXPECT_THAT(store(Network::forbidden).list().value(), SizeIs(1));
  write("no-network", "");
  EXPECT_THAT(store().list().value(), SizeIs(1));
  EXPECT_THAT(progress_.notes, ::testing::Contains(HasSubstr("only the fetched kernels")));
}

TEST_F(StoreTest, HeadersOfTheUsers) {
  write("tree/Makefile", "");
  write("tree/.config", "CONFIG_CC_VERSION_TEXT=\"gcc-13 (x)\"\n");
  write("tree/include/config/kernel.release", "6.9.1\n");
  const auto selector = parse_selector("6.1-cloud").value();
  const auto plain = store().ensure(selector, {});
  const auto kernel = store().ensure(selector, path() / "tree");
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(kernel->headers, fs::canonical(path() / "tree"));
  EXPECT_EQ(kernel->compiler, "gcc-13");
  EXPECT_NE(kernel->identity, plain->identity);
  EXPECT_THAT(progress_.notes, ::testing::Contains(HasSubstr("build tree of 6.9.1")));
  for (const auto* wrong : {"absent", "etc"}) {
    const auto refused = store().ensure(selector, path() / wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::usage);
  }
}

}  // namespace
}  // namespace kobox
