// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/init_error.h"

#include <elf.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/errno_name.h"
#include "base/files.h"
#include "debug/module_layout.h"
#include "harness/log_part.h"
#include "harness/test_modules.h"
#include "module/blame.h"
#include "module/ko_file.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using Kind = InitTrace::Kind;

constexpr Duration k_load_limit = 20s;
// Setting a probe takes an emulated machine 10 to 50 ms. What init reaches first comes first.
constexpr std::size_t k_max_callees = 150;
constexpr std::size_t k_max_functions = 60;
constexpr std::size_t k_max_moves = 40;
// Where a line is looked for.
constexpr std::uint64_t k_max_function = 4096;  // bytes
constexpr int k_max_lines = 2000;

// "probe" for "probe.cold" and "probe.constprop.0".
std::string as_written(const std::string& symbol) { return symbol.substr(0, symbol.find('.')); }
// Of a function whose rarely used part stands elsewhere.
bool is_part_of(const KoFunction& one, const KoFunction& whole) {
  return one.name == whole.name || one.name == whole.name + ".cold";
}

class Search {
 public:
  Search(const KoCode& code, const InitProbes& probes, const InitTrace& trace)
      : code_(code), probes_(probes), trace_(trace) {}

  std::optional<InitCulprit> find() const {
    if (code_.init() == nullptr) return std::nullopt;
    for (auto end = trace_.events.size(); end > 0; --end)
      if (is_return_of(end - 1, *code_.init())) return in(*code_.init(), end - 1);
    return std::nullopt;
  }

 private:
  bool is_return_of(std::size_t event, const KoFunction& function) const {
    const auto& one = trace_.events[event];
    return one.kind == Kind::function && name_of(one) == function.name;
  }

  // Was what returned just before jumped to from the end of this function? Before 6.1 the kernel
  // does not say so, but tells both where the function was called from.
  bool in_place_of(std::size_t event) const {
    const auto& one = trace_.events[event];
    const auto& before = trace_.events[event - 1];
    return before.in_place || (before.kind != Kind::move && before.address == one.address);
  }

  std::string name_of(const InitTrace::Event& event) const {
    const auto& names = event.kind == Kind::callee ? probes_.spec.callees : probes_.spec.functions;
    return event.index < names.size() ? names[event.index] : "";
  }

  // What gave `function` the error with which event number `end` says that it returned.
  std::optional<InitCulprit> in(const KoFunction& function, std::size_t end) const {
    if (end > 0 && in_place_of(end)) return by_tail_call(function, end - 1);
    std::vector<KoCode::Place> moves;
    for (auto i = end; i > 0 && !is_return_of(i - 1, function); --i) {
      const auto& event = trace_.events[i - 1];
      const auto place = place_of(event);
      if (event.in_place || !place || !is_part_of(*place->function, function)) continue;
      if (event.kind == Kind::move) {
        moves.push_back(*place);
        continue;
      }
      // It has the error of a call, and then sets the same itself: either may be meant.
      if (!moves.empty()) return std::nullopt;
      return by_call(event, i - 1, {.place = *place, .is_behind_call = true});
    }
    return by_itself(function, moves);
  }

  std::optional<InitCulprit> by_tail_call(const KoFunction& function, std::size_t call) const {
    const auto& event = trace_.events[call];
    InitCulprit culprit{.place = {.function = &function, .offset = 0}};
    const auto jumps = code_.jumps(function, name_of(event));
    if (jumps.size() == 1) culprit.place = jumps.front();
    return by_call(event, call, culprit);
  }

  std::optional<InitCulprit> by_call(const InitTrace::Event& event, std::size_t number,
                                     InitCulprit culprit) const {
    culprit.callee = name_of(event);
    if (event.kind == Kind::callee) return culprit;
    const auto own = std::ranges::find(code_.functions(), culprit.callee, &KoFunction::name);
    if (own == code_.functions().end()) return std::nullopt;
    if (auto inner = in(*own, number)) return inner;
    return culprit;
  }

