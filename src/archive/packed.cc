// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/packed.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <memory>

#include "base/interrupt.h"

namespace kobox {
namespace {

using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;

std::string why(archive* reader) {
  const char* text = archive_error_string(reader);
  return text != nullptr ? text : "unknown error";
}

Result<> add_filter(archive* reader, Packing packing) {
  int status = ARCHIVE_FATAL;
  switch (packing) {
    case Packing::gzip:
      status = archive_read_support_filter_gzip(reader);
      break;
    case Packing::xz:
      status = archive_read_support_filter_xz(reader);
      break;
    case Packing::lz4:
      status = archive_read_support_filter_lz4(reader);
      break;
    case Packing::zstd:
      status = archive_read_support_filter_zstd(reader);
      break;
    case Packing::none:
      status = ARCHIVE_OK;
      break;
  }
  // ARCHIVE_WARN: libarchive would run an external program, which is not wanted.
  if (status != ARCHIVE_OK)
    return fail(ErrorKind::environment, "this libarchive cannot unpack this kind of file");
  return {};
}

Result<std::string> read_to_end(archive* reader, std::uint64_t max) {
  std::string bytes;
  std::array<char, 65536> buffer;
  while (true) {
    if (interrupted()) return fail_interrupted();
    const auto got = archive_read_data(reader, buffer.data(), buffer.size());
    if (got < 0)
      return fail(ErrorKind::environment, "the packed data is damaged or cut short ({})",
                  why(reader));
    if (got == 0) return bytes;
    if (bytes.size() + static_cast<std::uint64_t>(got) > max)
      return fail(ErrorKind::environment, "the packed data unpacks to more than {} bytes", max);
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Packing packing_of(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.starts_with("\x1f\x8b"sv)) return Packing::gzip;
  if (bytes.starts_with("\xfd"
                        "7zXZ\0"sv))
    return Packing::xz;
  if (bytes.starts_with("\x02\x21\x4c\x18"sv) || bytes.starts_with("\x04\x22\x4d\x18"sv))
    return Packing::lz4;
  if (bytes.starts_with("\x28\xb5\x2f\xfd"sv)) return Packing::zstd;
  return Packing::none;
}

Result<std::string> unpack_bytes(std::string_view packed, Packing packing, std::uint64_t max) {
  const Archive reader(archive_read_new(), archive_read_free);
  if (reader == nullptr) return fail(ErrorKind::environment, "out of memory");
  KOBOX_CHECK(add_filter(reader.get(), packing));
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  if (archive_read_open_memory(reader.get(), packed.data(), packed.size()) != ARCHIVE_OK)
    return fail(ErrorKind::environment, "the packed data is damaged ({})", why(reader.get()));
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(reader.get(), &entry);
  if (status == ARCHIVE_EOF) return std::string();
  if (status != ARCHIVE_OK)
    return fail(ErrorKind::environment, "the packed data is damaged or cut short ({})",
                why(reader.get()));
  return read_to_end(reader.get(), max);
}

}  // namespace kobox
