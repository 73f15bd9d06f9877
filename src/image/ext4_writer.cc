// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/ext4_writer.h"

#include <sys/stat.h>

#include <optional>
#include <unordered_map>

#include <ext2fs/ext2fs.h>

#include "base/child.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_make_limit = 5min;
constexpr unsigned k_block = 4096;

std::unexpected<Error> failed(std::string_view path, errcode_t code) {
  if (code == EXT2_ET_BLOCK_ALLOC_FAIL || code == EXT2_ET_INODE_ALLOC_FAIL)
    return fail(ErrorKind::environment, "the image is too small: no space in it for {}",
                printable(path));
  if (code == ENOSPC)
    return fail(ErrorKind::environment, "no space left on this host's disk for the image");
  return fail(ErrorKind::tool, "cannot write {} into the image: {}", printable(path),
              error_message(code));
}

Result<> run_mke2fs(const Ext4Place& place, const std::string& uuid, std::int64_t now) {
  // The journal is small, as tests write little; reserved blocks are for root, which is everybody
  // here. Left out are the two features that boot loaders of Debian 12's age cannot read.
  const CommandLine command{
      .argv = {"mke2fs",
               "-q",
               "-F",
               "-t",
               "ext4",
               "-b",
               std::to_string(k_block),
               "-m",
               "1",
               "-J",
               "size=32",
               "-O",
               "^metadata_csum_seed,^orphan_file",
               "-L",
               "kobox",
               "-U",
               uuid,
               "-E",
               fmt::format("offset={},hash_seed={},lazy_itable_init=0,lazy_journal_init=0",
                           place.offset, uuid),
               place.image.string(),
               fmt::format("{}k", place.bytes / 1024)},
      .environment = {{"E2FSPROGS_FAKE_TIME", std::to_string(now)}, {"LC_ALL", "C.UTF-8"}}};
  if (!find_program("mke2fs"))
    return fail(ErrorKind::environment,
                "there is no mke2fs here, which makes the image's file system; on Debian: apt-get "
                "install e2fsprogs");
  KOBOX_TRY(const auto done,
            run_command(command, {.deadline = Deadline::after(k_make_limit)}, Streams::merged));
  if (done.status.success()) return {};
  return fail(ErrorKind::environment, "mke2fs {}: {}", done.status.to_string(),
              printable(trim(done.output)));
}

// What a directory's entry says of an inode.
int type_in_directory(unsigned mode) {
  switch (mode & LINUX_S_IFMT) {
    case LINUX_S_IFDIR:
      return EXT2_FT_DIR;
    case LINUX_S_IFLNK:
      return EXT2_FT_SYMLINK;
    case LINUX_S_IFCHR:
      return EXT2_FT_CHRDEV;
    case LINUX_S_IFBLK:
      return EXT2_FT_BLKDEV;
    case LINUX_S_IFIFO:
      return EXT2_FT_FIFO;
    case LINUX_S_IFSOCK:
      return EXT2_FT_SOCK;
    default:
      return EXT2_FT_REG_FILE;
  }
}

std::pair<std::string_view, std::string> split_path(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {"", std::string(path)};
  return {path.substr(0, slash), std::string(path.substr(slash + 1))};
}

}  // namespace

struct Ext4Writer::State {
  ext2_filsys fs = nullptr;
  std::unordered_map<std::string, ext2_ino_t> inodes;
  ext2_file_t file = nullptr;  // being written
  ext2_ino_t file_inode = 0;
  std::string file_path;
  Ext4Attributes file_attributes;

  ~State() {
    if (file != nullptr) ext2fs_file_close(file);
    if (fs != nullptr) ext2fs_free(fs);
  }

  Result<ext2_ino_t> parent_of(std::string_view path) const {
    const auto found = inodes.find(std::string(split_path(path).first));
    if (found != inodes.end()) return found->second;
    return fail(ErrorKind::tool, "{} comes before its directory", printable(path));
  }

  // A name in its directory, which grows if it is full.
  errcode_t link(ext2_ino_t parent, const std::string& name, ext2_ino_t inode, int type) const {
    auto code = ext2fs_link(fs, parent, name.c_str(), inode, type);
    if (code != EXT2_ET_DIR_NO_SPACE) return code;
    code = ext2fs_expand_dir(fs, parent);
    return code != 0 ? code : ext2fs_link(fs, parent, name.c_str(), inode, type);
  }

  ext2_inode make_inode(unsigned type, const Ext4Attributes& attributes) const {
    ext2_inode inode = {};
    set(inode, type, attributes);
    inode.i_links_count = 1;
    return inode;
  }

