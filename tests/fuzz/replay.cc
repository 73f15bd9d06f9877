// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a fuzz target without a fuzzer: on each seed as it is, then on a given number of mutations,
// which are the same in every run. No feedback guides it; it is a net for the coarse holes that any
// compiler can build.
//
//   NAME_replay RUNS FILE-OR-FOLDER…
//
// An input that ends the process is left in crash-input, in the working directory.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

constexpr std::size_t k_max_size = 64 * 1024;

std::string g_input;

void leave_input() {
  const int fd = ::open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return;
  [[maybe_unused]] const auto wrote = ::write(fd, g_input.data(), g_input.size());
  ::close(fd);
}

void on_signal(int number) {
  leave_input();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void run(std::string input) {
  g_input = std::move(input);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(g_input.data()), g_input.size());
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& seeds) : seeds_(seeds) {}

  std::string next() {
    auto text = seed();
    for (auto changes = below(6) + 1; changes > 0; --changes) change(text);
    text.resize(std::min(text.size(), k_max_size));
    return text;
  }

 private:
  // Not std::uniform_int_distribution, whose results differ between libraries.
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  const std::string& seed() { return seeds_[below(seeds_.size())]; }

  std::string interesting() {
    static const std::vector<std::string> k_all = {std::string(1, '\0'),
                                                   "\x7f",
                                                   "\x80",
                                                   "\xff",
                                                   std::string(4, '\0'),
                                                   "\xff\xff\xff\xff",
                                                   std::string(8, '\xff'),
                                                   std::string("\x01\0\0\0", 4),
                                                   "-1",
                                                   "0",
                                                   "65536",
                                                   "2147483648",
                                                   "18446744073709551616",
                                                   "1e999",
                                                   "\n",
                                                   "\r\n",
                                                   "\"",
                                                   "\\",
                                                   "{",
                                                   "}",
                                                   "[[",
                                                   "]",
                                                   ",",
                                                   ";",
                                                   ":",
                                                   "%n",
                                                   "\xc3\x28",
                                                   "\xf0\x9f\x92\xa9",
                                                   std::string(300, '['),
                                                   std::string(5000, 'A')};
    return k_all[below(k_all.size())];
  }

  void change(std::string& text) {
    const auto at = below(text.size() + 1);
    const auto length = below(std::min<std::size_t>(text.size() - at, 1 + below(64)) + 1);
    switch (below(8)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 2:
        text.erase(at, length);
        break;
      case 3:
        text.insert(at, text.substr(at, length));
        break;
      case 4:
        text.insert(at, interesting());
        break;
      case 5: {
        const auto bytes = interesting();
        text.replace(at, std::min(bytes.size(), text.size() - at), bytes);
        break;
      }
      case 6: {
        const auto& other = seed();
        text = text.substr(0, at) + other.substr(below(other.size() + 1));
        break;
      }
      default:
        text.resize(at);
    }
  }

  const std::vector<std::string>& seeds_;
  std::mt19937_64 random_{20240607};
};

void add_seeds(std::vector<std::string>& seeds, const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path))
      files.push_back(entry.path());
    std::ranges::sort(files);
    for (const auto& file : files) add_seeds(seeds, file);
    return;
  }
  std::ifstream file(path, std::ios::binary);
  seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s RUNS FILE-OR-FOLDER...\n", argv[0]);
    return 2;
  }
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    std::signal(number, on_signal);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(leave_input);
  std::vector<std::string> seeds;
  for (int i = 2; i < argc; ++i) add_seeds(seeds, argv[i]);
  if (seeds.empty()) {
    std::fprintf(stderr, "no seeds\n");
    return 2;
  }
  const auto runs = std::strtoul(argv[1], nullptr, 10);
  for (const auto& seed : seeds) run(seed);
  Mutator mutator(seeds);
  for (unsigned long i = 0; i < runs; ++i) run(mutator.next());
  std::printf("%zu seeds, %lu mutations\n", seeds.size(), runs);
  return 0;
}
