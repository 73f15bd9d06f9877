// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/parameters.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "kernel/module_name.h"

namespace kobox {
namespace {

bool has_parameter(const BuiltModule& module, const std::string& name) {
  return std::ranges::find(module.parameters, name) != module.parameters.end();
}

}  // namespace

std::vector<std::string> parameter_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (std::isspace(static_cast<unsigned char>(c)) == 0 || quoted) {
      word += c;
      continue;
    }
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string parameters_for(const BuiltModule& module, const std::vector<BuiltModule>& modules,
                           std::string_view parameters) {
  std::vector<std::string> chosen;
  for (const auto& word : parameter_words(parameters)) {
    const auto name = std::string_view(word).substr(0, word.find('='));
    const auto dot = name.find('.');
    const auto prefix = kernel_name(name.substr(0, std::min(dot, name.size())));
    if (dot != std::string_view::npos &&
        std::ranges::find(modules, prefix, &BuiltModule::name) != modules.end()) {
      if (prefix == module.name) chosen.push_back(word.substr(dot + 1));
      continue;
    }
    const auto plain = kernel_name(name);
    const bool known = std::ranges::any_of(
        modules, [&](const BuiltModule& one) { return has_parameter(one, plain); });
    if (known ? has_parameter(module, plain) : module.name == modules.back().name)
      chosen.push_back(word);
  }
  return join(chosen, " ");
}

}  // namespace kobox
