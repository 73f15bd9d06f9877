// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/elf_image.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>

#include "base/fd.h"

namespace kobox {

struct ElfImage::Impl {
  Fd file;
  std::unique_ptr<Elf, int (*)(Elf*)> elf{nullptr, ::elf_end};
  std::uint16_t machine = EM_NONE;
  std::vector<ElfSection> sections;

  bool read_sections();
};

bool ElfImage::Impl::read_sections() {
  GElf_Ehdr file_header;
  if (::gelf_getehdr(elf.get(), &file_header) == nullptr) return false;
  machine = file_header.e_machine;
  std::size_t names = 0;
  if (::elf_getshdrstrndx(elf.get(), &names) != 0) return false;
  for (Elf_Scn* scn = ::elf_nextscn(elf.get(), nullptr); scn != nullptr;
       scn = ::elf_nextscn(elf.get(), scn)) {
    GElf_Shdr header;
    if (::gelf_getshdr(scn, &header) == nullptr) return false;
    const char* name = ::elf_strptr(elf.get(), names, header.sh_name);
    if (name == nullptr) return false;
    ElfSection section{.name = name,
                       .type = header.sh_type,
                       .flags = header.sh_flags,
                       .address = header.sh_addr,
                       .size = header.sh_size};
    if (header.sh_type != SHT_NOBITS)
      if (const Elf_Data* data = ::elf_rawdata(scn, nullptr); data != nullptr && data->d_buf)
        section.bytes = {static_cast<const char*>(data->d_buf), data->d_size};
    sections.push_back(std::move(section));
  }
  return true;
}

ElfImage::ElfImage(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ElfImage::ElfImage(ElfImage&&) noexcept = default;
ElfImage& ElfImage::operator=(ElfImage&&) noexcept = default;
ElfImage::~ElfImage() = default;

Result<ElfImage> ElfImage::open(const std::filesystem::path& path) {
  auto impl = std::make_unique<Impl>();
  impl->file = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!impl->file) return fail_errno("cannot open {}", path.string());
  ::elf_version(EV_CURRENT);
  impl->elf.reset(::elf_begin(impl->file.get(), ELF_C_READ_MMAP, nullptr));
  if (!impl->elf || ::gelf_getclass(impl->elf.get()) != ELFCLASS64 || !impl->read_sections())
    return fail(ErrorKind::environment, "{} is no readable 64-bit ELF file", path.string());
  return ElfImage(std::move(impl));
}

std::uint16_t ElfImage::machine() const { return impl_->machine; }

const std::vector<ElfSection>& ElfImage::sections() const { return impl_->sections; }

const ElfSection* ElfImage::find(std::string_view name) const {
  const auto found = std::ranges::find(impl_->sections, name, &ElfSection::name);
  return found == impl_->sections.end() ? nullptr : &*found;
}

}  // namespace kobox
