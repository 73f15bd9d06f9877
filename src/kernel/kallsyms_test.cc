// SPDX-License-Identifier: GPL-2.0-or-later
// The tables are made here as scripts/kallsyms.c writes them, in each order that it ever had.
#include "kernel/kallsyms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace kobox {

bool operator==(const KernelSymbol& one, const KernelSymbol& other) {
  return one.address == other.address && one.type == other.type && one.name == other.name;
}
std::ostream& operator<<(std::ostream& out, const KernelSymbol& symbol) {
  return out << fmt::format("{:#x} {} {}", symbol.address, symbol.type, symbol.name);
}

namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t k_text = 0xffffffff81000000;
constexpr std::uint64_t k_rodata = 0xffffffff82200000;

enum class Order {
  until_6_1,  // offsets, base, number, names, markers, tokens
  since_6_2,  // seqs_of_names between markers and tokens
  since_6_4,  // number, names, markers, tokens, offsets, base, seqs_of_names
  since_7_0,  // number, names, markers, tokens, offsets, seqs_of_names; no base
};
constexpr Order k_orders[] = {Order::until_6_1, Order::since_6_2, Order::since_6_4,
                              Order::since_7_0};
constexpr Order k_orders_with_base[] = {Order::until_6_1, Order::since_6_2, Order::since_6_4};

enum class PerCpu { relative, absolute };  // CONFIG_KALLSYMS_ABSOLUTE_PERCPU

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

// The tables one by one, to be spoiled before they are put together.
struct Made {
  Order order = Order::since_6_4;
  std::array<std::string, 256> tokens;
  std::vector<std::string> names;  // compressed, without their lengths
  std::uint64_t count = 0;
  std::string markers, token_index, offsets;
  std::uint64_t base = k_text;
  std::string seqs;

  std::string bytes() const {
    std::string number, all_names, token_table, base_bytes;
    put(number, count, 4);
    for (const auto& name : names) append_name(all_names, name);
    for (const auto& token : tokens) token_table += token + '\0';
    put(base_bytes, base, 8);
    std::vector<std::string> parts = {number, all_names, markers};
    if (order == Order::since_6_2) parts.push_back(seqs);
    parts.insert(parts.end(), {token_table, token_index});
    const auto where = order >= Order::since_6_4 ? parts.end() : parts.begin();
    if (order == Order::since_7_0)
      parts.push_back(offsets);
    else
      parts.insert(where, {offsets, base_bytes});
    if (order >= Order::since_6_4) parts.push_back(seqs);
    const std::size_t alignment = order == Order::since_7_0 ? 4 : 8;
    std::string out("an odd number of other bytes, 36\0\1\2\3", 36);
    out.resize((out.size() + alignment - 1) & ~(alignment - 1));
    for (const auto& part : parts) {
      const auto begin = out.size();
      out += part;
      if (order == Order::since_7_0 && part == offsets) make_relative(out, begin);
      out.resize((out.size() + alignment - 1) & ~(alignment - 1));
    }
    return out + "and more behind them";
  }

  // From addresses, of 32 bits, to their distances from the numbers' own places.
  static void make_relative(std::string& out, std::size_t begin) {
    for (auto place = begin; place + 4 <= out.size(); place += 4) {
      std::uint32_t number = 0;
      std::memcpy(&number, out.data() + place, sizeof number);
      number -= static_cast<std::uint32_t>(k_rodata + place);
      std::memcpy(out.data() + place, &number, sizeof number);
    }
  }

  static void append_name(std::string& out, const std::string& name) {
    if (name.size() < 0x80) {
      put(out, name.size(), 1);
    } else {
      put(out, (name.size() & 0x7f) | 0x80, 1);
      put(out, name.size() >> 7, 1);
    }
    out += name;
  }

  // As they would be for the present names and tokens.
  void index() {
    std::string all_names, token_table;
    markers.clear();
    token_index.clear();
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (i % 256 == 0) put(markers, all_names.size(), 4);
      append_name(all_names, names[i]);
    }
    for (const auto& token : tokens) {
      put(token_index, token_table.size(), 2);
      token_table += token + '\0';
    }
  }
};

// Letters stand for themselves, what no name has for something longer, as in every real table, and
// one for nothing.
std::array<std::string, 256> make_tokens() {
  std::array<std::string, 256> tokens;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const char c = static_cast<char>(i);
    const bool own = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == '_' || c == '.' || c == '$';
    tokens[i] = own ? std::string(1, c) : fmt::format("tok{}_", i);
  }
  tokens[0] = "dev_";
  tokens[1] = "";
  tokens[200] = "read";
  return tokens;
}

