// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/api_change.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/text.h"
#include "module/api_words.h"
#include "module/diagnostic.h"

namespace kobox {
namespace {

using About = Diagnostic::About;
using Kind = CDeclaration::Kind;
using Found = HeaderTree::Found;

constexpr std::size_t k_max_diagnostics = 8;
constexpr std::size_t k_max_names_of_header = 24;

Declaration declaration(const HeaderTree& tree, const std::string& file, const CDeclaration& one) {
  return {.kernel = tree.release(), .file = file, .line = one.line, .text = one.text};
}

// Does a declaration answer the question? A variable does not where something is called.
bool fits(const CDeclaration& one, About about) {
  if (about != About::call) return true;
  return one.kind == Kind::macro || one.parameters.has_value();
}

std::vector<Found> fitting(const std::vector<Found>& all, About about) {
  std::vector<Found> kept;
  std::ranges::copy_if(all, std::back_inserter(kept),
                       [&](const Found& one) { return fits(one.declaration, about); });
  return kept;
}

// Of several the one to show: a prototype before what an #ifdef has beside it.
const Found& best(const std::vector<Found>& all) {
  const auto prototype = std::ranges::find_if(all, [](const Found& one) {
    return one.declaration.kind == Kind::function && one.declaration.text.ends_with(';');
  });
  return prototype == all.end() ? all.front() : *prototype;
}

// The name as the summary says it.
std::string subject_of(const std::string& name, const CDeclaration& one) {
  if (one.parameters) return name + "()";
  if (one.kind == Kind::type && !one.type.starts_with("typedef")) return one.type + " " + name;
  return name;
}

class Comparison {
 public:
  Comparison(const FailedBuild& build, const HeaderTree& here, const HeaderTree& there,
             OtherKernel other)
      : build_(build),
        here_(here),
        there_(there),
        other_(other),
        sides_(ApiSides::of(here.release(), there.release())),
        diagnostics_(diagnostics_of(build.failure)) {
    if (diagnostics_.size() > k_max_diagnostics) diagnostics_.resize(k_max_diagnostics);
  }

  std::optional<ApiChange> find() {
    look_up_names();
    for (const auto& diagnostic : diagnostics_)
      if (auto change = compare(diagnostic)) return certain(std::move(change));
    return certain(compare_variables());
  }

 private:
  // What was not found before the deadline may be there all the same.
  std::optional<ApiChange> certain(std::optional<ApiChange> change) const {
    if (here_.incomplete() || there_.incomplete()) return std::nullopt;
    return change;
  }

  void look_up_names() {
    std::vector<std::string> names;
    for (const auto& one : diagnostics_)
      if (one.about == About::call || one.about == About::name) names.push_back(one.name);
    if (names.empty()) return;
    mine_ = here_.look_up(names);
    theirs_ = there_.look_up(names);
  }

  std::optional<ApiChange> compare(const Diagnostic& diagnostic) {
    switch (diagnostic.about) {
      case About::member:
        return compare_members(diagnostic);
      case About::header:
        return compare_headers(diagnostic.name);
      case About::exported:
        return compare_exports(diagnostic.name);
      case About::call:
      case About::name:
        return compare_names(diagnostic);
    }
    return std::nullopt;
  }

