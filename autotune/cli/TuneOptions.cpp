#include "autotune/cli/TuneOptions.h"

#include "autotune/cli/Cli.h"
#include "runtime/schedules/Buckets.h"

#include "attune/compiler/Presets.h"
#include "attune/compiler/Target.h"
#include "compiler/spec/Nearest.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace attune::cli {

namespace {

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    if (end > at)
      all.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

std::int64_t integer(const std::string& option, const std::string& text) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > (1 << 24))
    throw UsageError(fmt::format("{} {}: it is a list of numbers up to 2^24 and of ranges, such as 1,8 or 1024..8192",
                                 option, text));
  return value;
}

/// "3/16": the fourth of sixteen.
std::pair<std::size_t, std::size_t> shardOf(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos)
    throw UsageError(fmt::format("--shard {}: it is i/n with i from 0, such as 0/4", text));
  const std::int64_t index = integer("--shard", text.substr(0, slash)),
                     count = integer("--shard", text.substr(slash + 1));
  if (count < 1 || index >= count)
    throw UsageError(fmt::format("--shard {}: the parts of {} are 0/{} to {}/{}", text, count, count,
                                 std::max<std::int64_t>(count - 1, 0), count));
  return {static_cast<std::size_t>(index), static_cast<std::size_t>(count)};
}

} // namespace

std::vector<std::int64_t> integers(const std::string& option, const std::string& text) {
  std::set<std::int64_t> values;
  for (const std::string& word : words(text)) {
    const std::size_t dots = word.find("..");
    const std::int64_t low = integer(option, word.substr(0, dots));
    const std::int64_t high = dots == std::string::npos ? low : integer(option, word.substr(dots + 2));
    if (low > high || (low == 0 && high > 0))
      throw UsageError(fmt::format("{} {}: a range goes up from at least 1, in steps of two", option, word));
    for (std::int64_t value = low; value <= high; value *= 2) {
      values.insert(value);
      if (value == 0)
        break;
    }
    values.insert(high);
  }
  if (values.empty())
    throw UsageError(fmt::format("{}: an empty list; give numbers such as 1,8 or 1024..8192", option));
  return {values.begin(), values.end()};
}

TuneOptions::TuneOptions(CLI::App& app, const char* default_effort) : effort_(default_effort) {
  app.add_option("SPEC", spec_, "spec as JSON: a file, - for stdin, or inline");
  app.add_option("--preset", presets_, "the attention of known models, a list; `attune presets` lists them")
      ->delimiter(',');
  app.add_option("--phase", phases_,
                 "prefill, decode (one query per sequence), or both; default: both, and with --q-len prefill");
  app.add_option("--batch", batches_, "sequences: a list such as 1,8 or a range 1..64 in steps of two")
      ->capture_default_str();
  app.add_option("--q-len", q_lens_, "queries per sequence of prefill; default: as many as keys");
  app.add_option("--kv-len", kv_lens_, "keys per sequence")->capture_default_str();
  app.add_option("--arch", archs_, "targets, a list: sm_90a; default: the device's. Needs no GPU");
  app.add_option("--device", device, "where to measure: auto, cuda:0, emulated")->capture_default_str();
  app.add_option("--effort", effort_, "estimate (cost model), measure, exhaustive; without the target's GPU, estimate")
      ->capture_default_str();
  app.add_option("--jobs", jobs, "compilations side by side; 0: one per core")->check(CLI::Range(0, 1024));
  app.add_option("--time-limit", time_limit, "seconds; what is done by then is kept, exit code 8")
      ->check(CLI::PositiveNumber);
  app.add_option("--shard", shard_,
                 "i/n: the i-th of n parts, from 0, for job arrays; `attune cache merge` joins them");
  app.add_flag("--dry-run", dry_run, "list what would be done");
  app.add_option("--report", report, "HTML file: what was chosen and why, for people; it needs no network")
      ->excludes("--dry-run");
  app.add_flag(
      "--resume,!--fresh", [this](std::int64_t count) { fresh = count < 0; },
      "take up what is there (the default), or make all of it again");
}

