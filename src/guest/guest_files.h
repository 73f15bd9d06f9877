// SPDX-License-Identifier: GPL-2.0-or-later
// Files into a guest and out of it.
#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "guest/agent_client.h"
#include "guest/tar_files.h"

namespace kobox {

// All regular files and links at or below these paths, which are relative to `directory`, hidden
// ones too. ErrorKind::usage if they are more than 200 MB or 20,000.
Result<std::vector<TarFile>> files_below(const std::filesystem::path& directory,
                                         const std::vector<std::string>& paths);

// Puts the files into a directory of the guest's, which is made; they are `owner`'s then. Errors:
// as AgentClient's; tool if the guest cannot take them (its disk or memory is full).
Result<> copy_in(AgentClient& agent, const std::vector<TarFile>& files,
                 const std::string& directory, const std::string& owner);

// Where what a project collects goes by default: no other project's does.
std::filesystem::path default_collected(const std::filesystem::path& state,
                                        const std::filesystem::path& source);

// May this directory be replaced by what is collected? Only one that is not there, is empty, or
// holds nothing but what was collected, as a file in it says. ErrorKind::usage with what to do.
Result<> may_replace(const std::filesystem::path& directory);

// Puts a directory in the place of what was collected there before, which goes beside it, to
// `fresh`/../before. Of several processes or threads one does so at a time. Errors: may_replace's,
// timeout.
Result<> replace_collected(const std::filesystem::path& fresh, const std::filesystem::path& place);

// Brings what is at these absolute paths of the guest's out into `directory`, in the place of what
// was collected there before: /root/out becomes directory/root/out. The string says what stands
// against it: a path that is not there or cannot be read, or more than the limits. Errors: as
// AgentClient's, unpack_tar's and may_replace's.
Result<std::variant<Unpacked, std::string>> copy_out(AgentClient& agent,
                                                     const std::vector<std::string>& paths,
                                                     const std::filesystem::path& directory);

// A test's name as a directory's, which no other test's name becomes.
std::string directory_name(const std::string& test);

}  // namespace kobox