  std::optional<ApiChange> compare_names(const Diagnostic& diagnostic) {
    const auto& name = diagnostic.name;
    const auto mine = fitting(mine_[name], diagnostic.about);
    const auto theirs = fitting(theirs_[name], diagnostic.about);
    if (mine.empty() || theirs.empty()) {
      // Of what the line merely uses as well, a lack says nothing: it may be the module's own.
      if (diagnostic.is_used_only) return std::nullopt;
      if (!theirs.empty()) return gone(name, best(theirs));
      if (!mine.empty()) return added(name, best(mine));
      return std::nullopt;
    }
    // Where one of several declarations (of two branches of an #ifdef) is on both, it is not that.
    for (const auto& my : mine)
      for (const auto& their : theirs)
        if (my.declaration.same_as(their.declaration))
          return not_seen(diagnostic, best(mine), best(theirs));
    const auto& my = best(mine);
    const auto& their = best(theirs);
    // How it is declared does not matter to a compiler that has not seen it.
    if (diagnostic.is_missing && diagnostic.about == About::call && my.file == their.file)
      return not_seen(diagnostic, my, their);
    if (diagnostic.is_used_only && my.declaration.kind != their.declaration.kind)
      return std::nullopt;
    const auto words =
        difference(subject_of(name, my.declaration), my.declaration, their.declaration, sides_);
    if (!words) return std::nullopt;
    return ApiChange{.name = name,
                     .summary = *words,
                     .here = declaration(here_, my.file, my.declaration),
                     .there = declaration(there_, their.file, their.declaration)};
  }

  // Declared on both, and yet the compiler has not seen it: the headers that the module
  // includes do not include that one any more, or it has moved.
  std::optional<ApiChange> not_seen(const Diagnostic& diagnostic, const Found& mine,
                                    const Found& theirs) const {
    const auto header = as_included(mine.file);
    // Where it is included all the same, the configuration has switched it off.
    const bool is_included = build_.source.find("<" + header + ">") != std::string::npos;
    if (!diagnostic.is_missing || is_included || other_ != OtherKernel::builds) return std::nullopt;
    return ApiChange{.name = diagnostic.name,
                     .summary = not_included(subject_of(diagnostic.name, mine.declaration), header,
                                             as_included(theirs.file), sides_),
                     .here = declaration(here_, mine.file, mine.declaration),
                     .there = declaration(there_, theirs.file, theirs.declaration)};
  }

  ApiChange gone(const std::string& name, const Found& theirs) {
    const auto& old = theirs.declaration;
    ApiChange change{.name = name, .there = declaration(there_, theirs.file, old)};
    const auto show = [&](const std::string& successor) {
      const auto now = declarations_of(here_.read(theirs.file), successor);
      if (!now.empty()) change.here = declaration(here_, theirs.file, now.front());
      return change.here.has_value();
    };
    const auto subject = subject_of(name, old);
    // A function or macro that only calls another one names its own successor, if that is in the
    // same header; so does a macro with the same body.
    if (!old.calls.empty() && show(old.calls)) {
      change.summary = gone_from_here(
          subject,
          fmt::format("it only {} {}()", sides_.here_is_newer ? "called" : "calls", old.calls),
          sides_);
      return change;
    }
    change.summary = gone_from_here(subject, "it is in " + as_included(theirs.file), sides_);
    if (old.kind != Kind::call_macro) return change;
    const auto like = macro_like(here_.read(theirs.file), old);
    if (like.empty() || !show(like)) return change;
    change.summary =
        fmt::format("{}, where there is {}()", gone_from_here(subject, "", sides_), like);
    return change;
  }

  ApiChange added(const std::string& name, const Found& mine) {
    return {.name = name,
            .summary = only_here(subject_of(name, mine.declaration),
                                 "is in " + as_included(mine.file), sides_),
            .here = declaration(here_, mine.file, mine.declaration)};
  }

  // The tag of the struct that has the member.
  std::string owner_of(const Diagnostic& diagnostic) const {
    if (!diagnostic.owner.empty()) return diagnostic.owner;
    const auto line = build_.failure.line;
    auto tag = struct_initialized_at(build_.source, line);
    if (tag.empty()) tag = struct_of_variable(build_.source, diagnostic.variable, line);
    for (const auto& member : diagnostic.path) {
      if (tag.empty()) return "";
      auto found = here_.find_struct(tag);
      if (!found) found = there_.find_struct(tag);
      if (!found) return "";
      const auto members = members_of(found->text, tag, member);
      tag = members.empty() ? "" : struct_of_variable(members.front().text, member, 1);
    }
    return tag;
  }

