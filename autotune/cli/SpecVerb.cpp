#include "autotune/cli/Cli.h"
#include "autotune/cli/Output.h"
#include "autotune/cli/SpecOptions.h"

#include "attune/compiler/SpecJson.h"
#include "compiler/spec/MaskText.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

struct Options {
  explicit Options(CLI::App& app) : spec(app) {}
  SpecOptions spec;
};

/// What a key is when it is not written: of the smallest spec there is, its canonical text.
nlohmann::json defaults() {
  return nlohmann::json::parse(specToJson(specFromJson(R"({"q_heads": 1, "head_dim": 8})")));
}

Exit explainKeys(bool json) {
  const nlohmann::json usual = defaults();
  if (json) {
    nlohmann::json document = {{"keys", nlohmann::json::array()}, {"mask", nlohmann::json::array()}};
    for (const SpecKey& key : specKeys())
      document["keys"].push_back({{"name", key.name}, {"values", key.values}, {"meaning", key.meaning}});
    for (const MaskForm& form : maskForms())
      document["mask"].push_back({{"form", form.form}, {"meaning", form.meaning}});
    printJson(document);
    return Exit::Done;
  }
  Table keys({"key", "values", "default", "meaning"});
  for (const SpecKey& key : specKeys()) {
    const bool stated =
        key.meaning.find("required") != std::string::npos || key.meaning.find("default:") != std::string::npos;
    keys.add({key.name, key.values, stated ? "" : usual.at(key.name).dump(), key.meaning});
  }
  keys.print();
  heading("a set of \"mask\", from the loosest to the tightest binding");
  Table mask({"form", "meaning"});
  for (const MaskForm& form : maskForms())
    mask.add({form.form, form.meaning});
  mask.print();
  fmt::print("\nThe score of a pair is modified in this order: scale, softcap, ALiBi, mask.\n");
  return Exit::Done;
}

Exit run(const Options& options, bool json) {
  if (!options.spec.given())
    return explainKeys(json);
  fmt::print("{}\n", nlohmann::ordered_json::parse(specToJson(options.spec.resolve())).dump(2)); // its own order
  return Exit::Done;
}

} // namespace

std::function<Exit()> defineSpec(CLI::App& app, const bool& json) {
  const auto options = std::make_shared<Options>(app);
  app.footer("\nExamples:\n  attune spec\n"
             "  attune spec --preset gemma-2-27b:local > spec.json\n"
             "  attune spec '{\"q_heads\": 8, \"head_dim\": 64, \"mask\": [\"k <= q + sk - sq and k % 2 == 0\"]}'");
  return [options, &json] { return run(*options, json); };
}

} // namespace attune::cli
