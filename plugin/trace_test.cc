// SPDX-License-Identifier: GPL-2.0-or-later
// The plugin as each version of QEMU's plugin interface loads it. This program stands in for QEMU:
// it exports the functions that the plugin uses, and looks at what is registered. What the plugin
// sees in a real QEMU is tested by kobox trace (tests/e2e/trace_test.cc).
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "qemu_plugin.h"
#include "trace/control.h"

struct qemu_plugin_insn {
  std::uint64_t address;
  std::vector<std::uint8_t> bytes;
};
struct qemu_plugin_tb {
  std::vector<qemu_plugin_insn> insns;
};

namespace {

int interface = 0;
qemu_plugin_vcpu_tb_trans_cb_t on_translation = nullptr;
std::vector<const qemu_plugin_insn*> executions;  // that are watched
std::vector<const qemu_plugin_insn*> accesses;

}  // namespace

extern "C" {

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, qemu_plugin_vcpu_tb_trans_cb_t cb) {
  on_translation = cb;
}
void qemu_plugin_register_vcpu_tb_exec_cb(qemu_plugin_tb*, qemu_plugin_vcpu_udata_cb_t,
                                          qemu_plugin_cb_flags, void*) {}
void qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_insn* insn, qemu_plugin_vcpu_udata_cb_t,
                                            qemu_plugin_cb_flags, void*) {
  executions.push_back(insn);
}
void qemu_plugin_register_vcpu_mem_cb(qemu_plugin_insn* insn, qemu_plugin_vcpu_mem_cb_t,
                                      qemu_plugin_cb_flags, qemu_plugin_mem_rw, void*) {
  accesses.push_back(insn);
}
std::size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb* tb) { return tb->insns.size(); }
std::uint64_t qemu_plugin_tb_vaddr(const qemu_plugin_tb* tb) { return tb->insns.front().address; }
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb* tb, std::size_t index) {
  return const_cast<qemu_plugin_insn*>(&tb->insns[index]);
}
std::size_t qemu_plugin_insn_data(const qemu_plugin_insn* insn, void* bytes, std::size_t size) {
  if (interface < 3) return reinterpret_cast<std::size_t>(insn->bytes.data());
  size = std::min(size, insn->bytes.size());
  std::copy_n(insn->bytes.begin(), size, static_cast<std::uint8_t*>(bytes));
  return size;
}
std::size_t qemu_plugin_insn_size(const qemu_plugin_insn* insn) { return insn->bytes.size(); }
std::uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn* insn) { return insn->address; }
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t) { return 0; }
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t) { return true; }
qemu_plugin_hwaddr* qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t, std::uint64_t) { return nullptr; }
bool qemu_plugin_hwaddr_is_io(const qemu_plugin_hwaddr*) { return false; }
std::uint64_t qemu_plugin_hwaddr_phys_addr(const qemu_plugin_hwaddr*) { return 0; }
void qemu_plugin_outs(const char*) {}

}  // extern "C"

namespace {

std::string control_file() {
  std::string name = ::testing::TempDir() + "kobox-control-XXXXXX";
  const int fd = ::mkstemp(name.data());
  kobox::TraceControl control{};
  control.version = kobox::TraceControl::k_version;
  EXPECT_EQ(::write(fd, &control, sizeof control), static_cast<ssize_t>(sizeof control));
  ::close(fd);
  return name;
}

// QEMU's side of loading a plugin (plugins/loader.c): 0 and the version that the plugin declares,
// or what went wrong.
std::string load(int version, int least) {
  interface = version;
  void* plugin = ::dlopen(KOBOX_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) return ::dlerror();
  const int declared = *static_cast<int*>(::dlsym(plugin, "qemu_plugin_version"));
  if (declared < least || declared > version) return "declares version " + std::to_string(declared);
  using Install = int (*)(qemu_plugin_id_t, const qemu_info_t*, int, char**);
  const auto install = reinterpret_cast<Install>(::dlsym(plugin, "qemu_plugin_install"));
  const qemu_info_t info = {.target_name = "x86_64",
                            .version = {.min = least, .cur = version},
                            .system_emulation = true,
                            .system = {.smp_vcpus = 1, .max_vcpus = 1}};
  const auto file = control_file();
  std::string argument = "control=" + file;
  char* arguments[] = {argument.data()};
  const int status = install(1, &info, 1, arguments);
  ::unlink(file.c_str());
  return status == 0 ? "" : "does not install";
}

// Whether it finds what instructions do.
void translate() {
  constexpr std::uint64_t k_address = 0xffffffffc0001000;
  qemu_plugin_tb block{{{k_address, {0x90}},
                        {k_address + 1, {0xec}},
                        {k_address + 2, {0x8b, 0x07}},
                        {k_address + 4, {0xe8, 1, 2, 3, 4}}}};
  ASSERT_NE(on_translation, nullptr);
  on_translation(1, &block);
  ASSERT_EQ(executions.size(), 2U) << "a port's and a call";
  EXPECT_EQ(executions[0], &block.insns[1]);
  EXPECT_EQ(executions[1], &block.insns[3]);
  EXPECT_EQ(accesses.size(), 4U);
}

struct Interface {
  int version;
  int least;         // that it still supports
  bool scoreboards;  // came with version 2
};

class PluginTest : public ::testing::TestWithParam<Interface> {};

// In a process of its own: what is loaded decides, and cannot be unloaded.
TEST_P(PluginTest, IsLoadedAndReadsInstructions) {
  const auto& [version, least, scoreboards] = GetParam();
  const auto run = [&] {
    if (scoreboards && ::dlopen(KOBOX_SCOREBOARD, RTLD_NOW | RTLD_GLOBAL) == nullptr)
      ADD_FAILURE() << ::dlerror();
    EXPECT_EQ(load(version, least), "");
    translate();
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "");
}

INSTANTIATE_TEST_SUITE_P(Versions, PluginTest,
                         ::testing::Values(Interface{1, 0, false}, Interface{2, 2, true},
                                           Interface{3, 2, true}, Interface{5, 2, true}),
                         [](const auto& one) { return std::to_string(one.param.version); });

}  // namespace
