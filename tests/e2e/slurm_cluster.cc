// SPDX-License-Identifier: GPL-2.0-or-later
#include "slurm_cluster.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <csignal>
#include <functional>

#include "base/text.h"

namespace kobox::e2e {
namespace {

const std::array<std::string, 3> k_nodes = {"n1", "n2", "n3"};
// The longest that a step of a cluster's may take on a host with much else to do.
constexpr auto k_limit = 120s;

// Ports of 127.0.0.1 that nobody listens on.
std::vector<int> free_ports(std::size_t count) {
  std::vector<Fd> sockets;  // all bound at once, so that no two are the same
  std::vector<int> ports;
  for (std::size_t i = 0; i < count; ++i) {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    ports.push_back(ntohs(address.sin_port));
    sockets.push_back(std::move(fd));
  }
  return ports;
}

std::string user_name() {
  const auto* user = ::getpwuid(::geteuid());
  return user == nullptr ? "root" : user->pw_name;
}

std::string host_name() {
  std::array<char, 256> name = {};
  ::gethostname(name.data(), name.size() - 1);
  return std::string(name.data()).substr(0, std::string_view(name.data()).find('.'));
}

pid_t parent_of(pid_t pid) {
  const auto status = slurp(fmt::format("/proc/{}/status", pid));
  const auto at = status.find("PPid:");
  return at == std::string::npos ? 0 : std::atoi(status.c_str() + at + 5);
}

// Its number may be another process's by now: once there is a descriptor for it, and the condition
// holds, it cannot be.
void kill_if(pid_t pid, const std::function<bool()>& condition) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (process && condition()) ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
}

bool is_slurmstepd(pid_t pid) {
  std::error_code error;
  return fs::equivalent(fmt::format("/proc/{}/exe", pid), "/usr/sbin/slurmstepd", error);
}

}  // namespace

SlurmCluster::SlurmCluster(fs::path directory) : directory_(std::move(directory)) {
  fs::create_directories(directory_);
  write_configuration();
  const auto in = [&](const char* name) { return (directory_ / name).string(); };
  start("munged", {"/usr/sbin/munged", "--force", "--foreground", "--key-file=" + in("munge.key"),
                   "--socket=" + in("munge.socket"), "--pid-file=" + in("munged.pid"),
                   "--log-file=" + in("munged.log"), "--seed-file=" + in("munged.seed")});
  EXPECT_TRUE(holds_within(k_limit, [&] { return fs::exists(directory_ / "munge.socket"); }));
  start("slurmctld", {"/usr/sbin/slurmctld", "-D", "-f", in("slurm.conf")});
  for (const auto& node : k_nodes)
    start(node, {"/usr/sbin/slurmd", "-D", "-f", in("slurm.conf"), "-N", node});
  EXPECT_TRUE(holds_within(k_limit, [&] {
    const auto states = try_run({"sinfo", "--noheader", "--Node", "--format=%t"});
    return states && *states == "idle\nidle\nidle\n";
  })) << slurp(directory_ / "slurmctld.out");
}

SlurmCluster::~SlurmCluster() {
  for (const auto& node : k_nodes) end_node(node);
}

std::pair<std::string, std::string> SlurmCluster::environment() const {
  return {"SLURM_CONF", (directory_ / "slurm.conf").string()};
}

std::vector<std::string> SlurmCluster::queue() const {
  return split(trim(run({"squeue", "--noheader", "--array", "--format=%K %T %N"})), '\n');
}

void SlurmCluster::kill_node(const std::string& node) {
  end_node(node);
  run({"scontrol", "update", "NodeName=" + node, "State=DOWN", "Reason=killed"});
}

void SlurmCluster::end_node(const std::string& node) {
  daemons_.erase(node);
  // The steps first: a slurmstepd tells slurmctld how its job ended.
  for (const auto pid : jobs_on(node)) {
    const auto step = parent_of(pid);
    kill_if(step, [&] { return is_slurmstepd(step) && parent_of(pid) == step; });
  }
  // Again and again, as they start others meanwhile.
  EXPECT_TRUE(holds_within(k_limit, [&] {
    const auto jobs = jobs_on(node);
    for (const auto pid : jobs) kill_if(pid, [&] { return is_job_of(pid, node); });
    return jobs.empty();
  }));
}