  // No call gave it the error. That is certain only if all of its calls would have been seen.
  std::optional<InitCulprit> by_itself(const KoFunction& function,
                                       const std::vector<KoCode::Place>& moves) const {
    if (!probes_.has_all_functions || !code_.knows_pointers()) return std::nullopt;
    for (const auto& one : code_.functions()) {
      if (!is_part_of(one, function)) continue;
      if (one.calls_by_pointer) return std::nullopt;
      for (const auto& callee : probes_.unknown_callees)
        if (one.calls.contains(callee)) return std::nullopt;
    }
    InitCulprit culprit{.place = {.function = &function, .offset = 0}};
    const bool one_place =
        !moves.empty() && std::ranges::all_of(moves, [&](const KoCode::Place& one) {
          return one.function == moves.front().function && one.offset == moves.front().offset;
        });
    if (one_place) culprit.place = moves.front();
    return culprit;
  }

  std::optional<KoCode::Place> place_of(const InitTrace::Event& event) const {
    if (event.kind != Kind::move) return code_.before(event.address, trace_.anchors);
    if (event.index >= probes_.spec.moves.size()) return std::nullopt;
    const auto& move = probes_.spec.moves[event.index];
    const auto own = std::ranges::find(code_.functions(), move.function, &KoFunction::name);
    if (own == code_.functions().end()) return std::nullopt;
    return KoCode::Place{.function = &*own, .offset = move.offset};
  }

  const KoCode& code_;
  const InitProbes& probes_;
  const InitTrace& trace_;
};

// The kernel has relocated the symbol table when it calls do_init_module.
std::vector<std::string> anchor_arguments(const KoCode& code, const ModuleLayout& layout) {
  std::vector<std::string> arguments;
  for (const auto& anchor : code.anchors())
    arguments.push_back(
        fmt::format("+{}(+{}(+{}($arg1))):x64",
                    anchor.symbol * sizeof(Elf64_Sym) + offsetof(Elf64_Sym, st_value),
                    layout.symtab, layout.kallsyms));
  return arguments;
}

Result<AgentClient::KernelAnswer> load_up_to(AgentClient& agent, const Project& project,
                                             const Prepared& prepared, const InitError& error,
                                             const std::function<Result<>()>& before_last) {
  for (const auto& module : error.modules) {
    const bool is_last = module.name == error.module;
    if (is_last) KOBOX_CHECK(before_last());
    const auto parameters = load_parameters(module, prepared, project.module_params);
    KOBOX_TRY(auto answer, agent.load(guest_module_path(module), parameters, k_load_limit));
    if (is_last) return answer;
    if (!answer.done()) return fail(ErrorKind::tool, "{} could not be loaded again", module.name);
  }
  return fail(ErrorKind::tool, "there is no module {}", error.module);
}

// The kernel says of a probe in a module only when the module comes that it cannot be set.
bool lacks_function_probes(const LogPart& log) {
  return log.lost > 0 || std::ranges::any_of(log.lines, [](const std::string& line) {
           return line.contains("Failed to re-register probe kobox_f");
         });
}

struct Traceable {
  KoCode code;
  std::string bytes;  // of the .ko
};
Result<Traceable> make_traceable(const BuiltModule& module) {
  KOBOX_TRY(const auto directory, TempDir::make(fs::temp_directory_path(), "kobox-init"));
  const auto ko = directory.path() / "module.ko";
  KOBOX_CHECK(write_with_section_ends(module.bare, ko));
  KOBOX_TRY(auto code, KoCode::open(ko));
  KOBOX_TRY(auto bytes, read_file(ko));
  return Traceable{.code = std::move(code), .bytes = std::move(bytes)};
}

