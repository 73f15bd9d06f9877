// SPDX-License-Identifier: GPL-2.0-or-later
// What gdb 13 wrote at --interpreter=mi3, and what no gdb would write. A record is compared as
// text: strings in quotes and as they are meant, {…} for a tuple, […] for a list.
#include "debug/mi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

std::string shown(std::span<const MiField> fields);

std::string shown(const MiValue& value) {
  if (std::holds_alternative<MiTuple>(value.form)) return "{" + shown(value.items()) + "}";
  if (std::holds_alternative<MiList>(value.form)) return "[" + shown(value.items()) + "]";
  return '"' + std::string(value.text()) + '"';
}

std::string shown(std::span<const MiField> fields) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : fields)
    parts.push_back((name.empty() ? "" : name + "=") + shown(value));
  return join(parts, ",");
}

std::string shown(const MiResult& result) {
  static constexpr const char* k_classes[] = {"done", "running", "connected", "error", "exit"};
  return fmt::format("{} {} {}", result.token ? std::to_string(*result.token) : "-",
                     k_classes[static_cast<int>(result.result_class)],
                     shown(result.results.fields));
}

std::string shown(const MiAsync& async) {
  static constexpr const char* k_kinds[] = {"exec", "status", "notify"};
  return fmt::format("{} {} {}", k_kinds[static_cast<int>(async.kind)], async.name,
                     shown(async.results.fields));
}

std::string shown(const MiStream& stream) {
  static constexpr const char* k_kinds[] = {"console", "target", "log"};
  return fmt::format("{} {}", k_kinds[static_cast<int>(stream.kind)], stream.text);
}

std::string shown(const MiPrompt&) { return "prompt"; }

std::string read(std::string_view line) {
  const auto record = parse_mi(line);
  if (!record) return record.error().to_string();
  return std::visit([](const auto& one) { return shown(one); }, *record);
}

// The text that a string in gdb's output means.
std::string meant(std::string_view quoted) {
  const auto record = parse_mi("~" + std::string(quoted));
  if (!record) return record.error().to_string();
  return std::get<MiStream>(*record).text;
}

std::string nested(std::size_t depth, std::string_view open, std::string_view close) {
  std::string text = "^done,a=";
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += "\"x\"";
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(ParseMi, ResultsOfEachClass) {
  EXPECT_EQ(read("^done"), "- done ");
  EXPECT_EQ(read("^running"), "- running ");
  EXPECT_EQ(read("^connected"), "- connected ");
  EXPECT_EQ(read("^exit"), "- exit ");
  EXPECT_EQ(read(R"(^error,msg="Undefined MI command: fly",code="undefined-command")"),
            R"(- error msg="Undefined MI command: fly",code="undefined-command")");
}

TEST(ParseMi, ATokenIsANumberOf64Bits) {
  EXPECT_EQ(read("7^done"), "7 done ");
  EXPECT_EQ(read("0^done"), "0 done ");
  EXPECT_EQ(read("007^done"), "7 done ");
  EXPECT_EQ(read("18446744073709551615^done"), "18446744073709551615 done ");
  EXPECT_THAT(read("18446744073709551616^done"), HasSubstr("too large a token"));
}

TEST(ParseMi, AsyncRecordsOfEachKind) {
  EXPECT_EQ(read(R"(*running,thread-id="all")"), R"(exec running thread-id="all")");
  EXPECT_EQ(read(R"(+download,section=".text")"), R"(status download section=".text")");
  EXPECT_EQ(read(R"(=thread-group-added,id="i1")"), R"(notify thread-group-added id="i1")");
  EXPECT_EQ(read("*stopped"), "exec stopped ");
  EXPECT_EQ(read("3*running"), "exec running ") << "its token is dropped";
}

TEST(ParseMi, StreamsOfEachKind) {
  EXPECT_EQ(read(R"(~"GNU gdb\n")"), "console GNU gdb\n");
  EXPECT_EQ(read(R"(@"from the target")"), "target from the target");
  EXPECT_EQ(read(R"(&"No symbol \"x\".\n")"), "log No symbol \"x\".\n");
  EXPECT_EQ(read(R"(~"")"), "console ");
}

TEST(ParseMi, ThePromptWithAndWithoutItsBlank) {
  EXPECT_EQ(read("(gdb)"), "prompt");
  EXPECT_EQ(read("(gdb) "), "prompt");
  for (const char* line : {"(gdb)  ", "(gdb) x", "(gdb", " (gdb)", "7(gdb)"})
    EXPECT_THAT(read(line), HasSubstr("no kind of record")) << line;
}

TEST(ParseMi, AStopAtABreakpoint) {
  const char* line =
      R"(*stopped,reason="breakpoint-hit",disp="keep",bkptno="1",frame={addr="0xffffffffc0000010",)"
      R"(func="dev_write",args=[{name="file",value="0x0"},{name="n",value="3"}],file="a \"b\".c",)"
      R"(line="12",arch="i386:x86-64"},thread-id="1",stopped-threads="all")";
  EXPECT_EQ(read(line),
            R"(exec stopped reason="breakpoint-hit",disp="keep",bkptno="1",)"
            R"(frame={addr="0xffffffffc0000010",func="dev_write",)"
            R"(args=[{name="file",value="0x0"},{name="n",value="3"}],file="a "b".c",line="12",)"
            R"(arch="i386:x86-64"},thread-id="1",stopped-threads="all")");
  const auto stop = std::get<MiAsync>(parse_mi(line).value());
  EXPECT_EQ(stop.results.text("bkptno"), "1");
  const auto* frame = stop.results.find("frame");
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->text("func"), "dev_write");
  ASSERT_NE(frame->find("args"), nullptr);
  EXPECT_EQ(frame->find("args")->items()[1].value.text("value"), "3");
}