  static void set(ext2_inode& inode, unsigned type, const Ext4Attributes& attributes) {
    inode.i_mode = static_cast<__u16>(type | (attributes.mode & 07777U));
    inode.i_uid = static_cast<__u16>(attributes.uid);
    inode.osd2.linux2.l_i_uid_high = static_cast<__u16>(attributes.uid >> 16);
    inode.i_gid = static_cast<__u16>(attributes.gid);
    inode.osd2.linux2.l_i_gid_high = static_cast<__u16>(attributes.gid >> 16);
    inode.i_atime = inode.i_ctime = inode.i_mtime = static_cast<__u32>(attributes.modified);
  }

  Result<> write_attributes(std::string_view path, ext2_ino_t number, unsigned type,
                            const Ext4Attributes& attributes) const {
    ext2_inode inode = {};
    if (const auto code = ext2fs_read_inode(fs, number, &inode)) return failed(path, code);
    set(inode, type, attributes);
    if (const auto code = ext2fs_write_inode(fs, number, &inode)) return failed(path, code);
    return write_xattrs(path, number, attributes);
  }

  Result<> write_xattrs(std::string_view path, ext2_ino_t number,
                        const Ext4Attributes& attributes) const {
    if (attributes.xattrs.empty()) return {};
    ext2_xattr_handle* handle = nullptr;
    auto code = ext2fs_xattrs_open(fs, number, &handle);
    if (code == 0) code = ext2fs_xattrs_read(handle);
    for (const auto& [name, value] : attributes.xattrs)
      if (code == 0) code = ext2fs_xattr_set(handle, name.c_str(), value.data(), value.size());
    if (handle != nullptr) ext2fs_xattrs_close(&handle);
    return code == 0 ? Result<>() : failed(path, code);
  }

  // An inode for `path`, in its directory.
  Result<ext2_ino_t> add(std::string_view path, ext2_inode& inode, int type) {
    KOBOX_TRY(const auto parent, parent_of(path));
    ext2_ino_t number = 0;
    auto code = ext2fs_new_inode(fs, parent, inode.i_mode, nullptr, &number);
    if (code == 0) code = link(parent, split_path(path).second, number, type);
    if (code != 0) return failed(path, code);
    ext2fs_inode_alloc_stats2(fs, number, +1, 0);
    code = ext2fs_write_new_inode(fs, number, &inode);
    if (code != 0) return failed(path, code);
    inodes[std::string(path)] = number;
    return number;
  }
};

Ext4Writer::Ext4Writer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Ext4Writer::Ext4Writer(Ext4Writer&&) noexcept = default;
Ext4Writer& Ext4Writer::operator=(Ext4Writer&&) noexcept = default;
Ext4Writer::~Ext4Writer() = default;

Result<Ext4Writer> Ext4Writer::make(const Ext4Place& place, const std::string& uuid,
                                    std::int64_t now) {
  KOBOX_CHECK(run_mke2fs(place, uuid, now));
  auto state = std::make_unique<State>();
  add_error_table(&et_ext2_error_table);
  const auto options = fmt::format("offset={}", place.offset);
  auto code = ext2fs_open2(place.image.c_str(), options.c_str(),
                           EXT2_FLAG_RW | EXT2_FLAG_64BITS | EXT2_FLAG_EXCLUSIVE, 0, 0,
                           unix_io_manager, &state->fs);
  if (code == 0) code = ext2fs_read_bitmaps(state->fs);
  if (code != 0) return failed(place.image.string(), code);
  state->fs->now = static_cast<decltype(state->fs->now)>(now);
  state->inodes[""] = EXT2_ROOT_INO;
  return Ext4Writer(std::move(state));
}

Result<> Ext4Writer::directory(std::string_view path, const Ext4Attributes& attributes) {
  auto& s = *state_;
  if (const auto found = s.inodes.find(std::string(path)); found != s.inodes.end())
    return s.write_attributes(path, found->second, LINUX_S_IFDIR, attributes);
  KOBOX_TRY(const auto parent, s.parent_of(path));
  const auto name = split_path(path).second;
  ext2_ino_t number = 0;
  // mke2fs makes a lost+found.
  auto code =
      ext2fs_lookup(s.fs, parent, name.data(), static_cast<int>(name.size()), nullptr, &number);
  if (code == EXT2_ET_FILE_NOT_FOUND) {
    code = ext2fs_new_inode(s.fs, parent, LINUX_S_IFDIR, nullptr, &number);
    if (code == 0) code = ext2fs_mkdir(s.fs, parent, number, name.c_str());
    if (code == EXT2_ET_DIR_NO_SPACE) {
      code = ext2fs_expand_dir(s.fs, parent);
      if (code == 0) code = ext2fs_mkdir(s.fs, parent, number, name.c_str());
    }
  }
  if (code != 0) return failed(path, code);
  s.inodes[std::string(path)] = number;
  return s.write_attributes(path, number, LINUX_S_IFDIR, attributes);
}

