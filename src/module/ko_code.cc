// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/ko_code.h"

#include <elf.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <utility>

#include "base/child.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr Duration k_limit = std::chrono::seconds(30);
constexpr std::string_view k_tracing = "__fentry__";
constexpr std::string_view k_init = "init_module";

template <typename Entry>
std::vector<Entry> entries_of(std::string_view bytes) {
  std::vector<Entry> entries(bytes.size() / sizeof(Entry));
  std::memcpy(entries.data(), bytes.data(), entries.size() * sizeof(Entry));
  return entries;
}

// Without what only runs when the module is unloaded, which cannot be traced.
bool has_code(const ElfSection& section) {
  return (section.flags & SHF_EXECINSTR) != 0 && section.bytes.size() == section.size &&
         !section.name.starts_with(".exit.text");
}

// What ends a function or protects it, and is no call of the author's.
bool is_thunk(std::string_view name) {
  return name.starts_with("__x86_") || name == k_tracing || name == "__stack_chk_fail";
}

enum class Transfer { none, call, jump };

// Is the field at `at` the distance of a call or a jump?
Transfer transfer_at(std::string_view code, std::uint64_t at) {
  const auto byte = [&](std::uint64_t before) {
    return before > at ? 0U : static_cast<unsigned char>(code[at - before]);
  };
  if (at >= code.size()) return Transfer::none;
  if (byte(1) == 0xe8) return Transfer::call;
  if (byte(1) == 0xe9) return Transfer::jump;
  return byte(2) == 0x0f && (byte(1) & 0xf0U) == 0x80 ? Transfer::jump : Transfer::none;
}

}  // namespace

Result<> write_with_section_ends(const std::filesystem::path& ko, const std::filesystem::path& to) {
  KOBOX_TRY(const auto image, ElfImage::open(ko));
  CommandLine command{.argv = {"objcopy"}};
  for (std::size_t i = 0; i < image.sections().size(); ++i) {
    const auto& section = image.sections()[i];
    if (!has_code(section) || section.name.find_first_of(",:=") != std::string::npos) continue;
    command.argv.emplace_back("--add-symbol");
    command.argv.push_back(
        fmt::format("kobox_end_{}={}:{:#x},local", i, section.name, section.size));
  }
  command.argv.push_back(ko.string());
  command.argv.push_back(to.string());
  KOBOX_TRY(const auto done, run_command(command, {.deadline = Deadline::after(k_limit)}));
  if (done.status.success()) return {};
  return fail(ErrorKind::tool, "objcopy cannot add symbols to {}: {}", ko.string(),
              printable(trim(done.error)));
}

Result<KoCode> KoCode::open(const std::filesystem::path& ko) {
  KOBOX_TRY(const auto image, ElfImage::open(ko));
  if (image.machine() != EM_X86_64)
    return fail(ErrorKind::environment, "{} is for an architecture whose code is not known",
                ko.string());
  KoCode code;
  const auto& sections = image.sections();
  for (std::size_t i = 0; i < sections.size(); ++i)
    if (has_code(sections[i])) code.code_.emplace(i, sections[i].bytes);
  const auto* info = image.find(".modinfo");
  code.knows_pointers_ = info != nullptr && info->bytes.contains(std::string_view("retpoline=Y"));
  code.read_functions(image);
  code.read_relocations(image);
  code.read_own_calls();
  return code;
}

void KoCode::read_functions(const ElfImage& image) {
  const auto* table = image.find(".symtab");
  const auto* names = image.find(".strtab");
  if (table == nullptr || names == nullptr || !names->bytes.ends_with('\0')) return;
  const auto symbols = entries_of<Elf64_Sym>(table->bytes);
  std::optional<std::pair<std::size_t, std::uint64_t>> init;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const auto& symbol = symbols[i];
    std::string name;
    if (symbol.st_name < names->bytes.size()) name = names->bytes.data() + symbol.st_name;
    const auto section = symbol.st_shndx - std::size_t{1};
    symbols_.push_back({.name = symbol.st_shndx == SHN_UNDEF ? name : "",
                        .section = section,
                        .value = symbol.st_value});
    if (symbol.st_shndx == SHN_UNDEF || !code_.contains(section)) continue;
    if (std::ranges::find(anchors_, section, &Anchor::section) == anchors_.end())
      anchors_.push_back({.section = section, .symbol = i, .value = symbol.st_value});
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || name.starts_with("__pfx_")) continue;
    if (name == k_init) init = {section, symbol.st_value};
    if (name == k_init || name == "cleanup_module") continue;  // other names for the author's
    functions_.push_back(
        {.name = name, .section = section, .start = symbol.st_value, .size = symbol.st_size});
  }
  // One that has no name of the author's.
  if (init && std::ranges::none_of(functions_, [&](const KoFunction& one) {
        return one.section == init->first && one.start == init->second;
      }))
    functions_.push_back(
        {.name = std::string(k_init), .section = init->first, .start = init->second});
  std::ranges::stable_sort(functions_, {},
                           [](const auto& one) { return std::pair(one.section, one.start); });
  for (std::size_t i = 0; init && i < functions_.size(); ++i)
    if (functions_[i].section == init->first && functions_[i].start == init->second) init_ = i;
}

