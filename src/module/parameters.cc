// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/parameters.h"

#include <algorithm>

#include "base/text.h"

namespace kobox {
namespace {

// As next_arg() in the kernel's lib/cmdline.c: blanks part words, but not within double quotes.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (c != ' ' || quoted) {
      word += c;
      continue;
    }
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string with_underscores(std::string_view name) {
  std::string changed(name);
  std::ranges::replace(changed, '-', '_');
  return changed;
}

bool has_parameter(const BuiltModule& module, const std::string& name) {
  return std::ranges::find(module.parameters, name) != module.parameters.end();
}

}  // namespace

std::string parameters_for(const BuiltModule& module, const std::vector<BuiltModule>& modules,
                           std::string_view parameters) {
  if (modules.size() <= 1) return std::string(parameters);
  std::vector<std::string> chosen;
  for (const auto& word : words_of(parameters)) {
    const auto name = std::string_view(word).substr(0, word.find('='));
    const auto dot = name.find('.');
    const auto prefix = with_underscores(name.substr(0, std::min(dot, name.size())));
    if (dot != std::string_view::npos &&
        std::ranges::find(modules, prefix, &BuiltModule::name) != modules.end()) {
      if (prefix == module.name) chosen.push_back(word.substr(dot + 1));
      continue;
    }
    const auto plain = with_underscores(name);
    const bool known = std::ranges::any_of(
        modules, [&](const BuiltModule& one) { return has_parameter(one, plain); });
    if (known ? has_parameter(module, plain) : module.name == modules.back().name)
      chosen.push_back(word);
  }
  return join(chosen, " ");
}

}  // namespace kobox