// Slurm tells a job in its environment on which node it is.
bool SlurmCluster::is_job_of(pid_t pid, const std::string& node) const {
  const auto environment = slurp(fmt::format("/proc/{}/environ", pid));
  const auto ours = "SLURM_CONF=" + (directory_ / "slurm.conf").string() + '\0';
  return environment.find("SLURMD_NODENAME=" + node + '\0') != std::string::npos &&
         environment.find(ours) != std::string::npos;
}

std::vector<pid_t> SlurmCluster::jobs_on(const std::string& node) const {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto name = entry.path().filename().string();
    if (std::isdigit(static_cast<unsigned char>(name[0])) == 0) continue;
    if (const auto pid = std::atoi(name.c_str()); is_job_of(pid, node)) found.push_back(pid);
  }
  return found;
}

// As little as three nodes on one host need: no cgroups, no accounting, no remote file system.
void SlurmCluster::write_configuration() {
  std::array<char, 128> key = {};
  ASSERT_EQ(::getrandom(key.data(), key.size(), 0), static_cast<ssize_t>(key.size()));
  spit(directory_ / "munge.key", {key.data(), key.size()});
  fs::permissions(directory_ / "munge.key", fs::perms::owner_read);
  fs::create_directories(directory_ / "state");
  fs::create_directories(directory_ / "spool");
  const auto ports = free_ports(1 + k_nodes.size());
  const auto here = directory_.string();
  auto text = fmt::format(
      "ClusterName=kobox\nSlurmctldHost={1}(127.0.0.1)\nSlurmctldPort={2}\n"
      "SlurmUser={3}\nSlurmdUser={3}\nAuthType=auth/munge\nAuthInfo=socket={0}/munge.socket\n"
      "StateSaveLocation={0}/state\nSlurmdSpoolDir={0}/spool/%n\n"
      "SlurmctldPidFile={0}/slurmctld.pid\nSlurmdPidFile={0}/slurmd-%n.pid\n"
      "SlurmctldLogFile={0}/slurmctld.log\nSlurmdLogFile={0}/slurmd-%n.log\n"
      "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nMpiDefault=none\n"
      "SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n"
      "ReturnToService=2\nSlurmdTimeout=300\nMessageTimeout=5\nKillWait=5\nSchedulerParameters="
      "sched_min_interval=0\n",
      here, host_name(), ports[0], user_name());
  for (std::size_t i = 0; i < k_nodes.size(); ++i)
    text += fmt::format("NodeName={} NodeHostname={} NodeAddr=127.0.0.1 Port={} CPUs=1\n",
                        k_nodes[i], host_name(), ports[i + 1]);
  spit(directory_ / "slurm.conf",
       text + "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n");
}

void SlurmCluster::start(const std::string& name, const std::vector<std::string>& argv) {
  const Fd log(
      ::open((directory_ / (name + ".out")).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  auto child = Child::spawn({.argv = argv, .environment = {environment()}},
                            {.standard_output = log.get(), .standard_error = log.get()});
  ASSERT_TRUE(child) << child.error().to_string();
  daemons_.emplace(name, std::move(*child));
}

std::string SlurmCluster::run(const std::vector<std::string>& argv) const {
  const auto output = try_run(argv);
  EXPECT_TRUE(output) << argv[0] << ": " << output.error().to_string();
  return output.value_or("");
}

Result<std::string> SlurmCluster::try_run(const std::vector<std::string>& argv) const {
  KOBOX_TRY(const auto done, run_command({.argv = argv, .environment = {environment()}},
                                         {.deadline = Deadline::after(k_limit)}));
  if (!done.status.success()) return fail(ErrorKind::tool, "{}", done.error);
  return done.output;
}

}  // namespace kobox::e2e
