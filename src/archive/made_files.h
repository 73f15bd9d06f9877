// SPDX-License-Identifier: GPL-2.0-or-later
// For this room's tests: kernels, modules and packages made on the spot, small and well-formed,
// to be spoiled by the test.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/progress.h"

namespace kobox {

inline void put(std::string& bytes, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}

template <class T>
std::string bytes_of(const T& value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline Elf64_Ehdr elf_header() {
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  return header;
}

// An ELF file with one note, and `padding` bytes that do not pack away to nothing.
inline std::string make_vmlinux(std::uint32_t note_type = 18, std::size_t padding = 100000) {
  auto header = elf_header();
  header.e_type = ET_EXEC;
  header.e_phoff = sizeof header;
  header.e_phnum = 1;
  std::string note = bytes_of(Elf64_Nhdr{4, 8, note_type});
  note.append("Xen\0", 4).append(8, '\1');
  Elf64_Phdr segment = {};
  segment.p_type = PT_NOTE;
  segment.p_offset = sizeof header + sizeof segment;
  segment.p_filesz = note.size();
  segment.p_align = 4;
  std::string file = bytes_of(header) + bytes_of(segment) + note;
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < padding; ++i)
    file += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return file;
}

// A module with nothing but its .modinfo.
inline std::string make_ko(std::string_view depends) {
  auto header = elf_header();
  header.e_type = ET_REL;
  const std::string info = "license=GPL" + std::string(1, '\0') +
                           "depends=" + std::string(depends) + std::string(1, '\0');
  const std::string names("\0.modinfo\0.shstrtab\0", 20);
  header.e_shoff = sizeof header + info.size() + names.size();
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  Elf64_Shdr info_section = {.sh_name = 1, .sh_type = SHT_PROGBITS};
  info_section.sh_offset = sizeof header;
  info_section.sh_size = info.size();
  Elf64_Shdr name_section = {.sh_name = 10, .sh_type = SHT_STRTAB};
  name_section.sh_offset = sizeof header + info.size();
  name_section.sh_size = names.size();
  return bytes_of(header) + info + names + bytes_of(Elf64_Shdr{}) + bytes_of(info_section) +
         bytes_of(name_section);
}

// By one of libarchive's filters: "xz", "zstd", "gzip".
inline std::string pack(std::string_view bytes, const char* filter) {
  std::string packed(bytes.size() + 65536, '\0');
  std::size_t used = 0;
  archive* writer = archive_write_new();
  EXPECT_EQ(archive_write_add_filter_by_name(writer, filter), ARCHIVE_OK);
  archive_write_set_format_raw(writer);
  archive_write_set_bytes_per_block(writer, 0);
  EXPECT_EQ(archive_write_open_memory(writer, packed.data(), packed.size(), &used), ARCHIVE_OK);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(writer, entry);
  archive_write_data(writer, bytes.data(), bytes.size());
  archive_entry_free(entry);
  archive_write_free(writer);
  packed.resize(used);
  return packed;
}

// The legacy frames that the kernel uses (libarchive writes only the newer ones): one block of
// nothing but literals.
inline std::string pack_lz4_legacy(std::string_view bytes) {
  std::string block(1, '\xf0');
  std::size_t rest = bytes.size() - 15;
  for (; rest >= 255; rest -= 255) block += '\xff';
  block += static_cast<char>(rest);
  block += bytes;
  std::string frame("\x02\x21\x4c\x18\0\0\0\0", 8);
  put(frame, 4, block.size(), 4);
  return frame + block;
}

inline std::string with_size(std::string packed, std::size_t size) {
  packed += std::string(4, '\0');
  put(packed, packed.size() - 4, size, 4);
  return packed;
}

inline std::string make_bzimage(std::string_view release, std::string_view payload) {
  std::string image(1024 + 16, '\0');  // setup_sects 1, and the payload 16 bytes after the setup
  image[0x1f1] = 1;
  put(image, 0x1fe, 0xAA55, 2);
  image.replace(0x202, 4, "HdrS");
  put(image, 0x206, 0x20f, 2);
  put(image, 0x20e, 0x100, 2);
  image.replace(0x300, release.size() + 5, std::string(release) + " (x) ");
  put(image, 0x248, 16, 4);
  put(image, 0x24c, payload.size(), 4);
  return image.append(payload);
}

inline std::string make_bzimage(std::string_view release) {
  const auto vmlinux = make_vmlinux();
  return make_bzimage(release, with_size(pack(vmlinux, "xz"), vmlinux.size()));
}

inline constexpr mode_t k_hard_link = 0;

struct TarEntry {
  std::string name;
  std::string contents;  // of a link: its target
  mode_t type = AE_IFREG;
};

// All entries in the format that `choose` gives the writer.
inline std::string make_archive(const std::vector<TarEntry>& entries, void (*choose)(archive*)) {
  std::string bytes(4 << 20, '\0');
  std::size_t used = 0;
  archive* writer = archive_write_new();
  choose(writer);
  EXPECT_EQ(archive_write_open_memory(writer, bytes.data(), bytes.size(), &used), ARCHIVE_OK);
  for (const auto& one : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, one.name.c_str());
    archive_entry_set_filetype(entry, one.type == k_hard_link ? AE_IFREG : one.type);
    if (one.type == k_hard_link) archive_entry_set_hardlink(entry, one.contents.c_str());
    archive_entry_set_perm(entry, one.type == AE_IFDIR ? 0755 : 0644);
    if (one.type == AE_IFLNK) archive_entry_set_symlink(entry, one.contents.c_str());
    archive_entry_set_size(entry,
                           one.type == AE_IFREG ? static_cast<la_int64_t>(one.contents.size()) : 0);
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << one.name;
    if (one.type == AE_IFREG) archive_write_data(writer, one.contents.data(), one.contents.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

inline std::string make_tar(const std::vector<TarEntry>& entries) {
  return make_archive(entries, [](archive* writer) {
    archive_write_set_format_gnutar(writer);
    archive_write_add_filter_xz(writer);
  });
}

inline std::string make_deb(const std::vector<TarEntry>& entries) {
  return make_archive({{"debian-binary", "2.0\n"},
                       {"control.tar.xz", make_tar({{"./control", "Package: x\n"}})},
                       {"data.tar.xz", make_tar(entries)}},
                      [](archive* writer) { archive_write_set_format_ar_svr4(writer); });
}

// An RPM of format 3 without tags: a lead, two empty headers, a cpio archive.
inline std::string make_rpm(const std::vector<TarEntry>& entries) {
  const auto cpio =
      make_archive(entries, [](archive* writer) { archive_write_set_format_cpio_newc(writer); });
  std::string lead("\xed\xab\xee\xdb\3\0\0\0", 8);
  lead.resize(96);
  const std::string header("\x8e\xad\xe8\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
  return lead + header + header + pack(cpio, "zstd");
}

// Keeps what it is told.
class RecordingProgress : public NoProgress {
 public:
  void note(const std::string& sentence) override { notes.push_back(sentence); }
  void amount(const std::string&, std::uint64_t done, std::uint64_t total) override {
    EXPECT_LE(done, total);
    ++amounts;
  }
  std::vector<std::string> notes;
  int amounts = 0;
};

class DirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::make(fs::temp_directory_path(), "kobox-kernel-test");
    ASSERT_TRUE(made) << made.error().to_string();
    directory_.emplace(std::move(*made));
  }
  const fs::path& path() const { return directory_->path(); }
  void write(const fs::path& name, std::string_view bytes) {
    ASSERT_TRUE(write_file(path() / name, bytes));
  }
  std::optional<TempDir> directory_;
};

}  // namespace kobox