// Nothing if it is not certain.
Result<std::optional<InitCulprit>> trace_init(Session& session, const Project& project,
                                              const Prepared& prepared, const InitError& error,
                                              const Traceable& module) {
  const auto& code = module.code;
  auto probes = init_probes(code, -error.attempt.answer.error_number);
  probes.spec.module = error.module;
  KOBOX_TRY(const auto vmlinux, ElfImage::open(prepared.kernel.vmlinux));
  KOBOX_TRY(const auto layout, read_module_layout(vmlinux));
  probes.spec.anchors = anchor_arguments(code, layout);
  KOBOX_TRY(probes.spec.callees, without_void_functions(vmlinux, std::move(probes.spec.callees)));
  auto& agent = session.guest().agent();
  KOBOX_CHECK(session.install_files());
  KOBOX_CHECK(agent.put(guest_module_path({.name = error.module}), module.bytes, 0644));
  const auto mark = agent.kernel_log().end();
  KOBOX_TRY(const auto answer, load_up_to(agent, project, prepared, error, [&]() -> Result<> {
              KOBOX_TRY(const auto refused, start_init_trace(agent, probes.spec));
              for (const auto index : refused)
                if (index < probes.spec.callees.size())
                  probes.unknown_callees.push_back(probes.spec.callees[index]);
              return {};
            }));
  if (answer.error_number != error.attempt.answer.error_number || answer.killed || answer.timed_out)
    return std::optional<InitCulprit>();
  KOBOX_TRY(const auto trace, read_init_trace(agent));
  if (lacks_function_probes(log_part(agent.kernel_log(), mark))) probes.has_all_functions = false;
  return find_init_culprit(code, probes, trace);
}

bool has_word(std::string_view text, std::string_view word) {
  const auto is_part = [](char one) { return std::isalnum(static_cast<unsigned char>(one)) != 0; };
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !is_part(text[at - 1])) && (end == text.size() || !is_part(text[end])))
      return true;
  }
  return false;
}

// The user's line, and how what stands there is called by the user: a function that the kernel's
// headers have inline is known by its own name, not by that of what it calls.
struct Words {
  std::string callee;
  std::optional<SourceLocation> frame;
};
Words words_of_call(const InitCulprit& culprit, const KoLines& lines) {
  Words words{.callee = as_written(culprit.callee), .frame = {}};
  const auto& [function, offset] = culprit.place;
  if (offset == 0) return words;
  for (const auto& frame : lines.locate(
           function->name, offset, function->size,
           culprit.is_behind_call ? KoLines::Address::after_call : KoLines::Address::exact)) {
    if (frame.is_in_module()) return {.callee = words.callee, .frame = frame};
    words.callee = as_written(frame.function);
  }
  return words;
}

// The one line of a function, and of what is inlined into it, that names the error. A compiler says
// of an instruction that only sets a number what suits it.
std::optional<SourceLocation> line_that_names(const std::string& error, const KoFunction& function,
                                              const KoLines& lines, const BuiltModule& module) {
  struct Part {
    int first = 0, last = 0;
  };
  std::map<std::pair<std::string, std::string>, Part> parts;  // by file and function
  if (function.size > k_max_function) return std::nullopt;
  for (std::uint64_t i = 0; i < function.size; ++i)
    for (const auto& frame :
         lines.locate(function.name, i, function.size, KoLines::Address::exact)) {
      if (!frame.is_in_module() || frame.line <= 0) continue;
      auto& part =
          parts.try_emplace({frame.file, frame.function}, frame.line, frame.line).first->second;
      part = {.first = std::min(part.first, frame.line), .last = std::max(part.last, frame.line)};
    }
  std::map<std::pair<std::string, int>, std::string> found;
  for (const auto& [name, part] : parts)
    for (auto line = part.first; line <= part.last && line - part.first < k_max_lines; ++line)
      if (has_word(source_line(module.source / name.first, line), error))
        found.try_emplace({name.first, line}, name.second);
  if (found.size() != 1) return std::nullopt;
  const auto& [place, name] = *found.begin();
  return SourceLocation{.function = name, .file = place.first, .line = place.second};
}