std::string packed(const std::array<std::string, 256>& tokens, std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t best = static_cast<std::uint8_t>(text[0]);
    for (std::size_t i = 0; i < tokens.size(); ++i)
      if (tokens[i].size() > tokens[best].size() && text.starts_with(tokens[i])) best = i;
    out += static_cast<char>(best);
    text.remove_prefix(tokens[best].size());
  }
  return out;
}

Made make(Order order, const std::vector<KernelSymbol>& symbols,
          PerCpu per_cpu = PerCpu::relative) {
  Made made{.order = order, .tokens = make_tokens()};
  made.count = symbols.size();
  for (const auto& [address, type, name] : symbols) {
    made.names.push_back(packed(made.tokens, type + name));
    if (order == Order::since_7_0)
      put(made.offsets, address, 4);
    else if (per_cpu == PerCpu::relative)
      put(made.offsets, address - k_text, 4);
    else
      put(made.offsets, address < k_text ? address : k_text - 1 - address, 4);
    made.seqs += "\1\2\3";
  }
  made.index();
  return made;
}

const std::vector<KernelSymbol> k_few = {{k_text, 'T', "_text"},
                                         {k_text, 'T', "startup_64"},
                                         {k_text + 0x40, 't', "dev_read"},
                                         {k_text + 0x1234, 'W', "dev_readdev_read.cold"},
                                         {k_text + 0xa00000, 'D', "jiffies"}};

std::vector<KernelSymbol> many(std::size_t count) {
  std::vector<KernelSymbol> symbols;
  symbols.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    symbols.push_back({k_text + 16 * i, i % 3 == 0 ? 'T' : 'd', fmt::format("symbol_{}", i)});
  return symbols;
}

testing::AssertionResult is_refused(const std::string& rodata) {
  const auto symbols = read_kallsyms(rodata, k_rodata, k_text);
  if (symbols) return testing::AssertionFailure() << symbols->size() << " symbols";
  EXPECT_EQ(symbols.error().kind(), ErrorKind::environment);
  EXPECT_THAT(symbols.error().message(), HasSubstr("CONFIG_KALLSYMS"));
  return testing::AssertionSuccess();
}

TEST(Kallsyms, NamesTypesAndAddressesInEachOrderOfTheTables) {
  for (const auto order : k_orders) {
    const auto symbols = read_kallsyms(make(order, k_few).bytes(), k_rodata, k_text);
    ASSERT_TRUE(symbols) << symbols.error().to_string();
    EXPECT_EQ(*symbols, k_few);
  }
}

TEST(Kallsyms, AnyNumberOfNamesIsRead) {
  for (const auto order : k_orders)
    for (const std::size_t count : {1, 2, 3, 4, 7, 8, 255, 256, 257, 511, 512, 513, 1000}) {
      const auto symbols = read_kallsyms(make(order, many(count)).bytes(), k_rodata, k_text);
      ASSERT_TRUE(symbols) << count << " " << static_cast<int>(order);
      EXPECT_EQ(*symbols, many(count));
    }
}

TEST(Kallsyms, ALongNameHasALengthOfTwoBytes) {
  auto symbols = k_few;
  for (const std::size_t size : {126, 127, 128, 300, 512})
    symbols.push_back({k_text + 0xb00000, 't', std::string(size, 'x')});
  for (const auto order : k_orders)
    EXPECT_EQ(read_kallsyms(make(order, symbols).bytes(), k_rodata, k_text).value(), symbols);
}

TEST(Kallsyms, PerCpuSymbolsHaveAddressesOfTheirOwn) {
  auto symbols = k_few;
  symbols.insert(symbols.begin(), {{0, 'A', "fixed_percpu_data"}, {0x1f000, 'A', "this_cpu_off"}});
  for (const auto order : k_orders_with_base)
    EXPECT_EQ(
        read_kallsyms(make(order, symbols, PerCpu::absolute).bytes(), k_rodata, k_text).value(),
        symbols);
}

TEST(Kallsyms, WhatOnlyLooksLikeTheTablesIsPassedOver) {
  std::string before("0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0\0\0\0\0", 24);
  put(before, k_text, 8);
  put(before, 3, 8);
  put(before, k_text, 8);
  for (const auto order : k_orders)
    EXPECT_EQ(read_kallsyms(before + make(order, k_few).bytes() + before, k_rodata - before.size(),
                            k_text)
                  .value(),
              k_few);
}