TEST(ParseMi, WhatIsNotThereIsNullAndEmpty) {
  const auto result =
      std::get<MiResult>(parse_mi(R"(^done,a="1",a="2",t={x="3"},l=["4"])").value()).results;
  EXPECT_EQ(result.text("a"), "1") << "the first of a name";
  EXPECT_EQ(result.find("b"), nullptr);
  EXPECT_EQ(result.text("b"), "");
  EXPECT_EQ(result.text("t"), "") << "a tuple is no string";
  EXPECT_EQ(result.find("a")->find("x"), nullptr);
  EXPECT_EQ(result.find("a")->text("x"), "");
  EXPECT_TRUE(result.find("a")->items().empty());
  EXPECT_EQ(result.find("l")->items()[0].value.text(), "4");
  EXPECT_EQ(result.find("t")->text("x"), "3");
}

TEST(ParseMi, TuplesAndListsMayBeEmptyAndInEachOther) {
  EXPECT_EQ(read("^done,a={},b=[]"), "- done a={},b=[]");
  EXPECT_EQ(read(R"(^done,x=[[],{},"",["1","2"]],y={a={b=[c={}]}})"),
            R"(- done x=[[],{},"",["1","2"]],y={a={b=[c={}]}})");
  EXPECT_EQ(read(R"(^done,stack=[frame={level="0"},frame={level="1"}])"),
            R"(- done stack=[frame={level="0"},frame={level="1"}])");
  EXPECT_EQ(read(R"(^done,_a-1="x")"), R"(- done _a-1="x")");
}

TEST(ParseMi, TheDeparturesOfGdbItself) {
  // A breakpoint of several places, before mi3.
  EXPECT_EQ(read(R"(^done,bkpt={number="1"},{number="1.1"},{number="1.2"})"),
            R"(- done bkpt={number="1"},bkpt={number="1.1"},bkpt={number="1.2"})");
  EXPECT_EQ(read(R"(^done,body=[bkpt={number="1"},{number="1.1"}])"),
            R"(- done body=[bkpt={number="1"},bkpt={number="1.1"}])");
  // A breakpoint's commands, before mi4.
  EXPECT_EQ(read(R"(^done,bkpt={script={"silent","bt"}})"),
            R"(- done bkpt={script=["silent","bt"]})");
  EXPECT_EQ(read(R"(+download,{section=".text",section-size="1"})"),
            R"(status download download={section=".text",section-size="1"})");
}

TEST(ParseMi, EscapesInStrings) {
  EXPECT_EQ(meant(R"("\a\b\e\f\n\r\t\"\\")"), "\a\b\033\f\n\r\t\"\\");
  EXPECT_EQ(meant(R"("\303\244")"), "ä");
  EXPECT_EQ(meant(R"("\0011")"), "\0011")
      << "three digits, and one more that does not belong to it";
  EXPECT_EQ(meant(R"("\000")"), std::string(1, '\0'));
  EXPECT_EQ(meant(R"("\377")"), "\xff");
  EXPECT_EQ(meant("\"\xc3\xa4\xff\x7f\""), "\xc3\xa4\xff\x7f") << "from 0x7f on as it is";
  EXPECT_EQ(meant(R"("{[,=]}")"), "{[,=]}");
}

TEST(ParseMi, EscapesThatGdbDoesNotWriteAreRefused) {
  for (const char* quoted :
       {R"("\x41")", R"("\v")", R"("\')", R"("\8")", R"("\1")", R"("\12")", R"("\128")",
        R"("\400")", R"("\777")", R"("\-01")", R"("\ 01")", R"("\+12")"})
    EXPECT_THAT(meant(quoted), HasSubstr("no such escape")) << quoted;
}

TEST(ParseMi, EveryCutOfARecordIsRefusedOrARecord) {
  const std::string line = R"(12^done,bkpt={number="1",places=["a","\303\244"],more=[x={}]},z="")";
  ASSERT_EQ(read(line), R"(12 done bkpt={number="1",places=["a","ä"],more=[x={}]},z="")");
  const auto whole = line.find(",z=");
  for (std::size_t cut = 0; cut < line.size(); ++cut) {
    const auto record = parse_mi(std::string_view(line).substr(0, cut));
    const bool ends_well = cut == line.find(',') || cut == whole;
    EXPECT_EQ(record.has_value(), ends_well) << line.substr(0, cut);
  }
}

