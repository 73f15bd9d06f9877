// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kallsyms.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace kobox {
namespace {

constexpr std::size_t k_tokens = 256;
constexpr std::size_t k_names_per_marker = 256;
constexpr std::size_t k_max_name = 1 + 512;  // with its type (KSYM_NAME_LEN)

// Of the tables, in bytes.
constexpr std::size_t k_alignment_until_6_19 = 8;
constexpr std::size_t k_alignment_since_7_0 = 4;

constexpr std::size_t aligned(std::size_t place, std::size_t alignment) {
  return (place + alignment - 1) & ~(alignment - 1);
}

template <class T>
T number_at(std::string_view bytes, std::size_t place) {
  T value = 0;
  if (place <= bytes.size() && sizeof value <= bytes.size() - place)
    std::memcpy(&value, bytes.data() + place, sizeof value);
  return value;
}

struct Tokens {
  std::size_t alignment = 0;  // of all the tables
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
std::optional<Tokens> tokens_around(std::string_view bytes, std::size_t digits,
                                    std::size_t alignment) {
  std::size_t end = digits;
  for (std::size_t i = '0'; i < k_tokens; ++i) {
    end = bytes.find('\0', end);
    if (end == std::string_view::npos) return std::nullopt;
    ++end;
  }
  const auto index = aligned(end, alignment);
  const std::size_t before = number_at<std::uint16_t>(bytes, index + 2 * std::size_t{'0'});
  if (before > digits) return std::nullopt;
  Tokens tokens{.alignment = alignment,
                .table = digits - before,
                .index_end = aligned(index + 2 * k_tokens, alignment),
                .text = {}};
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

std::optional<Tokens> find_tokens(std::string_view bytes, std::size_t alignment) {
  constexpr std::string_view k_digits("0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0", 20);
  for (auto at = bytes.find(k_digits); at != std::string_view::npos;
       at = bytes.find(k_digits, at + 1))
    if (auto tokens = tokens_around(bytes, at, alignment)) return tokens;
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
  place = aligned(place, tokens.alignment);
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
  const auto size = aligned(4 * count, tokens.alignment);
  if (count > bytes.size() / 4 || size > base) return std::nullopt;
  Tables tables{.count = count, .names = base + 16, .offsets = base - size, .text = {}};
  if (!read_names(bytes, tokens, tables)) return std::nullopt;
  return tables;
}

// From 6.4 to 6.19: num_syms, names, markers, tokens, offsets, base.
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
std::optional<Tables> find_tables_with_base(std::string_view bytes, std::uint64_t text,
                                            const Tokens& tokens) {
  for (std::size_t place = 8; place + 8 <= bytes.size(); place += 8) {
    if (number_at<std::uint64_t>(bytes, place) != text) continue;
    if (auto tables = tables_before_names(bytes, place, tokens)) return tables;
    if (auto tables = tables_behind_tokens(bytes, place, tokens)) return tables;
  }
  return std::nullopt;
}

// Where kallsyms_markers begins, if it ends where the tokens begin: its numbers fall, read
// backwards, to the 0 of the first.
std::optional<std::size_t> markers_before(std::string_view bytes, std::size_t end) {
  std::uint64_t above = std::uint64_t{1} << 32;
  for (std::size_t place = end; place >= 4;) {
    place -= 4;
    const std::uint64_t marker = number_at<std::uint32_t>(bytes, place);
    if (marker >= above) return std::nullopt;
    if (marker == 0) return place;
    above = marker;
  }
  return std::nullopt;
}

// From 7.0 on: num_syms, names, markers, tokens, offsets. The markers tell the number of names but
// for 256.
std::optional<Tables> find_tables_without_base(std::string_view bytes, const Tokens& tokens) {
  if (tokens.table % tokens.alignment != 0) return std::nullopt;
  const auto markers = markers_before(bytes, tokens.table);
  if (!markers) return std::nullopt;
  const auto groups = (tokens.table - *markers) / 4;
  const auto last = number_at<std::uint32_t>(bytes, tokens.table - 4);
  for (std::size_t names = *markers; names >= 4; names -= 4) {
    const std::size_t count = number_at<std::uint32_t>(bytes, names - 4);
    const bool fits = (count + k_names_per_marker - 1) / k_names_per_marker == groups &&
                      last < *markers - names && count <= (bytes.size() - tokens.index_end) / 4;
    if (!fits) continue;
    Tables tables{.count = count, .names = names, .offsets = tokens.index_end, .text = {}};
    if (read_names(bytes, tokens, tables)) return tables;
  }
  return std::nullopt;
}

using Symbols = std::vector<KernelSymbol>;

Symbols named(const Tables& tables) {
  Symbols symbols;
  symbols.reserve(tables.count);
  for (const auto& text : tables.text) symbols.push_back({.type = text[0], .name = text.substr(1)});
  return symbols;
}

std::optional<Symbols> symbols_with_base(std::string_view rodata, std::uint64_t text) {
  const auto tokens = find_tokens(rodata, k_alignment_until_6_19);
  const auto tables = tokens ? find_tables_with_base(rodata, text, *tokens) : std::nullopt;
  if (!tables) return std::nullopt;
  const auto offset_of = [&](std::size_t i) {
    return number_at<std::int32_t>(rodata, tables->offsets + 4 * i);
  };
  bool some_negative = false;
  for (std::size_t i = 0; i < tables->count; ++i) some_negative |= offset_of(i) < 0;
  auto symbols = named(*tables);
  for (std::size_t i = 0; i < tables->count; ++i) {
    const std::int64_t offset = offset_of(i);
    if (!some_negative)
      symbols[i].address = text + static_cast<std::uint32_t>(offset);
    else if (offset >= 0)
      symbols[i].address = static_cast<std::uint64_t>(offset);
    else
      symbols[i].address = text - 1 - static_cast<std::uint64_t>(offset);
  }
  return symbols;
}

// Without a base only the addresses tell whether these are this kernel's: they rise, and one is the
// text's.
std::optional<Symbols> symbols_without_base(std::string_view rodata, std::uint64_t rodata_address,
                                            std::uint64_t text) {
  const auto tokens = find_tokens(rodata, k_alignment_since_7_0);
  const auto tables = tokens ? find_tables_without_base(rodata, *tokens) : std::nullopt;
  if (!tables) return std::nullopt;
  auto symbols = named(*tables);
  for (std::size_t i = 0; i < tables->count; ++i) {
    const auto place = tables->offsets + 4 * i;
    const std::int64_t offset = number_at<std::int32_t>(rodata, place);
    symbols[i].address = rodata_address + place + static_cast<std::uint64_t>(offset);
  }
  if (!std::ranges::is_sorted(symbols, {}, &KernelSymbol::address) ||
      !std::ranges::binary_search(symbols, text, {}, &KernelSymbol::address))
    return std::nullopt;
  return symbols;
}

}  // namespace

Result<std::vector<KernelSymbol>> read_kallsyms(std::string_view rodata,
                                                std::uint64_t rodata_address, std::uint64_t text) {
  auto symbols = symbols_with_base(rodata, text);
  if (!symbols) symbols = symbols_without_base(rodata, rodata_address, text);
  if (!symbols)
    return fail(ErrorKind::environment,
                "the kernel has no symbol tables that kobox can read (CONFIG_KALLSYMS)");
  return std::move(*symbols);
}

Result<std::vector<KernelSymbol>> read_kallsyms(const ElfImage& vmlinux) {
  const auto* rodata = vmlinux.find(".rodata");
  const auto* text = vmlinux.find(".text");
  if (rodata == nullptr || text == nullptr)
    return fail(ErrorKind::environment, "the kernel has no .text or no .rodata");
  return read_kallsyms(rodata->bytes, rodata->address, text->address);
}

}  // namespace kobox
