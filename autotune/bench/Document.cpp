#include "autotune/bench/Document.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::bench {

using nlohmann::json;

namespace {

json toJson(const Measurement& m, const char* unit) {
  return {{"value", m.value}, {"unit", unit}, {"spread", m.spread}, {"samples", m.samples}};
}

json toJson(const CaseResult& result, const Document& document) {
  json entry = toJson(result.measured);
  entry.update({{"ok", result.failure.empty()},
                {"schedule", result.schedule.empty() ? json() : json(result.schedule)},
                {"splits", result.splits}});
  if (!result.failure.empty())
    entry["failure"] = result.failure;
  if (!result.skipped.empty())
    entry["skipped"] = result.skipped;
  if (!result.us)
    return entry;
  const auto share = [&](const char* ceiling, double value) {
    const Ceiling* top = document.ceiling(ceiling);
    return top ? json(value / top->measured->value) : json();
  };
  entry.update({{"time_us", result.us->value},
                {"spread", result.us->spread},
                {"samples", result.us->samples},
                {"tflops", tflops(result)},
                {"gbytes_per_s", gbytesPerSecond(result)},
                {"share_of_matmul", share(matmulOf(result.measured.spec.dtype), tflops(result))},
                {"share_of_copy", share("copy", gbytesPerSecond(result))},
                {"clocks", result.clocks}});
  return entry;
}

/// A field of a CSV file.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos)
    return text;
  std::string result = "\"";
  for (const char c : text)
    result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

} // namespace

const char* noSpeedMeasured() {
  return "No speed of a kernel was measured: there is no GPU, and the emulated device ran tiny sizes as a test of this "
         "instrument.";
}

const Ceiling* Document::ceiling(const std::string& name) const {
  const auto found = std::ranges::find(ceilings, name, &Ceiling::name);
  return found != ceilings.end() && found->measured ? &*found : nullptr;
}

bool Document::failed() const {
  return std::ranges::any_of(cases, [](const CaseResult& c) { return !c.failure.empty(); }) ||
         std::ranges::any_of(ceilings, [](const Ceiling& c) { return !c.failure.empty(); });
}

json toJson(const Case& c) {
  json entry = {{"suite", c.suite},
                {"name", c.name},
                {"spec", json::parse(specToJson(c.spec))},
                {"batch", c.lengths.batch()},
                {"q_len", c.problem().q_len},
                {"kv_len", c.problem().kv_len},
                {"flops", flops(c)},
                {"bytes", bytes(c)}};
  if (c.spec.varlen)
    entry.update({{"cu_seqlens_q", c.lengths.cu_seqlens_q}, {"cu_seqlens_k", c.lengths.cu_seqlens_k}});
  return entry;
}

json toJson(const Document& document) {
  json result = {
      {"suites", document.suites},
      {"machine", document.machine},
      {"commit", document.commit.empty() ? json() : json(document.commit)},
      {"kernel_speed_measured", !document.emulated && !(document.cases.empty() && document.ceilings.empty())},
      {"seed", document.seed},
      {"complete", document.complete},
      {"ok", !document.failed()},
      {"ceilings", json::object()},
      {"cases", json::array()},
      {"figures", json::array()}};
  if (document.saysNothingOfSpeed())
    result["note"] = noSpeedMeasured();
  else if (!document.cases.empty())
    result["policy"] = AttentionSuite::policy();
  for (const Ceiling& c : document.ceilings) {
    result["ceilings"][c.name] = c.measured ? toJson(*c.measured, c.unit.c_str()) : json{{"unit", c.unit}};
    result["ceilings"][c.name]["ok"] = c.failure.empty();
    if (!c.failure.empty())
      result["ceilings"][c.name]["failure"] = c.failure;
  }
  for (const CaseResult& c : document.cases)
    result["cases"].push_back(toJson(c, document));
  for (const Figure& f : document.figures) {
    json entry = toJson(f.measured, f.unit.c_str());
    entry.update({{"suite", f.suite}, {"name", f.name}});
    result["figures"].push_back(std::move(entry));
  }
  return result;
}

std::string toCsv(const Document& document) {
  std::string text = "suite,name,ok,value,unit,spread,samples,tflops,gbytes_per_s,share_of_matmul,share_of_copy,sm_mhz,"
                     "note\n";
  const json whole = toJson(document);
  const auto cell = [](const json& entry, const char* key) {
    const json value = entry.value(key, json());
    return value.is_null() ? std::string() : value.is_string() ? quoted(value.get<std::string>()) : value.dump();
  };
  for (const auto& [name, c] : whole["ceilings"].items())
    text += fmt::format("ceiling,{},{},{},{},{},{},,,,,,{}\n", name, cell(c, "ok"), cell(c, "value"), cell(c, "unit"),
                        cell(c, "spread"), cell(c, "samples"),
                        document.emulated && c.value("ok", false) ? quoted(noSpeedMeasured()) : cell(c, "failure"));
  for (const json& c : whole["cases"])
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{}\n", cell(c, "suite"), cell(c, "name"), cell(c, "ok"),
                        cell(c, "time_us"), c.contains("time_us") ? "us" : "", cell(c, "spread"), cell(c, "samples"),
                        cell(c, "tflops"), cell(c, "gbytes_per_s"), cell(c, "share_of_matmul"),
                        cell(c, "share_of_copy"), cell(c.value("clocks", json::object()), "sm_mhz"),
                        c.contains("skipped")                       ? cell(c, "skipped")
                        : document.emulated && c.value("ok", false) ? quoted(noSpeedMeasured())
                                                                    : cell(c, "failure"));
  for (const json& f : whole["figures"])
    text += fmt::format("{},{},true,{},{},{},{},,,,,,\n", cell(f, "suite"), cell(f, "name"), cell(f, "value"),
                        cell(f, "unit"), cell(f, "spread"), cell(f, "samples"));
  return text;
}

} // namespace attune::bench
