#include "autotune/cli/SpecOptions.h"

#include "autotune/cli/Cli.h"
#include "autotune/cli/Output.h"

#include "attune/compiler/Error.h"
#include "attune/compiler/Presets.h"
#include "attune/compiler/SpecJson.h"
#include "attune/compiler/Target.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace attune::cli {

SpecOptions::SpecOptions(CLI::App& app) {
  app.add_option("SPEC", spec_, "spec as JSON: a file, - for stdin, or inline: '{\"q_heads\": 8, \"head_dim\": 64}'");
  app.add_option("--preset", preset_, "the attention of a known model; `attune presets` lists them");
}

std::string archNames() {
  std::string names;
  for (const Target& t : targets())
    names += (names.empty() ? "" : ", ") + t.name;
  return names;
}

AttentionSpec readSpec(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '{')
    return specFromJson(text);
  if (text == "-")
    return specFromJson(std::string(std::istreambuf_iterator<char>(std::cin), {}));
  if (std::error_code ignored; std::filesystem::is_directory(text, ignored)) // reading one throws
    throw UserError(UserError::Kind::Invalid, fmt::format("spec '{}'", text), "it is a folder",
                    "give the path of a file, - for stdin, or JSON in braces");
  std::ifstream file(text, std::ios::binary);
  std::string contents(std::istreambuf_iterator<char>(file), {});
  if (!file.is_open() || file.bad() || contents.empty())
    throw UserError(UserError::Kind::Invalid, fmt::format("spec '{}'", text),
                    "it must be a readable file, -, or JSON in braces", "check the path, or use --preset NAME");
  return specFromJson(contents);
}

AttentionSpec SpecOptions::resolve() const {
  if (spec_.empty() == preset_.empty())
    throw UsageError(spec_.empty() ? "no spec: give one as JSON or file, or --preset NAME, such as --preset qwen2.5-7b"
                                   : "a spec and --preset: give one of them");
  if (!preset_.empty())
    return preset(preset_);
  const AttentionSpec spec = readSpec(spec_);
  if (const auto& [left, right] = spec.window; left && (right || spec.causal != Causal::None) && !spec.prefix) {
    const std::int64_t last = spec.causal == Causal::None ? *right : std::min<std::int64_t>(right.value_or(0), 0);
    if (*left + last < 0)
      progress(fmt::format("warning: a window of {} to the left and {} to the right holds no key: O will be zeros",
                           *left, last));
  }
  return spec;
}

} // namespace attune::cli
