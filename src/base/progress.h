// SPDX-License-Identifier: GPL-2.0-or-later
// How the rooms below say what takes long, without printing: src/cli draws it.
#pragma once

#include <cstdint>
#include <string>

namespace kobox {

// May be called from any thread.
class Progress {
 public:
  virtual ~Progress() = default;
  // What is being done now under this key ("6.1-cloud"), a short phrase: "building".
  virtual void stage(const std::string& key, const std::string& what) = 0;
  // How far the key's stage is; total 0 if unknown. Bytes.
  virtual void amount(const std::string& key, std::uint64_t done, std::uint64_t total) = 0;
  // The key has nothing more to say.
  virtual void done(const std::string& key) = 0;
  // A sentence that stays: "fetching linux-image-… (27 MB)".
  virtual void note(const std::string& sentence) = 0;
  // A sentence for those who asked for more (-v).
  virtual void detail(const std::string& sentence) = 0;
};

// Says nothing.
class NoProgress : public Progress {
 public:
  void stage(const std::string&, const std::string&) override {}
  void amount(const std::string&, std::uint64_t, std::uint64_t) override {}
  void done(const std::string&) override {}
  void note(const std::string&) override {}
  void detail(const std::string&) override {}
};

}  // namespace kobox
