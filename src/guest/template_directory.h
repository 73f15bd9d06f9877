// SPDX-License-Identifier: GPL-2.0-or-later
// A saved guest on disk: one directory of the cache.
//
//   memory    the guest's memory, a sparse file without its empty pages
//   state     QEMU's migration stream
//   disk      of a guest with a disk: what it wrote there (qcow2), without the image below
//   manifest  a CBOR map, followed by its own digest in hexadecimal: schema, key, release, unread,
//             console, the settings (AgentClient::Settings), and as memory, state and disk the
//             digests of those files
//   checked   which files, by device, inode, size and change time, were last found to have those
//             digests, and in which boot of the host
//   lock      held shared by whoever uses it
//
// A digest is made of a file's whole contents; to do that on every use would cost more than the
// boot of a fork. While the files are those of `checked` they are believed. Who copies a cache, or
// changes a byte, or loses power, makes the next use read everything.
#pragma once

#include <filesystem>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "guest/snapshot.h"

namespace kobox {

// Fills an empty directory. `key` is what the guest was made from, as a digest. Errors: environment
// (no space; the directory is then to be thrown away).
Result<> write_template_directory(const fs::path& directory, const std::string& key,
                                  const GuestSnapshot& snapshot);

// Errors: environment, with what is wrong with the directory ("its memory is not what was saved").
Result<GuestSnapshot> read_template_directory(const fs::path& directory, const std::string& key,
                                              const GuestSpec& spec, Accel accel);

// The next use reads everything.
void forget_check(const fs::path& directory);

}  // namespace kobox