Result<> Ext4Writer::symlink(std::string_view path, const std::string& target,
                             const Ext4Attributes& attributes) {
  auto& s = *state_;
  KOBOX_TRY(const auto parent, s.parent_of(path));
  const auto name = split_path(path).second;
  ext2_ino_t number = 0;
  auto code = ext2fs_new_inode(s.fs, parent, LINUX_S_IFLNK | 0777, nullptr, &number);
  if (code == 0) code = ext2fs_symlink(s.fs, parent, number, name.c_str(), target.c_str());
  if (code == EXT2_ET_DIR_NO_SPACE) {
    code = ext2fs_expand_dir(s.fs, parent);
    if (code == 0) code = ext2fs_symlink(s.fs, parent, number, name.c_str(), target.c_str());
  }
  if (code != 0) return failed(path, code);
  s.inodes[std::string(path)] = number;
  auto links = attributes;
  links.mode = 0777;
  return s.write_attributes(path, number, LINUX_S_IFLNK, links);
}

Result<> Ext4Writer::hard_link(std::string_view path, std::string_view existing) {
  auto& s = *state_;
  const auto found = s.inodes.find(std::string(existing));
  if (found == s.inodes.end())
    return fail(ErrorKind::tool, "{} is to be another name of {}, which is not there",
                printable(path), printable(existing));
  KOBOX_TRY(const auto parent, s.parent_of(path));
  ext2_inode inode = {};
  auto code = ext2fs_read_inode(s.fs, found->second, &inode);
  if (code == 0)
    code = s.link(parent, split_path(path).second, found->second, type_in_directory(inode.i_mode));
  ++inode.i_links_count;
  if (code == 0) code = ext2fs_write_inode(s.fs, found->second, &inode);
  if (code != 0) return failed(path, code);
  s.inodes[std::string(path)] = found->second;
  return {};
}

Result<> Ext4Writer::node(std::string_view path, unsigned type, unsigned major, unsigned minor,
                          const Ext4Attributes& attributes) {
  auto inode = state_->make_inode(type, attributes);
  // As new_encode_dev of the kernel's include/linux/kdev_t.h has it: numbers above 255 need the
  // second word.
  if (major < 256 && minor < 256)
    inode.i_block[0] = major << 8 | minor;
  else
    inode.i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
  KOBOX_CHECK(state_->add(path, inode, type_in_directory(inode.i_mode)));
  return {};
}

Result<> Ext4Writer::begin_file(std::string_view path, const Ext4Attributes& attributes) {
  auto& s = *state_;
  auto inode = s.make_inode(LINUX_S_IFREG, attributes);
  KOBOX_TRY(s.file_inode, s.add(path, inode, EXT2_FT_REG_FILE));
  // An empty extent tree.
  ext2_extent_handle_t extents = nullptr;
  auto code = ext2fs_extent_open2(s.fs, s.file_inode, &inode, &extents);
  if (extents != nullptr) ext2fs_extent_free(extents);
  if (code == 0) code = ext2fs_write_inode(s.fs, s.file_inode, &inode);
  if (code == 0) code = ext2fs_file_open2(s.fs, s.file_inode, &inode, EXT2_FILE_WRITE, &s.file);
  if (code != 0) return failed(path, code);
  s.file_path = path;
  s.file_attributes = attributes;
  return {};
}

Result<> Ext4Writer::append(std::span<const char> bytes) {
  auto& s = *state_;
  while (!bytes.empty()) {
    unsigned wrote = 0;
    const auto code =
        ext2fs_file_write(s.file, bytes.data(), static_cast<unsigned>(bytes.size()), &wrote);
    if (code != 0) return failed(s.file_path, code);
    bytes = bytes.subspan(wrote);
  }
  return {};
}

Result<> Ext4Writer::end_file() {
  auto& s = *state_;
  const auto code = ext2fs_file_close(std::exchange(s.file, nullptr));
  if (code != 0) return failed(s.file_path, code);
  return s.write_xattrs(s.file_path, s.file_inode, s.file_attributes);
}

Result<> Ext4Writer::close() {
  auto& s = *state_;
  const auto code = ext2fs_close(std::exchange(s.fs, nullptr));
  return code == 0 ? Result<>() : failed("its end", code);
}

}  // namespace kobox