std::vector<std::pair<std::string, AttentionSpec>> TuneOptions::specs() const {
  std::vector<std::pair<std::string, AttentionSpec>> all;
  if (spec_.empty() && presets_.empty())
    throw UsageError("no spec: give one as JSON or file, or --preset NAME, such as --preset qwen2.5-7b");
  if (!spec_.empty())
    all.emplace_back("spec", readSpec(spec_));
  for (const std::string& name : presets_)
    all.emplace_back(name, preset(name));
  return all;
}

std::string TuneOptions::title() const {
  std::string names = fmt::to_string(fmt::join(presets_, ", "));
  if (!spec_.empty())
    names = names.empty() ? "a spec" : names + " and a spec";
  return names;
}

std::vector<Problem> TuneOptions::shapes(const std::string& phase) const {
  const std::vector<std::int64_t> kv_lens = integers("--kv-len", kv_lens_);
  const std::vector<std::int64_t> q_lens = q_lens_.empty() ? std::vector<std::int64_t>{} : integers("--q-len", q_lens_);
  std::vector<Problem> all;
  for (const std::int64_t batch : integers("--batch", batches_))
    for (const std::int64_t kv_len : kv_lens) {
      if (phase == "decode")
        all.push_back({.batch = batch, .q_len = 1, .kv_len = kv_len});
      else if (q_lens.empty())
        all.push_back({.batch = batch, .q_len = kv_len, .kv_len = kv_len});
      for (const std::int64_t q_len : q_lens)
        if (phase == "prefill")
          all.push_back({.batch = batch, .q_len = q_len, .kv_len = kv_len});
    }
  return all;
}

std::vector<std::string> TuneOptions::phases() const {
  const std::vector<std::string> known = {"prefill", "decode"};
  const std::vector<std::string> asked = words(phases_);
  for (const std::string& phase : asked)
    if (std::ranges::find(known, phase) == known.end())
      throw UsageError(fmt::format("--phase {}: there is no such phase; {}", phase, didYouMean(phase, known)));
  if (q_lens_.empty())
    return asked.empty() ? known : asked;
  if (asked == std::vector<std::string>{"decode"})
    throw UsageError(fmt::format("--q-len {} with --phase decode, which has one query: leave --q-len out, or ask for "
                                 "--phase prefill",
                                 q_lens_));
  return asked.empty() ? std::vector<std::string>{"prefill"} : asked;
}

std::vector<TuneItem> TuneOptions::items() const {
  std::vector<std::string> archs = words(archs_);
  if (archs.empty())
    archs.push_back(""); // the device's
  for (const std::string& arch : archs)
    if (!arch.empty())
      target(arch); // or throws, with the nearest one
  const std::vector<std::string> asked = phases();
  std::vector<TuneItem> all;
  std::set<std::string> seen;
  for (const auto& [name, spec] : specs())
    for (const std::string& arch : archs)
      for (const std::string& phase : asked)
        for (const Problem& shape : shapes(phase)) {
          const Problem bucket = schedules::bucketOf(shape);
          TuneItem item{.label = fmt::format("{} {} {}", name, phase, schedules::toText(bucket)),
                        .series = fmt::format("{} {}, batch {}", name, phase, bucket.batch),
                        .spec = spec,
                        .shape = bucket,
                        .arch = arch};
          if (phase == "prefill" && !q_lens_.empty())
            item.series += fmt::format(", {} queries", bucket.q_len);
          if (archs.size() > 1)
            item.label += " " + arch, item.series += ", " + arch;
          if (seen.insert(specToJson(spec) + schedules::toText(bucket) + arch).second)
            all.push_back(std::move(item));
        }
  if (shard_.empty())
    return all;
  const auto [index, count] = shardOf(shard_);
  std::vector<TuneItem> part;
  for (std::size_t i = index; i < all.size(); i += count)
    part.push_back(std::move(all[i]));
  return part;
}

} // namespace attune::cli
