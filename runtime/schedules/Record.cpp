#include "runtime/schedules/Record.h"

#include "attune/compiler/Generator.h"
#include "compiler/spec/Refuse.h"
#include "compiler/spec/StrictJson.h"
#include "runtime/schedules/Chooser.h"
#include "runtime/schedules/Content.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::schedules {

using nlohmann::json;

namespace {

json toJson(const Problem& p) { return {{"batch", p.batch}, {"q_len", p.q_len}, {"kv_len", p.kv_len}}; }

/// A count of sequences or tokens, so small that two of them can be multiplied.
std::int64_t count(const json& j) {
  const std::int64_t value = j.is_number_integer() ? j.get<std::int64_t>() : -1;
  if (value < 0 || value > std::numeric_limits<std::int32_t>::max())
    invalid("length " + shown(j), "it is an integer from 0 to 2^31 - 1", "make the record again");
  return value;
}

Problem problemFrom(const json& j) {
  Problem p{.batch = count(j.at("batch")), .q_len = count(j.at("q_len")), .kv_len = count(j.at("kv_len"))};
  p.q_total = p.batch * p.q_len;
  return p;
}

json toJson(const Trial& t) {
  json j = {{"choice", toText(t.candidate)}, {"predicted_us", t.predicted_us}};
  if (t.timing.samples > 0)
    j.update({{"us", t.timing.us},
              {"spread", t.timing.spread},
              {"samples", t.timing.samples},
              {"outliers", t.timing.outliers}});
  if (!t.rejected.empty())
    j["rejected"] = t.rejected;
  return j;
}

Trial trialFrom(const json& j) {
  Trial t{.candidate = candidateFromText(j.at("choice").get<std::string>()), .predicted_us = j.at("predicted_us")};
  if (j.contains("us"))
    t.timing = {.us = j.at("us"), .spread = j.at("spread"), .samples = j.at("samples"), .outliers = j.at("outliers")};
  t.rejected = j.value("rejected", "");
  return t;
}

bool positive(double us) { return std::isfinite(us) && us > 0; }

} // namespace

cache::Key keyOf(const AttentionSpec& spec, const Problem& bucket, const std::string& device_class,
                 const std::string& policy) {
  const json text = {{"spec", json::parse(specToJson(canonical(spec)))},
                     {"shape", toJson(bucket)},
                     {"device_class", device_class},
                     {"generator", policy == toText(Effort::Estimate) ? fmt::format("{} {}", generator(), chooser())
                                                                      : std::string(generator())}};
  return {.text = text.dump(), .variant = policy};
}

cache::Key keyOf(const Record& r) { return keyOf(r.spec, r.shape, r.device_class, r.policy); }

std::string toPayload(const Record& r) {
  json j = {{"spec", json::parse(specToJson(r.spec))},
            {"shape", toJson(r.shape)},
            {"device_class", r.device_class},
            {"device", r.device},
            {"effort", toText(r.effort)},
            {"policy", r.policy},
            {"chosen", toText(r.chosen)},
            {"us", r.us},
            {"default", toText(r.default_choice)},
            {"default_us", r.default_us},
            {"reason", r.reason},
            {"complete", r.complete},
            {"trials", json::array()}};
  for (const Trial& t : r.trials)
    j["trials"].push_back(toJson(t));
  return j.dump();
}

std::optional<Record> recordFromPayload(std::string_view payload) {
  try {
    const json j = strictJson(payload, "the record");
    Record r{.spec = specFromJson(j.at("spec").dump()),
             .shape = problemFrom(j.at("shape")),
             .device_class = j.at("device_class"),
             .device = j.value("device", ""),
             .effort = effortFromText(j.at("effort").get<std::string>()),
             .policy = j.at("policy"),
             .chosen = candidateFromText(j.at("chosen").get<std::string>()),
             .default_choice = candidateFromText(j.at("default").get<std::string>()),
             .us = j.at("us"),
             .default_us = j.at("default_us"),
             .reason = j.at("reason"),
             .complete = j.at("complete")};
    for (const json& t : j.at("trials"))
      r.trials.push_back(trialFrom(t));
    if (std::ranges::any_of(r.trials, [](const Trial& t) { return t.timing.samples > 0 && !positive(t.timing.us); }))
      return std::nullopt;
    if (!positive(r.us))
      return std::nullopt;
    return r;
  } catch (const json::exception&) {
    return std::nullopt;
  } catch (const UserError&) { // a spec or a schedule that breaks a rule of today
    return std::nullopt;
  }
}

std::vector<Finding> findings(const Record& record) {
  // At none of 120 shapes of simulated devices did a slower one win; kernels of these are kept ready.
  const double slowest = 1.5 * record.us;
  std::vector<Finding> found{{record.chosen, record.us}};
  const std::string chosen = toText(record.chosen);
  for (const Trial& t : record.trials)
    if (record.effort != Effort::Estimate && t.timing.samples > 0 && t.rejected.empty() && t.timing.us <= slowest &&
        toText(t.candidate) != chosen)
      found.push_back({t.candidate, t.timing.us});
  return found;
}

} // namespace attune::schedules
