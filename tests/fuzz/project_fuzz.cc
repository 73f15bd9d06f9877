// SPDX-License-Identifier: GPL-2.0-or-later
// A kobox.toml. Its only way in is a file.
#include "base/files.h"
#include "fuzz_target.h"
#include "project/project.h"

using namespace kobox;

FUZZ_TARGET(input) {
  static const auto directory = TempDir::make(fs::temp_directory_path(), "kobox-fuzz").value();
  REQUIRE(write_file(directory.path() / "kobox.toml", input));
  const auto project = load_project(directory.path());
  if (!project)
    REQUIRE(project.error().kind() == ErrorKind::usage);
  else
    for (const auto& test : project->tests) REQUIRE(!test.name.empty());
}