  std::optional<ApiChange> compare_members(const Diagnostic& diagnostic) const {
    const auto tag = owner_of(diagnostic);
    if (tag.empty()) return std::nullopt;
    const auto mine = here_.find_struct(tag);
    const auto theirs = there_.find_struct(tag);
    if (!theirs) return std::nullopt;  // the module's own
    if (!mine) return gone_struct(tag, *theirs);
    const auto my = members_of(mine->text, tag, diagnostic.name);
    const auto their = members_of(theirs->text, tag, diagnostic.name);
    const auto subject = fmt::format("{} of {} {}", diagnostic.name, mine->definition.type, tag);
    ApiChange change{.name = fmt::format("{} {}.{}", mine->definition.type, tag, diagnostic.name)};
    if (!my.empty()) change.here = declaration(here_, mine->file, my.front());
    if (!their.empty()) change.there = declaration(there_, theirs->file, their.front());
    if (my.empty() && their.empty()) return std::nullopt;
    if (my.empty()) {
      const auto like = similar_member(*mine, tag, diagnostic.name, *theirs);
      change.summary = gone_from_here(subject, "", sides_);
      if (like) change.summary += ", where there is " + like->first;
      change.here = declaration(here_, mine->file, like ? like->second : mine->definition);
    } else if (their.empty()) {
      change.summary = only_here(subject, "is there", sides_);
    } else {
      for (const auto& a : my)
        for (const auto& b : their)
          if (a.same_as(b)) return std::nullopt;
      const auto words = difference(subject, my.front(), their.front(), sides_);
      if (!words) return std::nullopt;
      change.summary = *words;
    }
    return change;
  }

  ApiChange gone_struct(const std::string& tag, const HeaderTree::Struct& theirs) const {
    return {.name = theirs.definition.type + " " + tag,
            .summary = gone_from_here(theirs.definition.type + " " + tag,
                                      "it is in " + as_included(theirs.file), sides_),
            .there = declaration(there_, theirs.file, theirs.definition)};
  }

  // A member that the other kernel does not have, and whose name has the missing one's in it:
  // __state for state, i_mtime_sec for i_mtime.
  static std::optional<std::pair<std::string, CDeclaration>> similar_member(
      const HeaderTree::Struct& mine, const std::string& tag, const std::string& name,
      const HeaderTree::Struct& theirs) {
    const auto old_names = member_names(theirs.text, tag);
    std::string nearest;
    for (const auto& other : member_names(mine.text, tag)) {
      if (std::ranges::find(old_names, other) != old_names.end()) continue;
      if (other.find(name) == std::string::npos) continue;
      if (nearest.empty() || other.size() < nearest.size()) nearest = other;
    }
    if (nearest.empty()) return std::nullopt;
    auto found = members_of(mine.text, tag, nearest);
    if (found.empty()) return std::nullopt;
    return std::pair(nearest, std::move(found.front()));
  }

  std::optional<ApiChange> compare_headers(const std::string& name) const {
    const auto theirs = there_.header(name);
    if (here_.header(name) || !theirs) return std::nullopt;
    ApiChange change{.name = name,
                     .summary = gone_from_here(name, "", sides_),
                     .there = Declaration{.kernel = there_.release(), .file = *theirs}};
    for (const auto& other : here_.namesakes(name)) {
      if (there_.header(other)) continue;
      change.summary += ", where there is " + other;
      change.here = Declaration{.kernel = here_.release(), .file = *here_.header(other)};
      return change;
    }
    if (const auto heir = heir_of(*theirs)) {
      change.summary += "; most of it is in " + as_included(*heir);
      change.here = Declaration{.kernel = here_.release(), .file = *heir};
    }
    return change;
  }