void KoCode::read_relocations(const ElfImage& image) {
  const auto& sections = image.sections();
  std::map<std::string, std::size_t> names;
  for (const auto& one : functions_) ++names[one.name];
  for (const auto& [section, bytes] : code_) {
    const auto found = std::ranges::find_if(sections, [&](const ElfSection& one) {
      return one.type == SHT_RELA && one.name == ".rela" + sections[section].name;
    });
    if (found == sections.end()) continue;
    for (const auto& one : entries_of<Elf64_Rela>(found->bytes)) {
      relocated_.emplace(section, one.r_offset);
      const auto index = ELF64_R_SYM(one.r_info);
      if (index >= symbols_.size()) continue;
      const auto& [name, own_section, own_value] = symbols_[index];
      const auto transfer = transfer_at(bytes, one.r_offset);
      const auto holder = holding(section, one.r_offset);
      if (!holder || transfer == Transfer::none) continue;
      auto& function = functions_[*holder];
      if (name.empty()) {  // the distance counts from behind the field
        const auto own = holding(own_section, own_value + static_cast<std::uint64_t>(one.r_addend) +
                                                  sizeof(std::int32_t));
        if (own) function.own_calls.insert(*own);
        continue;
      }
      const auto offset = one.r_offset - function.start;
      // Behind the opcode, and that behind an endbr64 maybe.
      if (name == k_tracing && (offset == 1 || offset == 5))
        function.is_traceable = names[function.name] == 1;
      if (name.starts_with("__x86_indirect_thunk")) function.calls_by_pointer = true;
      if (is_thunk(name)) continue;
      function.calls.insert(name);
      if (transfer == Transfer::jump)
        jumps_.push_back({.from = *holder, .to = name, .offset = offset});
    }
  }
}

// Within a section the assembler fills in the distance of calls and jumps itself.
void KoCode::read_own_calls() {
  for (auto& function : functions_) {
    const auto& bytes = code_.at(function.section);
    const auto end = std::min<std::uint64_t>(bytes.size(), function.start + function.size);
    const auto note = [&](std::uint64_t target) {
      const auto own = holding(function.section, target);
      if (own && &functions_[*own] != &function) function.own_calls.insert(*own);
    };
    for (auto at = function.start; at < end; ++at) {
      const auto opcode = static_cast<unsigned char>(bytes[at]);
      if ((opcode == 0xeb || (opcode & 0xf0U) == 0x70) && at + 1 < end)  // jmp, jcc rel8
        note(at + 2 + static_cast<std::uint64_t>(static_cast<signed char>(bytes[at + 1])));
      std::int32_t distance = 0;
      if (transfer_at(bytes, at + 1) == Transfer::none || at + 1 + sizeof distance > end ||
          relocated_.contains({function.section, at + 1}))
        continue;
      std::memcpy(&distance, &bytes[at + 1], sizeof distance);
      note(at + 1 + sizeof distance + static_cast<std::uint64_t>(std::int64_t{distance}));
    }
  }
}

std::vector<const KoFunction*> KoCode::reached_by_init() const {
  std::vector<const KoFunction*> reached;
  std::set<std::size_t> seen;
  std::deque<std::size_t> next;
  if (init_) next.push_back(*init_);
  for (; !next.empty(); next.pop_front()) {
    if (!seen.insert(next.front()).second) continue;
    const auto& function = functions_[next.front()];
    reached.push_back(&function);
    next.insert(next.end(), function.own_calls.begin(), function.own_calls.end());
  }
  return reached;
}

std::optional<std::size_t> KoCode::holding(std::size_t section, std::uint64_t offset) const {
  const auto next =
      std::ranges::upper_bound(functions_, std::pair(section, offset), {},
                               [](const auto& one) { return std::pair(one.section, one.start); });
  if (next == functions_.begin() || std::prev(next)->section != section) return std::nullopt;
  const auto& one = *std::prev(next);
  if (one.size != 0 && offset - one.start >= one.size) return std::nullopt;
  return static_cast<std::size_t>(std::prev(next) - functions_.begin());
}

std::optional<KoCode::Place> KoCode::before(std::uint64_t address,
                                            const std::vector<std::uint64_t>& anchors) const {
  for (std::size_t i = 0; i < anchors_.size() && i < anchors.size(); ++i) {
    const auto offset = address - (anchors[i] - anchors_[i].value);
    if (offset == 0 || offset > code_.at(anchors_[i].section).size()) continue;
    const auto holder = holding(anchors_[i].section, offset - 1);
    if (!holder) return std::nullopt;
    const auto& function = functions_[*holder];
    return Place{.function = &function, .offset = offset - function.start};
  }
  return std::nullopt;
}

std::vector<KoCode::Place> KoCode::moves_of(std::int32_t number) const {
  std::string field(sizeof number, '\0');
  std::memcpy(field.data(), &number, sizeof number);
  std::vector<Place> places;
  for (const auto& [section, bytes] : code_) {
    for (auto at = bytes.find(field); at != std::string::npos; at = bytes.find(field, at + 1)) {
      const auto byte = [&](std::size_t before) {
        return before > at ? 0U : static_cast<unsigned char>(bytes[at - before]);
      };
      // mov: [REX] b8+r imm32, or REX.W c7 /0 imm32.
      std::size_t length = 0;
      if ((byte(1) & 0xf8U) == 0xb8) length = byte(2) == 0x41 ? 2 : 1;
      if ((byte(1) & 0xf8U) == 0xc0 && byte(2) == 0xc7) length = (byte(3) & 0xf8U) == 0x48 ? 3 : 2;
      const auto holder = length == 0 ? std::nullopt : holding(section, at - length);
      if (!holder) continue;
      const auto& function = functions_[*holder];
      places.push_back({.function = &function, .offset = at - length - function.start});
    }
  }
  return places;
}

std::vector<KoCode::Place> KoCode::jumps(const KoFunction& from, const std::string& to) const {
  std::vector<Place> places;
  for (const auto& one : jumps_)
    if (&functions_[one.from] == &from && one.to == to)
      places.push_back({.function = &from, .offset = one.offset});
  return places;
}

}  // namespace kobox
