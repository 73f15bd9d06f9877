// SPDX-License-Identifier: GPL-2.0-or-later
// What a guest sends as the files that a test collects: nothing may appear beside their directory.
#include "base/files.h"
#include "fuzz_target.h"
#include "guest/tar_files.h"

using namespace kobox;

FUZZ_TARGET(input) {
  static const auto directory = TempDir::make(fs::temp_directory_path(), "kobox-fuzz-").value();
  const auto out = directory.path() / "in" / "out";
  const UnpackLimits limits{.bytes = 1 << 20, .entries = 100};
  const auto unpacked = unpack_tar(input, out, limits);
  if (unpacked)
    REQUIRE(unpacked->bytes <= limits.bytes && unpacked->files <= limits.entries);
  else
    REQUIRE(unpacked.error().kind() == ErrorKind::protocol ||
            unpacked.error().kind() == ErrorKind::environment);
  for (const auto& entry : fs::recursive_directory_iterator(out))
    REQUIRE(!entry.is_symlink() && (entry.is_directory() || entry.is_regular_file()));
  REQUIRE(std::distance(fs::directory_iterator(directory.path()), {}) == 1);
  REQUIRE(std::distance(fs::directory_iterator(directory.path() / "in"), {}) == 1);
  REQUIRE(remove_tree(out).has_value());
}
