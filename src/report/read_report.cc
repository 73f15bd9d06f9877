// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/read_report.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/guest_text.h"

namespace kobox {
namespace {

using Json = nlohmann::json;

constexpr const char* k_schema = "kobox.report/1";

// A value of the file, with its place in it.
class Value {
 public:
  Value(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  Result<Value> key(const char* name) const {
    const auto place = place_.empty() ? std::string(name) : place_ + "." + name;
    if (!json_.is_object()) return wrong("an object");
    const auto found = json_.find(name);
    if (found == json_.end()) return fail(ErrorKind::usage, "{} is missing", place);
    return Value(*found, place);
  }
  bool is_null() const { return json_.is_null(); }

  Result<std::string> text() const {
    if (!json_.is_string()) return wrong("a string");
    return json_.get<std::string>();
  }
  Result<std::string> text_or_null() const { return is_null() ? "" : text(); }
  Result<bool> truth() const {
    if (!json_.is_boolean()) return wrong("true or false");
    return json_.get<bool>();
  }
  Result<int> number(int least, int most) const {
    const auto whole = json_.is_number_integer() &&
                       (!json_.is_number_unsigned() || json_.get<std::uint64_t>() <= INT_MAX);
    if (!whole || json_.get<std::int64_t>() < least || json_.get<std::int64_t>() > most)
      return wrong(fmt::format("a whole number from {} to {}", least, most));
    return json_.get<int>();
  }
  Result<double> seconds() const {
    if (!json_.is_number() || !(json_.get<double>() >= 0) || json_.get<double>() > 1e9)
      return wrong("a time in seconds");
    return json_.get<double>();
  }
  Result<std::vector<Value>> list() const {
    if (!json_.is_array()) return wrong("a list");
    std::vector<Value> values;
    for (std::size_t i = 0; i < json_.size(); ++i)
      values.emplace_back(json_[i], fmt::format("{}[{}]", place_, i));
    return values;
  }
  Result<std::vector<std::string>> texts() const {
    KOBOX_TRY(const auto values, list());
    std::vector<std::string> texts;
    for (const auto& value : values) {
      KOBOX_TRY(texts.emplace_back(), value.text());
    }
    return texts;
  }
  std::unexpected<Error> wrong(const std::string& expected) const {
    return fail(ErrorKind::usage, "{} is not {}", place_.empty() ? "it" : place_, expected);
  }

 private:
  const Json& json_;
  std::string place_;
};

// The value of a key, by one of Value's functions.
template <class T, class... Arguments>
Result<T> read(const Value& owner, const char* key, Result<T> (Value::*how)(Arguments...) const,
               Arguments... arguments) {
  KOBOX_TRY(const auto value, owner.key(key));
  return (value.*how)(arguments...);
}

Result<Verdict> read_verdict(const Value& owner) {
  KOBOX_TRY(const auto value, owner.key("verdict"));
  KOBOX_TRY(const auto name, value.text());
  for (const auto verdict : {Verdict::pass, Verdict::fail, Verdict::skip, Verdict::error})
    if (name == to_string(verdict)) return verdict;
  return value.wrong("pass, fail, skip or error, but " + in_quotes(name));
}

Result<> check_verdict(const Value& owner, Verdict expected) {
  KOBOX_TRY(const auto verdict, read_verdict(owner));
  if (verdict == expected) return {};
  KOBOX_TRY(const auto value, owner.key("verdict"));
  return value.wrong("'" + std::string(to_string(expected)) + "', which follows from the rest");
}

Result<FailureKind> read_kind(const Value& owner) {
  KOBOX_TRY(const auto value, owner.key("kind"));
  KOBOX_TRY(const auto name, value.text());
  const auto kinds = failure_kinds();
  const auto found =
      std::ranges::find(kinds, name, [](FailureKind kind) { return to_string(kind); });
  if (found == kinds.end()) return value.wrong("a kind of failure, but " + in_quotes(name));
  return *found;
}

Result<std::optional<Declaration>> read_declaration(const Value& owner, const char* key) {
  KOBOX_TRY(const auto value, owner.key(key));
  if (value.is_null()) return std::nullopt;
  Declaration declaration;
  KOBOX_TRY(declaration.kernel, read(value, "kernel", &Value::text));
  KOBOX_TRY(declaration.file, read(value, "file", &Value::text));
  KOBOX_TRY(const auto line, value.key("line"));
  if (!line.is_null()) {
    KOBOX_TRY(declaration.line, line.number(1, INT_MAX));
  }
  KOBOX_TRY(declaration.text, read(value, "text", &Value::text_or_null));
  return declaration;
}

// Reports of an earlier kobox do not have the key.
Result<std::optional<ApiChange>> read_api_change(const Value& owner) {
  const auto value = owner.key("api_change");
  if (!value || value->is_null()) return std::nullopt;
  ApiChange change;
  KOBOX_TRY(change.name, read(*value, "name", &Value::text));
  KOBOX_TRY(change.summary, read(*value, "summary", &Value::text_or_null));
  KOBOX_TRY(change.here, read_declaration(*value, "here"));
  KOBOX_TRY(change.there, read_declaration(*value, "there"));
  KOBOX_TRY(change.advice, read(*value, "advice", &Value::text_or_null));
  return change;
}

Result<std::optional<Failure>> read_failure(const Value& owner) {
  KOBOX_TRY(const auto value, owner.key("failure"));
  if (value.is_null()) return std::nullopt;
  Failure failure;
  KOBOX_TRY(failure.kind, read_kind(value));
  KOBOX_TRY(failure.message, read(value, "message", &Value::text));
  KOBOX_TRY(failure.function, read(value, "function", &Value::text_or_null));
  KOBOX_TRY(failure.file, read(value, "file", &Value::text_or_null));
  KOBOX_TRY(const auto line, value.key("line"));
  if (!line.is_null()) {
    KOBOX_TRY(failure.line, line.number(1, INT_MAX));
  }
  KOBOX_TRY(failure.source, read(value, "source", &Value::text_or_null));
  KOBOX_TRY(failure.log, read(value, "log", &Value::texts));
  KOBOX_TRY(failure.reproduce, read(value, "reproduce", &Value::text_or_null));
  KOBOX_TRY(failure.console, read(value, "console", &Value::text_or_null));
  KOBOX_TRY(failure.api_change, read_api_change(value));
  return failure;
}

Result<TestResult> read_test(const Value& value) {
  TestResult test;
  KOBOX_TRY(test.name, read(value, "name", &Value::text));
  KOBOX_TRY(test.seconds, read(value, "seconds", &Value::seconds));
  KOBOX_TRY(test.failure, read_failure(value));
  KOBOX_TRY(test.verdict, read_verdict(value));
  if (test.verdict == Verdict::skip) {
    KOBOX_TRY(test.skip_reason, read(value, "skip_reason", &Value::text));
    if (!test.failure) return test;
  }
  KOBOX_CHECK(check_verdict(value, test.failure ? verdict_of(test.failure->kind) : Verdict::pass));
  if (value.key("note")) {
    KOBOX_TRY(test.note, read(value, "note", &Value::text));
  }
  return test;
}

Result<RunResult> read_run(const Value& value) {
  RunResult run;
  KOBOX_TRY(run.kernel, read(value, "kernel", &Value::text));
  KOBOX_TRY(run.selector, read(value, "selector", &Value::text_or_null));
  KOBOX_TRY(run.arch, read(value, "arch", &Value::text));
  KOBOX_TRY(run.accel, read(value, "accel", &Value::text_or_null));
  if (value.key("modules")) {
    KOBOX_TRY(run.modules, read(value, "modules", &Value::texts));
  }
  KOBOX_TRY(run.accel_reason, read(value, "accel_reason", &Value::text_or_null));
  KOBOX_TRY(run.failure, read_failure(value));
  KOBOX_TRY(const auto tests, value.key("tests"));
  KOBOX_TRY(const auto list, tests.list());
  for (const auto& test : list) {
    KOBOX_TRY(run.tests.emplace_back(), read_test(test));
  }
  settle(run);
  KOBOX_CHECK(check_verdict(value, run.verdict));
  return run;
}

Result<Shard> read_shard(const Value& owner) {
  KOBOX_TRY(const auto value, owner.key("shard"));
  Shard shard;
  KOBOX_TRY(shard.count, read(value, "count", &Value::number, 1, k_max_shards));
  KOBOX_TRY(shard.index, read(value, "index", &Value::number, 1, shard.count));
  return shard;
}

Result<> check_schema(const Value& value) {
  KOBOX_TRY(const auto at, value.key("schema"));
  KOBOX_TRY(const auto schema, at.text());
  if (schema == k_schema) return {};
  if (schema.starts_with("kobox.report/"))
    return fail(ErrorKind::usage,
                "it is of schema {}, and this kobox reads {}: use the kobox that wrote it",
                in_quotes(schema), k_schema);
  return fail(ErrorKind::usage, "it is no report of kobox's: its schema is {}", in_quotes(schema));
}

}  // namespace

Result<Report> read_report(std::string_view text) {
  if (text.size() > k_max_report_bytes)
    return fail(ErrorKind::usage, "it is larger than {}", format_bytes(k_max_report_bytes));
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return fail(ErrorKind::usage, "it is no JSON");
  const Value value(json, "");
  KOBOX_CHECK(check_schema(value));
  Report report;
  KOBOX_TRY(report.module, read(value, "module", &Value::text));
  KOBOX_TRY(report.interrupted, read(value, "interrupted", &Value::truth));
  KOBOX_TRY(report.project, read(value, "project", &Value::text_or_null));
  KOBOX_TRY(report.selectors, read(value, "selectors", &Value::texts));
  KOBOX_TRY(report.tests, read(value, "tests", &Value::texts));
  KOBOX_TRY(report.shard, read_shard(value));
  KOBOX_TRY(const auto runs, value.key("runs"));
  KOBOX_TRY(const auto list, runs.list());
  for (const auto& run : list) {
    KOBOX_TRY(report.runs.emplace_back(), read_run(run));
  }
  settle(report);
  KOBOX_CHECK(check_verdict(value, report.verdict));
  return report;
}

}  // namespace kobox
