// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/drivers.h"

#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "archive/packed.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/module_name.h"

namespace kobox {
namespace {

constexpr std::uint64_t k_max_module = std::uint64_t{256} << 20;

// "virtio-pci.ko.xz" → "virtio_pci": the kernel does not tell the two apart.
std::optional<std::string> module_name(const fs::path& file) {
  const std::string name = file.filename().string();
  const auto dot = name.find(".ko");
  if (dot == std::string::npos || dot == 0) return std::nullopt;
  const auto ending = std::string_view(name).substr(dot);
  if (ending != ".ko" && ending != ".ko.xz" && ending != ".ko.zst" && ending != ".ko.gz")
    return std::nullopt;
  return kernel_name(name.substr(0, dot));
}

using Files = std::map<std::string, fs::path>;

Result<Files> files_below(const fs::path& directory) {
  Files files;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(directory, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error))
    if (auto name = module_name(it->path())) files.emplace(std::move(*name), it->path());
  if (error)
    return fail(ErrorKind::environment, "cannot read the kernel's modules in {}: {}",
                directory.string(), error.message());
  return files;
}

// modules.order of a kernel tree names them "kernel/drivers/x.ko" up to 6.1 and "drivers/x.o"
// later. What is listed and not built is left out.
Result<Files> files_listed(const fs::path& tree) {
  Files files;
  std::error_code ignored;
  const auto order = tree / "modules.order";
  if (!fs::exists(order, ignored)) return files;
  KOBOX_TRY(const auto text, read_file(order));
  for (auto line : lines_of(text)) {
    line = trim(line);
    constexpr std::string_view k_installed = "kernel/";
    fs::path path = tree / line;
    path.replace_extension(".ko");
    if (line.starts_with(k_installed) && !fs::exists(path, ignored))
      path = (tree / line.substr(k_installed.size())).replace_extension(".ko");
    auto name = module_name(path);
    if (name && fs::exists(path, ignored)) files.emplace(std::move(*name), std::move(path));
  }
  return files;
}

Result<std::set<std::string>> builtin_names(const fs::path& modules) {
  std::set<std::string> names;
  const auto file = modules / "modules.builtin";
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return names;
  KOBOX_TRY(const auto text, read_file(file));
  for (const auto line : lines_of(text))
    if (auto name = module_name(fs::path(trim(line)))) names.insert(std::move(*name));
  return names;
}

// The .modinfo section: "name=value" strings, each ended by NUL.
Result<std::string_view> modinfo_of(Elf* elf) {
  std::size_t names = 0;
  if (elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) != 0)
    return fail(ErrorKind::environment, "it is not an ELF file");
  Elf_Scn* section = nullptr;
  while ((section = elf_nextscn(elf, section)) != nullptr) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
    const char* name = elf_strptr(elf, names, header.sh_name);
    if (name == nullptr || std::string_view(name) != ".modinfo") continue;
    const Elf_Data* data = elf_rawdata(section, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return std::string_view();
    return std::string_view(static_cast<const char*>(data->d_buf), data->d_size);
  }
  return fail(ErrorKind::environment, "it is no kernel module: there is no .modinfo in it");
}

Result<std::vector<std::string>> depends_of(const fs::path& path) {
  KOBOX_TRY(const auto info, modinfo_strings(path));
  std::vector<std::string> names;
  for (const auto& entry : info) {
    if (!entry.starts_with("depends=")) continue;
    for (const auto& name : split(entry.substr(8), ','))
      if (!name.empty()) names.push_back(kernel_name(name));
  }
  return names;
}

// A walk in depth: a module is added after all that it depends on.
class Walk {
 public:
  Walk(const Kernel& kernel, Files files, std::set<std::string> builtin)
      : kernel_(kernel), files_(std::move(files)), builtin_(std::move(builtin)) {}

  Result<> add(const std::string& name, Missing missing) {
    // A name that is on its way already is not entered again, so a circle ends.
    if (builtin_.contains(name) || !seen_.insert(name).second) return {};
    const auto file = files_.find(name);
    if (file == files_.end()) {
      if (missing == Missing::is_builtin) return {};
      return fail(ErrorKind::environment, "the kernel {} has no driver '{}'{}", kernel_.release,
                  name,
                  kernel_.modules.empty()
                      ? std::string(": no directory of its modules is known")
                      : ": it is neither in " + kernel_.modules.string() + " nor built in");
    }
    KOBOX_TRY(const auto depends, depends_of(file->second));
    // What a module needs must be there, whoever wanted the module.
    for (const auto& other : depends)
      KOBOX_CHECK_WHILE("finding what " + name + " needs", add(other, Missing::is_error));
    order_.push_back({.name = name, .path = file->second});
    return {};
  }
  std::vector<DriverModule> take() { return std::move(order_); }

 private:
  const Kernel& kernel_;
  Files files_;
  std::set<std::string> builtin_;
  std::set<std::string> seen_;
  std::vector<DriverModule> order_;
};

}  // namespace

Result<Files> modules_of(const Kernel& kernel) {
  if (kernel.modules.empty()) return Files();
  std::error_code ignored;
  // A source tree has a kernel/ too, with the kernel's own code in it.
  if (fs::exists(kernel.modules / ".config", ignored)) return files_listed(kernel.modules);
  const auto directory = kernel.modules / "kernel";
  // A kernel without any module has no such directory.
  if (!fs::exists(directory, ignored)) return Files();
  return files_below(directory);
}

Result<std::vector<DriverModule>> modules_for(const Kernel& kernel,
                                              const std::vector<std::string>& wanted,
                                              Missing missing) {
  KOBOX_TRY(auto files, modules_of(kernel));
  std::set<std::string> builtin;
  if (!kernel.modules.empty()) {
    KOBOX_TRY(builtin, builtin_names(kernel.modules));
  }
  Walk walk(kernel, std::move(files), std::move(builtin));
  for (const auto& name : wanted) KOBOX_CHECK(walk.add(kernel_name(name), missing));
  return walk.take();
}

Result<std::vector<std::string>> modinfo_strings(const fs::path& path) {
  KOBOX_TRY(auto bytes, read_module(path));
  elf_version(EV_CURRENT);
  const std::unique_ptr<Elf, decltype(&elf_end)> elf(elf_memory(bytes.data(), bytes.size()),
                                                     elf_end);
  if (elf == nullptr) return fail(ErrorKind::environment, "{} is not an ELF file", path.string());
  KOBOX_TRY_WHILE("reading " + path.string(), const auto info, modinfo_of(elf.get()));
  return split(info, '\0');
}

Result<std::string> read_module(const std::filesystem::path& path) {
  KOBOX_TRY(auto bytes, read_file(path, k_max_module));
  const auto packing = packing_of(bytes);
  if (packing == Packing::none) return bytes;
  KOBOX_TRY_WHILE("unpacking " + path.string(), auto unpacked,
                  unpack_bytes(bytes, packing, k_max_module));
  return unpacked;
}

}  // namespace kobox
