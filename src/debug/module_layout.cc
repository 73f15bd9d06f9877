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

using Types = std::unique_ptr<btf, void (*)(btf*)>;

Result<Types> read_types(const ElfImage& vmlinux) {
  const auto* section = vmlinux.find(".BTF");
  Types types(section == nullptr ? nullptr
                                 : ::btf__new(section->bytes.data(),
                                              static_cast<std::uint32_t>(section->bytes.size())),
              [](btf* one) { ::btf__free(one); });
  if (!types)
    return fail(ErrorKind::environment,
                "the kernel does not tell its types (CONFIG_DEBUG_INFO_BTF), so a module's places "
                "in it cannot be found");
  return types;
}

bool returns_nothing(const btf* types, const std::string& function) {
  const auto id = ::btf__find_by_name_kind(types, function.c_str(), BTF_KIND_FUNC);
  const btf_type* type =
      id > 0 ? ::btf__type_by_id(types, static_cast<std::uint32_t>(id)) : nullptr;
  const btf_type* prototype = type == nullptr ? nullptr : ::btf__type_by_id(types, type->type);
  return prototype != nullptr && prototype->type == 0;
}

}  // namespace

Result<ModuleLayout> read_module_layout(const ElfImage& vmlinux) {
  KOBOX_TRY(const auto types, read_types(vmlinux));
  ModuleLayout layout;
  KOBOX_TRY(layout.name, offset_of(types.get(), "module", "name"));
  KOBOX_TRY(layout.kallsyms, offset_of(types.get(), "module", "kallsyms"));
  KOBOX_TRY(layout.symtab, offset_of(types.get(), "mod_kallsyms", "symtab"));
  return layout;
}

Result<std::vector<std::string>> without_void_functions(const ElfImage& vmlinux,
                                                        std::vector<std::string> functions) {
  KOBOX_TRY(const auto types, read_types(vmlinux));
  std::erase_if(functions,
                [&](const std::string& one) { return returns_nothing(types.get(), one); });
  return functions;
}

}  // namespace kobox
