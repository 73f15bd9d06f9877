// SPDX-License-Identifier: GPL-2.0-or-later
// GDB's machine interface: the records gdb writes, one a line, and the quoting of what it reads.
//
// Source: "GDB/MI Output Syntax" in GDB's manual, as gdb 13 writes it at --interpreter=mi3. Two
// departures that gdb itself makes are taken too:
//   bkpt={…},{…}       a tuple without a name has the name before it (locations, before mi3)
//   script={"a","b"}   a tuple of bare strings is a list (a breakpoint's commands, before mi4)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace kobox {

struct MiField;

// {name="value",…}: names may come more than once; the order is gdb's.
struct MiTuple {
  std::vector<MiField> fields;

  // The first value of that name, or null.
  const struct MiValue* find(std::string_view name) const;
  // The first value of that name if it is a string, or "".
  std::string_view text(std::string_view name) const;
};

// ["value",…] or [name="value",…]: either no item has a name, or each has one.
struct MiList {
  std::vector<MiField> items;
};

struct MiValue {
  std::variant<std::string, MiTuple, MiList> form;

  // A string's characters; "" for a tuple or a list.
  std::string_view text() const;
  // A tuple's fields or a list's items; none for a string.
  std::span<const MiField> items() const;
  // As MiTuple's, among items().
  const MiValue* find(std::string_view name) const;
  std::string_view text(std::string_view name) const;
};

struct MiField {
  std::string name;  // "" in a list of bare values
  MiValue value;
};

enum class MiClass { done, running, connected, error, exit };

// 7^done,value="1": the answer to a command.
struct MiResult {
  std::optional<std::uint64_t> token;
  MiClass result_class = MiClass::done;
  MiTuple results;
};

enum class MiAsyncKind { exec, status, notify };

// *stopped,reason="breakpoint-hit": what happened by itself. A token before it is dropped.
struct MiAsync {
  MiAsyncKind kind = MiAsyncKind::exec;
  std::string name;  // "stopped"
  MiTuple results;
};

enum class MiStreamKind { console, target, log };

// ~"text\n": what gdb's command line would show, the debugged program said, or gdb complains of.
struct MiStream {
  MiStreamKind kind = MiStreamKind::console;
  std::string text;
};

// (gdb): gdb has nothing more to say to the command before it.
struct MiPrompt {};

using MiRecord = std::variant<MiResult, MiAsync, MiStream, MiPrompt>;

constexpr std::size_t k_mi_max_line = std::size_t{1} << 20;
constexpr std::size_t k_mi_max_depth = 64;  // of tuples and lists within each other

// One line, without its newline, to a record; ErrorKind::protocol, with less than 500 bytes of
// printable message, for anything that is not one or passes a limit above. Any bytes may be given.
Result<MiRecord> parse_mi(std::string_view line);

// A parameter of an MI command, quoted as gdb's own MI parser unquotes it. A NUL ends the parameter
// for gdb. Not for the commands that gdb hands to its command line as they are: -gdb-set,
// -target-select, -file-exec-and-symbols, -file-symbol-file, -exec-arguments, -break-enable, ….
std::string mi_quote(std::string_view parameter);

}  // namespace kobox