  // The header in which most of what a gone one declared is now.
  std::optional<std::string> heir_of(const std::string& file) const {
    auto names = declared_names(there_.read(file));
    if (names.size() > k_max_names_of_header) names.resize(k_max_names_of_header);
    std::map<std::string, std::size_t> votes;
    std::size_t found = 0;
    for (const auto& [name, all] : here_.look_up(names)) {
      if (all.empty()) continue;
      ++votes[all.front().file];
      ++found;
    }
    const auto most =
        std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
    if (most == votes.end() || 2 * most->second <= found) return std::nullopt;
    return most->first;
  }

  std::optional<ApiChange> compare_exports(const std::string& name) const {
    if (!here_.has_exports() || !there_.has_exports()) return std::nullopt;
    const auto mine = here_.exported(name);
    const auto theirs = there_.exported(name);
    if (!theirs) return std::nullopt;
    ApiChange change{.name = name, .there = export_line(there_, *theirs)};
    if (mine) change.here = export_line(here_, *mine);
    const auto in = [](const std::string& name_space) {
      return name_space.empty() ? "in none" : "in namespace " + name_space;
    };
    if (!mine)
      change.summary = fmt::format("{}() is not exported {}, by {} {}", name, sides_.here,
                                   theirs->how, sides_.there);
    else if (mine->name_space != theirs->name_space)
      change.summary =
          fmt::format("{}() is exported {} {}, {} {}", name,
                      mine->name_space.empty() ? "in no namespace" : in(mine->name_space),
                      sides_.here, in(theirs->name_space), sides_.there);
    else if (mine->how != theirs->how)
      change.summary = fmt::format("{}() is exported by {} {}, by {} {}", name, mine->how,
                                   sides_.here, theirs->how, sides_.there);
    else
      return std::nullopt;
    return change;
  }

  static Declaration export_line(const HeaderTree& tree, const HeaderTree::Export& one) {
    return {.kernel = tree.release(), .file = "Module.symvers", .line = one.line, .text = one.text};
  }

  // Flags that the module's Kbuild file sets in a variable that this kernel's kbuild does not read.
  std::optional<ApiChange> compare_variables() const {
    for (const auto& name : variables_set_in(build_.kbuild)) {
      const auto theirs = there_.read_variable(name);
      if (!theirs || here_.read_variable(name)) continue;
      return ApiChange{.name = name,
                       .summary = fmt::format("kbuild does not read {} {}; {} it does", name,
                                              sides_.here, sides_.there),
                       .there = declaration(there_, theirs->file, theirs->declaration)};
    }
    return std::nullopt;
  }

  const FailedBuild& build_;
  const HeaderTree& here_;
  const HeaderTree& there_;
  OtherKernel other_;
  ApiSides sides_;
  std::vector<Diagnostic> diagnostics_;
  std::map<std::string, std::vector<Found>> mine_;
  std::map<std::string, std::vector<Found>> theirs_;
};

}  // namespace

std::optional<ApiChange> find_api_change(const FailedBuild& build, const HeaderTree& here,
                                         const HeaderTree& there, OtherKernel other) {
  if (here.empty() || there.empty()) return std::nullopt;
  return Comparison(build, here, there, other).find();
}

std::optional<ApiChange> find_declaration(const FailedBuild& build, const HeaderTree& here) {
  const auto diagnostics = diagnostics_of(build.failure);
  if (diagnostics.empty() || diagnostics.front().is_used_only) return std::nullopt;
  const auto& first = diagnostics.front();
  ApiChange change{.name = first.name};
  if (first.about != About::call && first.about != About::name) return change;
  const auto found = here.look_up(std::vector{first.name});
  const auto all = fitting(found.contains(first.name) ? found.at(first.name) : std::vector<Found>(),
                           first.about);
  // A variable or type that is nowhere is more often a slip of the author's.
  if (all.empty() && first.about == About::name && first.is_missing) return std::nullopt;
  if (!all.empty()) change.here = declaration(here, all.front().file, all.front().declaration);
  return change;
}

}  // namespace kobox
