// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/vmlinuz.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "archive/packed.h"
#include "base/fd.h"
#include "base/text.h"

namespace kobox {
namespace {

// No kernel is near it (Debian's are 40 to 80 MB); it bounds what a forged size can ask for.
constexpr std::uint64_t k_max_vmlinux = std::uint64_t{1} << 30;
constexpr std::size_t k_sector = 512;
constexpr std::uint32_t k_phys32_entry = 18;  // XEN_ELFNOTE_PHYS32_ENTRY

// Little-endian number at a place that may be outside.
std::optional<std::uint32_t> number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  if (at > bytes.size() || bytes.size() - at < size) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

Result<> check_header(std::string_view bzimage) {
  if (bzimage.starts_with("\x7f"
                          "ELF"))
    return fail(ErrorKind::environment,
                "it is an ELF file, not a bzImage; give the vmlinuz that was made from it "
                "(arch/x86/boot/bzImage in a build tree)");
  constexpr std::uint32_t k_boot_flag = 0xAA55;
  constexpr std::uint32_t k_hdrs = 0x53726448;  // "HdrS"
  if (number_at(bzimage, 0x1fe, 2) != k_boot_flag || number_at(bzimage, 0x202, 4) != k_hdrs)
    return fail(ErrorKind::environment,
                "it is not a bzImage, the form of a Linux kernel for x86: there is no boot header");
  if (number_at(bzimage, 0x206, 2).value_or(0) < 0x208)
    return fail(ErrorKind::environment,
                "its boot protocol is older than 2.08 (Linux 2.6.26), too old for kobox");
  return {};
}

std::size_t setup_size(std::string_view bzimage) {
  const auto sectors = static_cast<unsigned char>(bzimage[0x1f1]);
  return (std::size_t{sectors == 0 ? 4U : sectors} + 1) * k_sector;  // 0 means 4 (boot.rst)
}

Result<std::string_view> find_payload(std::string_view bzimage) {
  KOBOX_CHECK(check_header(bzimage));
  const auto offset = number_at(bzimage, 0x248, 4);
  const auto length = number_at(bzimage, 0x24c, 4);
  if (!offset || !length) return fail(ErrorKind::environment, "it is cut short in its boot header");
  const std::uint64_t start = std::uint64_t{setup_size(bzimage)} + *offset;
  if (start > bzimage.size() || bzimage.size() - start < *length)
    return fail(ErrorKind::environment,
                "it is cut short: its header promises {} bytes, the file has {}", start + *length,
                bzimage.size());
  return bzimage.substr(static_cast<std::size_t>(start), *length);
}

}  // namespace

Result<std::string> unpack_vmlinux(std::string_view bzimage) {
  KOBOX_TRY(auto payload, find_payload(bzimage));
  const auto packing = packing_of(payload);
  if (packing == Packing::none)
    return fail(ErrorKind::environment,
                "its kernel is packed in a way that kobox does not know (xz, lz4, zstd and gzip "
                "are known)");
  // The last four bytes are the unpacked size: gzip has it by itself, for the others kbuild
  // appends it (scripts/Makefile.lib, size_append), and no unpacker may see it.
  const auto size = number_at(payload, payload.size() - 4, 4);
  if (payload.size() < 8 || !size || *size > k_max_vmlinux)
    return fail(ErrorKind::environment, "its packed kernel is damaged: it gives no sensible size");
  if (packing != Packing::gzip) payload.remove_suffix(4);
  KOBOX_TRY(auto vmlinux, unpack_bytes(payload, packing, *size));
  if (vmlinux.size() != *size)
    return fail(ErrorKind::environment,
                "its packed kernel is damaged: it unpacks to {} bytes instead of {}",
                vmlinux.size(), *size);
  if (!vmlinux.starts_with("\x7f"
                           "ELF"))
    return fail(ErrorKind::environment, "what is packed in it is not an ELF file");
  return vmlinux;
}

Result<std::string> bzimage_release(std::string_view bzimage) {
  KOBOX_CHECK(check_header(bzimage));
  const auto field = number_at(bzimage, 0x20e, 2).value_or(0);
  const std::size_t start = std::size_t{field} + 0x200;
  const auto end = bzimage.find('\0', start);
  if (field == 0 || end == std::string_view::npos || end - start > 512)
    return fail(ErrorKind::environment, "its header does not name its release");
  const auto text = bzimage.substr(start, end - start);
  const auto release = text.substr(0, text.find(' '));
  const bool clean = release.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+~_-") ==
                     std::string_view::npos;
  // The release becomes part of paths.
  if (release.empty() || !clean || release.starts_with('.'))
    return fail(ErrorKind::environment,
                "its header names the release '{}', which is not a kernel release",
                printable(release));
  return std::string(release);
}

namespace {

bool segment_has_entry(Elf* elf, const GElf_Phdr& header) {
  Elf_Data* data = elf_getdata_rawchunk(elf, static_cast<std::int64_t>(header.p_offset),
                                        header.p_filesz, ELF_T_NHDR);
  if (data == nullptr) return false;
  GElf_Nhdr note;
  std::size_t name = 0;
  std::size_t value = 0;
  for (std::size_t at = 0; (at = gelf_getnote(data, at, &note, &name, &value)) > 0;) {
    const std::string_view owner(static_cast<const char*>(data->d_buf) + name, note.n_namesz);
    if (note.n_type == k_phys32_entry && owner == std::string_view("Xen\0", 4)) return true;
  }
  return false;
}

}  // namespace

Result<bool> has_pvh_entry(const std::filesystem::path& vmlinux) {
  const Fd fd(::open(vmlinux.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot read {}", vmlinux.string());
  elf_version(EV_CURRENT);
  const std::unique_ptr<Elf, decltype(&elf_end)> elf(elf_begin(fd.get(), ELF_C_READ_MMAP, nullptr),
                                                     elf_end);
  std::size_t count = 0;
  if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF || elf_getphdrnum(elf.get(), &count) != 0)
    return fail(ErrorKind::environment, "{} is not an ELF file", vmlinux.string());
  for (std::size_t i = 0; i < count && i < 0xffff; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf.get(), static_cast<int>(i), &header) == nullptr) break;
    if (header.p_type == PT_NOTE && segment_has_entry(elf.get(), header)) return true;
  }
  return false;
}

}  // namespace kobox
