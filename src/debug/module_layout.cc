// SPDX-License-Identifier: GPL-2.0-or-later
#include "debug/module_layout.h"

#include <bpf/btf.h>

#include <memory>
#include <string_view>

namespace kobox {
namespace {

Result<std::uint32_t> offset_of(const btf* types, const char* structure, std::string_view member) {
  const auto id = ::btf__find_by_name_kind(types, structure, BTF_KIND_STRUCT);
  const btf_type* type =
      id > 0 ? ::btf__type_by_id(types, static_cast<std::uint32_t>(id)) : nullptr;
  for (std::uint32_t i = 0; type != nullptr && i < btf_vlen(type); ++i) {
    const char* name = ::btf__name_by_offset(types, btf_members(type)[i].name_off);
    if (name != nullptr && member == name) return btf_member_bit_offset(type, i) / 8;
  }
  return fail(ErrorKind::environment, "the kernel's types (.BTF) have no {} in struct {}", member,
              structure);
}

}  // namespace

Result<ModuleLayout> read_module_layout(const ElfImage& vmlinux) {
  const auto* section = vmlinux.find(".BTF");
  const std::unique_ptr<btf, void (*)(btf*)> types(
      section == nullptr
          ? nullptr
          : ::btf__new(section->bytes.data(), static_cast<std::uint32_t>(section->bytes.size())),
      [](btf* one) { ::btf__free(one); });
  if (!types)
    return fail(ErrorKind::environment,
                "the kernel does not tell its types (CONFIG_DEBUG_INFO_BTF), so a module's places "
                "in it cannot be found");
  ModuleLayout layout;
  KOBOX_TRY(layout.name, offset_of(types.get(), "module", "name"));
  KOBOX_TRY(layout.kallsyms, offset_of(types.get(), "module", "kallsyms"));
  KOBOX_TRY(layout.symtab, offset_of(types.get(), "mod_kallsyms", "symtab"));
  return layout;
}

}  // namespace kobox
