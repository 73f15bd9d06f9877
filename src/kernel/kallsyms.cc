// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kallsyms.h"

#include <array>
#include <cstring>
#include <optional>

namespace kobox {
namespace {

constexpr std::size_t k_tokens = 256;
constexpr std::size_t k_names_per_marker = 256;
constexpr std::size_t k_max_name = 1 + 512;  // with its type (KSYM_NAME_LEN)

constexpr std::size_t aligned(std::size_t place) { return (place + 7) & ~std::size_t{7}; }

template <class T>
T number_at(std::string_view bytes, std::size_t place) {
  T value = 0;
  if (place <= bytes.size() && sizeof value <= bytes.size() - place)
    std::memcpy(&value, bytes.data() + place, sizeof value);
  return value;
}

struct Tokens {
  std::size_t table = 0;      // where kallsyms_token_table begins
  std::size_t index_end = 0;  // and kallsyms_token_index ends
  std::array<std::string_view, k_tokens> text;
};

struct Tables {
  std::size_t count = 0;    // of symbols
  std::size_t names = 0;    // where kallsyms_names begins
  std::size_t offsets = 0;  // where kallsyms_offsets begins
  std::vector<std::string> text;
};

// The tables whose tokens '0' to '9' stand at `digits`. Where the first token begins only the index
// tells: what stands before the table may end in any byte.
std::optional<Tokens> tokens_around(std::string_view bytes, std::size_t digits) {
  std::size_t end = digits;
  for (std::size_t i = '0'; i < k_tokens; ++i) {
    end = bytes.find('\0', end);
    if (end == std::string_view::npos) return std::nullopt;
    ++end;
  }
  const auto index = aligned(end);
  const std::size_t before = number_at<std::uint16_t>(bytes, index + 2 * std::size_t{'0'});
  if (before > digits) return std::nullopt;
  Tokens tokens{.table = digits - before, .index_end = aligned(index + 2 * k_tokens), .text = {}};
  std::size_t place = tokens.table;
  for (std::size_t i = 0; i < k_tokens; ++i) {
    if (number_at<std::uint16_t>(bytes, index + 2 * i) != place - tokens.table) return std::nullopt;
    const auto stop = bytes.find('\0', place);
    if (stop == std::string_view::npos) return std::nullopt;
    tokens.text[i] = bytes.substr(place, stop - place);
    place = stop + 1;
  }
  return tokens;
}

std::optional<Tokens> find_tokens(std::string_view bytes) {
  constexpr std::string_view k_digits("0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0", 20);
  for (auto at = bytes.find(k_digits); at != std::string_view::npos;
       at = bytes.find(k_digits, at + 1))
    if (auto tokens = tokens_around(bytes, at)) return tokens;
  return std::nullopt;
}

// Reads all names, and holds them against the markers behind them.
bool read_names(std::string_view bytes, const Tokens& tokens, Tables& tables) {
  auto place = tables.names;
  std::vector<std::size_t> markers;
  for (std::size_t i = 0; i < tables.count; ++i) {
    if (i % k_names_per_marker == 0) markers.push_back(place - tables.names);
    if (place + 2 > bytes.size()) return false;
    std::size_t length = static_cast<std::uint8_t>(bytes[place++]);
    if ((length & 0x80) != 0)
      length = (length & 0x7f) | static_cast<std::size_t>(static_cast<std::uint8_t>(bytes[place++]))
                                     << 7;
    if (length == 0 || length > bytes.size() - place) return false;
    std::string text;
    for (const char token : bytes.substr(place, length)) {
      text += tokens.text[static_cast<std::uint8_t>(token)];
      if (text.size() > k_max_name) return false;
    }
    if (text.size() < 2) return false;
    tables.text.push_back(std::move(text));
    place += length;
  }
  place = aligned(place);
  for (const auto marker : markers) {
    if (number_at<std::uint32_t>(bytes, place) != marker) return false;
    place += 4;
  }
  return !markers.empty();
}

// Up to 6.3: offsets, base, num_syms, names.
std::optional<Tables> tables_before_names(std::string_view bytes, std::size_t base,
                                          const Tokens& tokens) {
  const auto count = number_at<std::uint64_t>(bytes, base + 8);
  const auto size = aligned(4 * count);
  if (count > bytes.size() / 4 || size > base) return std::nullopt;
  Tables tables{.count = count, .names = base + 16, .offsets = base - size, .text = {}};
  if (!read_names(bytes, tokens, tables)) return std::nullopt;
  return tables;
}

// From 6.4 on: num_syms, names, markers, tokens, offsets, base.
std::optional<Tables> tables_behind_tokens(std::string_view bytes, std::size_t base,
                                           const Tokens& tokens) {
  if (base <= tokens.index_end) return std::nullopt;
  const auto most = (base - tokens.index_end) / 4;
  for (const auto count : {most, most - 1})  // the offsets are aligned to 8 bytes
    for (std::size_t names = tokens.table & ~std::size_t{7}; names >= 8; names -= 8) {
      if (number_at<std::uint64_t>(bytes, names - 8) != count) continue;
      Tables tables{.count = count, .names = names, .offsets = tokens.index_end, .text = {}};
      if (read_names(bytes, tokens, tables)) return tables;
    }
  return std::nullopt;
}

// Both have the base, which is where the kernel's text begins.
std::optional<Tables> find_tables(std::string_view bytes, std::uint64_t text,
                                  const Tokens& tokens) {
  for (std::size_t place = 8; place + 8 <= bytes.size(); place += 8) {
    if (number_at<std::uint64_t>(bytes, place) != text) continue;
    if (auto tables = tables_before_names(bytes, place, tokens)) return tables;
    if (auto tables = tables_behind_tokens(bytes, place, tokens)) return tables;
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<KernelSymbol>> read_kallsyms(std::string_view rodata, std::uint64_t text) {
  const auto tokens = find_tokens(rodata);
  const auto tables = tokens ? find_tables(rodata, text, *tokens) : std::nullopt;
  if (!tables)
    return fail(ErrorKind::environment,
                "the kernel has no symbol tables that kobox can read (CONFIG_KALLSYMS)");
  const auto offset_of = [&](std::size_t i) {
    return number_at<std::int32_t>(rodata, tables->offsets + 4 * i);
  };
  bool some_negative = false;
  for (std::size_t i = 0; i < tables->count; ++i) some_negative |= offset_of(i) < 0;
  std::vector<KernelSymbol> symbols;
  symbols.reserve(tables->count);
  for (std::size_t i = 0; i < tables->count; ++i) {
    const std::int64_t offset = offset_of(i);
    KernelSymbol symbol{.type = tables->text[i][0], .name = tables->text[i].substr(1)};
    if (!some_negative)
      symbol.address = text + static_cast<std::uint32_t>(offset);
    else if (offset >= 0)
      symbol.address = static_cast<std::uint64_t>(offset);
    else
      symbol.address = text - 1 - static_cast<std::uint64_t>(offset);
    symbols.push_back(std::move(symbol));
  }
  return symbols;
}

Result<std::vector<KernelSymbol>> read_kallsyms(const ElfImage& vmlinux) {
  const auto* rodata = vmlinux.find(".rodata");
  const auto* text = vmlinux.find(".text");
  if (rodata == nullptr || text == nullptr)
    return fail(ErrorKind::environment, "the kernel has no .text or no .rodata");
  return read_kallsyms(rodata->bytes, text->address);
}

}  // namespace kobox