TEST(Kallsyms, FunctionsAreThoseThatNmSaysAreText) {
  for (const char type : {'t', 'T', 'w', 'W'})
    EXPECT_TRUE((KernelSymbol{0, type, "x"}.is_function()));
  for (const char type : {'d', 'D', 'b', 'B', 'r', 'R', 'A', 'a', 'V', '?'})
    EXPECT_FALSE((KernelSymbol{0, type, "x"}.is_function()));
}

TEST(Kallsyms, AKernelWithoutThemIsRefused) {
  EXPECT_TRUE(is_refused(""));
  EXPECT_TRUE(is_refused("x"));
  EXPECT_TRUE(is_refused(std::string(5000, '\0')));
  EXPECT_TRUE(is_refused(std::string("0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0", 20)));
  for (const auto order : k_orders) {
    EXPECT_TRUE(is_refused(make(order, {}).bytes())) << "no symbols";
    EXPECT_FALSE(read_kallsyms(make(order, k_few).bytes(), k_rodata, k_text + 0x1000))
        << "another kernel";
  }
}

TEST(Kallsyms, NoCutOfTheTablesIsTakenForThem) {
  for (const auto order : k_orders) {
    auto made = make(order, many(300));
    made.seqs.clear();  // nobody reads them
    const auto whole = made.bytes();
    const auto end = whole.find("and more behind them");
    for (std::size_t cut = 0; cut <= end - 8; cut += 1 + cut % 5)
      ASSERT_TRUE(is_refused(whole.substr(0, cut))) << cut;
    EXPECT_EQ(read_kallsyms(whole.substr(0, end), k_rodata, k_text).value(), many(300));
  }
}

TEST(Kallsyms, TablesThatDisagreeAreRefused) {
  for (const auto order : k_orders) {
    const auto good = make(order, many(600));
    ASSERT_FALSE(is_refused(good.bytes()));
    for (const std::size_t at : {0, 4, 8}) {
      auto bad = good;
      ++bad.markers[at];
      EXPECT_TRUE(is_refused(bad.bytes())) << "marker " << at / 4;
    }
    for (const std::size_t at : {0, 2, 255, 511}) {
      auto bad = good;
      ++bad.token_index[at];
      EXPECT_TRUE(is_refused(bad.bytes())) << "index " << at;
    }
    for (const std::uint64_t count : {0U, 1U, 256U, 599U, 603U, 100'000U, 0xffffffffU}) {
      auto bad = good;
      bad.count = count;
      EXPECT_TRUE(is_refused(bad.bytes())) << count;
    }
  }
}

// Until 6.19 the base says so by itself.
TEST(Kallsyms, WithoutABaseTheAddressesMustBeThisKernels) {
  const auto bytes = make(Order::since_7_0, many(600)).bytes();
  EXPECT_TRUE(read_kallsyms(bytes, k_rodata, k_text));
  EXPECT_FALSE(read_kallsyms(bytes, k_rodata + 4, k_text)) << "no symbol where the text begins";
  auto falling = many(600);
  std::swap(falling[300].address, falling[301].address);
  EXPECT_TRUE(is_refused(make(Order::since_7_0, falling).bytes()));
  auto odd = make(Order::since_7_0, many(600)).bytes();
  EXPECT_TRUE(is_refused("xx" + odd)) << "not aligned";
}

TEST(Kallsyms, NamesThatNoKernelHasAreRefused) {
  const auto with = [](Order order, const std::string& name, std::string token = "?") {
    auto made = make(order, k_few);
    made.tokens[255] = std::move(token);
    made.names[2] = name;
    made.index();
    return made.bytes();
  };
  for (const auto order : k_orders) {
    ASSERT_FALSE(is_refused(with(order, "tx")));
    EXPECT_TRUE(is_refused(with(order, "")));
    EXPECT_TRUE(is_refused(with(order, "t"))) << "a type alone";
    EXPECT_TRUE(is_refused(with(order, "\1\1\1"))) << "nothing but empty tokens";
    EXPECT_TRUE(is_refused(with(order, 't' + std::string(513, 'x'))));
    // A gigabyte, if it were put together before it is measured.
    EXPECT_TRUE(is_refused(with(order, std::string(16'000, '\xff'), std::string(60'000, 'x'))));
  }
}

}  // namespace
}  // namespace kobox