TEST(ParseMi, WhatIsNoRecordIsAProtocolError) {
  constexpr const char* k_lines[] = {
      "",          " ",          "garbage",     "7",          "-exec-run",  "^",
      "^fine",     "^done ",     "^don",        "^done-x",    "^Done",      "*",
      "*stopped,", "*1",         "=",           "~",          "~x",         "+7",
      "-1^done",   "^done\r",    "^done\n",     "\xff\xfe",   "7~\"x\"",    "~\"x",
      "~\"x\"y",   "~\"a\tb\"",  "~\"a\nb\"",   "~\"\\",      "~\"\\\"",    "^done,",
      "^done,a",   "^done,=",    "^done,a=",    "^done,a=b",  "^done,1a=b", "^done,{}",
      "^done,a={", "^done,a={]", "^done,a=\"x", "^done,a=[}", "^done,a=[,]"};
  for (const auto* line : k_lines) {
    const auto record = parse_mi(line);
    ASSERT_FALSE(record) << line;
    EXPECT_EQ(record.error().kind(), ErrorKind::protocol) << line;
    EXPECT_THAT(record.error().message(), HasSubstr("not GDB/MI")) << line;
  }
  EXPECT_FALSE(parse_mi(std::string_view("\0\0\0", 3)));
  EXPECT_FALSE(parse_mi(std::string_view("~\"a\0b\"", 6)));
}

TEST(ParseMi, ValuesWithAndWithoutNamesDoNotMix) {
  for (const char* line :
       {R"(^done,"x")", R"(^done,a={,})", R"(^done,a=""b)", R"(^done,a=["x",b="y"])",
        R"(^done,a=[b="x","y"])", R"(^done,a={b="x","y"})", R"(^done,a={"x",b="y"})",
        R"(^done,a="x",,b="y")", R"(^done,a="x" ,b="y")", R"(^done,a=[["x"})",
        R"(^done,a=[b="x",])", R"(^done,a=["x",])", R"(^done,a={b="x",})"})
    EXPECT_THAT(read(line), HasSubstr("not GDB/MI")) << line;
}

TEST(ParseMi, WhatItSaysOfRubbishIsShortAndPrintable) {
  const auto record = parse_mi(std::string(5000, '\x1b'));
  ASSERT_FALSE(record);
  EXPECT_LT(record.error().message().size(), 500U);
  EXPECT_EQ(record.error().message().find('\x1b'), std::string::npos);
  EXPECT_THAT(record.error().message(), HasSubstr("at byte 1"));
  EXPECT_THAT(record.error().message(), HasSubstr("…"));
}

TEST(ParseMi, NestingIsBounded) {
  EXPECT_TRUE(parse_mi(nested(k_mi_max_depth, "[", "]")));
  EXPECT_TRUE(parse_mi(nested(k_mi_max_depth, "{a=", "}")));
  for (const std::size_t depth : {k_mi_max_depth + 1, std::size_t{200'000}}) {
    EXPECT_THAT(read(nested(depth, "[", "]")), HasSubstr("nested too deeply"));
    EXPECT_THAT(read(nested(depth, "{a=", "}")), HasSubstr("nested too deeply"));
    EXPECT_THAT(read("^done,a=" + std::string(depth, '[')), HasSubstr("nested too deeply"));
  }
}

TEST(ParseMi, ALineIsTakenUpToItsLimit) {
  const std::string text(k_mi_max_line - 3, 'x');
  EXPECT_EQ(meant('"' + text + '"'), text);
  EXPECT_THAT(meant('"' + text + "x\""), HasSubstr("more than 1 MiB"));
}

TEST(ParseMi, ManyFieldsAreAllTaken) {
  std::string line = "^done,l=[";
  for (int i = 0; i < 100'000; ++i) line += "\"\",";
  const auto record = parse_mi(line + "\"\"]");
  ASSERT_TRUE(record) << record.error().to_string();
  EXPECT_EQ(std::get<MiResult>(*record).results.find("l")->items().size(), 100'001U);
}

TEST(MiQuote, WhatGdbWouldUndoIsEscaped) {
  EXPECT_EQ(mi_quote(""), R"("")");
  EXPECT_EQ(mi_quote("dev_read if n > 3"), R"("dev_read if n > 3")");
  EXPECT_EQ(mi_quote(R"(p "a\n")"), R"("p \"a\\n\"")");
  EXPECT_EQ(mi_quote("a\nb\t1"), R"("a\012b\0111")") << "no newline may end the command";
  EXPECT_EQ(mi_quote("ä"), "\"ä\"");
}

TEST(MiQuote, IsReadBackAsItWas) {
  std::string all;
  for (int i = 1; i < 256; ++i) all += static_cast<char>(i);
  for (const std::string& text : {all, std::string("\\"), std::string("\"\""), std::string("\\\"0"),
                                  std::string("\0019"), std::string(1000, '\\')})
    EXPECT_EQ(meant(mi_quote(text)), text);
}

}  // namespace
}  // namespace kobox
