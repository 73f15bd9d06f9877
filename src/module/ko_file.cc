// SPDX-License-Identifier: GPL-2.0-or-later
// read_modinfo; the lines are in ko_lines.cc.
#include "module/ko_file.h"

#include <gelf.h>
#include <libelf.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

struct ElfEnd {
  void operator()(Elf* elf) const { ::elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfEnd>;

// The bytes of a section, or nothing; they live as long as the handle.
std::optional<std::string_view> section(Elf* elf, std::string_view name) {
  std::size_t names = 0;
  if (::elf_getshdrstrndx(elf, &names) != 0) return std::nullopt;
  for (Elf_Scn* scn = ::elf_nextscn(elf, nullptr); scn != nullptr; scn = ::elf_nextscn(elf, scn)) {
    GElf_Shdr header;
    if (::gelf_getshdr(scn, &header) == nullptr) continue;
    const char* its_name = ::elf_strptr(elf, names, header.sh_name);
    if (its_name == nullptr || name != its_name) continue;
    const Elf_Data* data = ::elf_rawdata(scn, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return std::string_view();
    return std::string_view(static_cast<const char*>(data->d_buf), data->d_size);
  }
  return std::nullopt;
}

// "parmtype=NAME:TYPE", "parm=NAME:DESCRIPTION". One by module_param_cb has no type, others need no
// description (include/linux/moduleparam.h).
void add_parameter(ModInfo& info, const std::string& value) {
  auto name = value.substr(0, value.find(':'));
  if (std::ranges::find(info.parameters, name) == info.parameters.end())
    info.parameters.push_back(std::move(name));
}

// "pre: a b post: c" (modprobe.d(5)). What stands before both has no meaning.
void add_soft_dependencies(ModInfo& info, std::string text) {
  std::ranges::replace(text, '\t', ' ');
  std::vector<std::string>* place = nullptr;
  for (const auto& word : split(text, ' ')) {
    if (word == "pre:")
      place = &info.soft_before;
    else if (word == "post:")
      place = &info.soft_after;
    else if (place != nullptr && !word.empty())
      place->push_back(word);
  }
}

}  // namespace

Result<ModInfo> read_modinfo(const fs::path& ko) {
  KOBOX_TRY(auto bytes, read_file(ko));
  ::elf_version(EV_CURRENT);
  const ElfHandle elf(::elf_memory(bytes.data(), bytes.size()));
  const auto info = elf ? section(elf.get(), ".modinfo") : std::nullopt;
  if (!info)
    return fail(ErrorKind::environment, "{} is no kernel module: it has no .modinfo", ko.string());

  ModInfo result;
  for (const auto& entry : split(*info, '\0')) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos) continue;
    const auto key = std::string_view(entry).substr(0, equals);
    const auto value = entry.substr(equals + 1);
    if (key == "name") result.name = value;
    if (key == "vermagic") result.vermagic = value;
    if (key == "license") result.license = value;
    if (key == "parmtype" || key == "parm") add_parameter(result, value);
    if (key == "alias") result.aliases.push_back(value);
    if (key == "softdep") add_soft_dependencies(result, value);
    if (key != "depends" || value.empty()) continue;
    for (auto& name : split(value, ',')) result.depends.push_back(std::move(name));
  }
  return result;
}

}  // namespace kobox