std::optional<SourceLocation> place_of_constant(const InitCulprit& culprit, const KoLines& lines,
                                                const BuiltModule& module,
                                                const std::string& error) {
  const auto& [function, offset] = culprit.place;
  if (offset == 0) return std::nullopt;
  const auto frames = lines.locate(function->name, offset, function->size, KoLines::Address::exact);
  if (!frames.empty() && frames.front().is_in_module() &&
      has_word(source_line(module.source / frames.front().file, frames.front().line), error))
    return frames.front();
  return line_that_names(error, *function, lines, module);
}

// What it is, for a sentence about the error.
std::string tell(const InitCulprit& culprit, const BuiltModule& module, int error,
                 Failure& failure) {
  Words words{.callee = as_written(culprit.callee), .frame = {}};
  if (const auto lines = KoLines::open(module.ko, module.built_at())) {
    if (culprit.callee.empty())
      words.frame = place_of_constant(culprit, *lines, module, errno_name(error));
    else
      words = words_of_call(culprit, *lines);
  }
  auto where = "in " + as_written(culprit.place.function->name);
  failure.function = as_written(culprit.place.function->name);
  if (const auto& frame = words.frame) {
    failure.function = as_written(frame->function);
    failure.file = frame->file;
    failure.line = frame->line;
    failure.source = source_line(module.source / frame->file, frame->line);
    where = fmt::format("at {}:{} in {}", frame->file, frame->line, failure.function);
  } else if (culprit.callee.empty()) {
    return "it is set in the code of " + failure.function;
  }
  if (culprit.callee.empty()) return "it is set " + where;
  return fmt::format("{}() returned it, {}", words.callee, where);
}

}  // namespace

InitProbes init_probes(const KoCode& code, int error) {
  InitProbes probes{.spec = {.error = error}, .has_all_functions = true, .unknown_callees = {}};
  auto& spec = probes.spec;
  std::set<std::string> callees;
  const auto reached = code.reached_by_init();
  for (const auto* one : reached) {
    callees.insert(one->calls.begin(), one->calls.end());
    if (one->is_traceable && spec.functions.size() < k_max_functions)
      spec.functions.push_back(one->name);
    else if (!one->name.ends_with(".cold"))
      probes.has_all_functions = false;
  }
  for (const auto& callee : callees)
    (spec.callees.size() < k_max_callees ? spec.callees : probes.unknown_callees).push_back(callee);
  for (const auto& move : code.moves_of(error)) {
    if (std::ranges::find(reached, move.function) == reached.end()) continue;
    // A probe is set by name.
    const bool is_known =
        std::ranges::count(code.functions(), move.function->name, &KoFunction::name) == 1;
    if (is_known && spec.moves.size() < k_max_moves)
      spec.moves.push_back({.function = move.function->name, .offset = move.offset});
    else
      probes.has_all_functions = false;
  }
  return probes;
}

std::optional<InitCulprit> find_init_culprit(const KoCode& code, const InitProbes& probes,
                                             const InitTrace& trace) {
  return Search(code, probes, trace).find();
}

Result<> explain_init_error(Session& session, const Project& project, const Prepared& prepared,
                            const InitError& error, Failure& failure) {
  const auto module = std::ranges::find(error.modules, error.module, &BuiltModule::name);
  if (module == error.modules.end()) return {};
  const auto traceable = make_traceable(*module);
  if (!traceable) return {};
  const auto culprit = trace_init(session, project, prepared, error, *traceable);
  if (!culprit && culprit.error().kind() == ErrorKind::interrupted)
    return std::unexpected(culprit.error());
  if (!culprit || !*culprit) return {};  // the verdict stands without
  auto attempt = error.attempt;
  attempt.origin = tell(**culprit, *module, attempt.answer.error_number, failure);
  if (auto told = load_failure(attempt, *module, prepared.kernel))
    failure.message = judge_load(std::move(told), error.modules, project).failure.message;
  return {};
}

}  // namespace kobox
