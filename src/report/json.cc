// SPDX-License-Identifier: GPL-2.0-or-later
#include <cmath>

#include <nlohmann/json.hpp>

#include "report/render.h"

namespace kobox {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

// To the millisecond; more digits would be noise of the floating point.
double rounded(double seconds) { return std::round(seconds * 1000) / 1000; }

Json to_json(const std::optional<Declaration>& declaration) {
  if (!declaration) return {};
  Json json;
  json["kernel"] = declaration->kernel;
  json["file"] = declaration->file;
  json["line"] = declaration->line > 0 ? Json(declaration->line) : Json();
  json["text"] = text_or_null(declaration->text);
  return json;
}

Json to_json(const std::optional<ApiChange>& change) {
  if (!change) return {};
  Json json;
  json["name"] = change->name;
  json["summary"] = text_or_null(change->summary);
  json["here"] = to_json(change->here);
  json["there"] = to_json(change->there);
  json["advice"] = text_or_null(change->advice);
  return json;
}

Json to_json(const std::optional<Failure>& failure) {
  if (!failure) return {};
  Json json;
  json["kind"] = to_string(failure->kind);
  json["message"] = failure->message;
  json["function"] = text_or_null(failure->function);
  json["file"] = text_or_null(failure->file);
  json["line"] = failure->line > 0 ? Json(failure->line) : Json();
  json["source"] = text_or_null(failure->source);
  json["log"] = failure->log;
  json["reproduce"] = text_or_null(failure->reproduce);
  json["console"] = text_or_null(failure->console);
  json["api_change"] = to_json(failure->api_change);
  return json;
}

Json to_json(const TestResult& test) {
  Json json;
  json["name"] = test.name;
  json["verdict"] = to_string(test.verdict);
  json["seconds"] = rounded(test.seconds);
  json["failure"] = to_json(test.failure);
  if (test.verdict == Verdict::skip) json["skip_reason"] = test.skip_reason;
  if (!test.note.empty()) json["note"] = test.note;
  return json;
}

Json to_json(const RunResult& run) {
  Json json;
  json["kernel"] = run.kernel;
  json["selector"] = text_or_null(run.selector);
  json["arch"] = run.arch;
  json["modules"] = run.modules;
  json["accel"] = text_or_null(run.accel);
  json["accel_reason"] = text_or_null(run.accel_reason);
  json["verdict"] = to_string(run.verdict);
  json["failure"] = to_json(run.failure);
  json["tests"] = Json::array();
  for (const auto& test : run.tests) json["tests"].push_back(to_json(test));
  return json;
}

}  // namespace

std::string render_json(const Report& report) {
  Json json;
  json["schema"] = "kobox.report/1";
  json["module"] = report.module;
  json["verdict"] = to_string(report.verdict);
  json["interrupted"] = report.interrupted;
  json["project"] = text_or_null(report.project);
  json["selectors"] = report.selectors;
  json["tests"] = report.tests;
  json["shard"] = {{"index", report.shard.index}, {"count", report.shard.count}};
  json["runs"] = Json::array();
  for (const auto& run : report.runs) json["runs"].push_back(to_json(run));
  // Names and logs come from the guest: bytes that are not UTF-8 become U+FFFD, or dump() throws.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kobox
