#include "autotune/cli/Cli.h"
#include "autotune/cli/Output.h"

#include "attune/compiler/Presets.h"
#include "attune/compiler/SpecJson.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

std::string maskOf(const AttentionSpec& spec) {
  std::string text = spec.causal == Causal::None          ? "full"
                     : spec.causal == Causal::BottomRight ? "causal"
                                                          : "causal, top left";
  if (spec.window.left)
    text += fmt::format(", {} keys back", *spec.window.left);
  if (spec.window.right)
    text += fmt::format(", {} ahead", *spec.window.right);
  if (spec.chunk)
    text += fmt::format(", chunks of {}", *spec.chunk);
  if (spec.prefix)
    text += fmt::format(", prefix of {}", *spec.prefix);
  return text;
}

std::string scoreOf(const AttentionSpec& spec) {
  std::string text;
  const auto add = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  if (spec.scale)
    add(fmt::format("scale {:.6g}", *spec.scale));
  if (spec.softcap > 0)
    add(fmt::format("softcap {:g}", spec.softcap));
  if (spec.alibi != Alibi::None)
    add("ALiBi");
  if (spec.sink)
    add("sink");
  return text;
}

Exit list(bool json) {
  if (json) {
    nlohmann::json document = {{"presets", nlohmann::json::array()}};
    for (const Preset& preset : presets())
      document["presets"].push_back({{"name", preset.name}, {"spec", nlohmann::json::parse(specToJson(preset.spec))}});
    printJson(document);
    return Exit::Done;
  }
  Table table({"preset", "q heads", "kv heads", "head dim", "mask", "score"});
  for (const auto& [name, spec] : presets())
    table.add({name, fmt::to_string(spec.q_heads), fmt::to_string(spec.kv_heads),
               spec.head_dim == spec.head_dim_v ? fmt::to_string(spec.head_dim)
                                                : fmt::format("{} / {}", spec.head_dim, spec.head_dim_v),
               maskOf(spec), scoreOf(spec)});
  table.print();
  return Exit::Done;
}

} // namespace

std::function<Exit()> definePresets(CLI::App& app, const bool& json) {
  const auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "print the spec of this one");
  app.footer("\nExamples:\n  attune presets\n  attune presets gemma-2-27b:local > spec.json");
  return [name, &json] {
    if (name->empty())
      return list(json);
    const nlohmann::json spec = nlohmann::json::parse(specToJson(preset(*name)));
    if (json)
      printJson({{"presets", {{{"name", *name}, {"spec", spec}}}}});
    else
      printJson(spec);
    return Exit::Done;
  };
}

} // namespace attune::cli
