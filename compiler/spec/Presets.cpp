#include "attune/compiler/Presets.h"

#include "compiler/spec/Nearest.h"
#include "compiler/spec/Refuse.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

namespace attune {

namespace {

AttentionSpec causal(int q_heads, int kv_heads, int head_dim, int head_dim_v = 0) {
  AttentionSpec s;
  s.q_heads = q_heads;
  s.kv_heads = kv_heads;
  s.head_dim = head_dim;
  s.head_dim_v = head_dim_v ? head_dim_v : head_dim;
  s.causal = Causal::BottomRight;
  return s;
}

/// Models count the keys a query sees, itself included; the spec counts the distance.
AttentionSpec sees(AttentionSpec s, int keys) {
  s.window.left = keys - 1;
  return s;
}
AttentionSpec chunked(AttentionSpec s, int chunk) {
  s.chunk = chunk;
  return s;
}
AttentionSpec capped(AttentionSpec s, double softcap) {
  s.softcap = softcap;
  return s;
}
AttentionSpec scaled(AttentionSpec s, double scale) {
  s.scale = scale;
  return s;
}
AttentionSpec sinking(AttentionSpec s) {
  s.sink = true;
  return s;
}

/// YaRN scales scores by m^2, m = 0.1 mscale ln(factor) + 1, once the context outgrows the one it was trained on.
AttentionSpec yarn(const AttentionSpec& s, double factor, double mscale = 1) {
  const double m = 0.1 * mscale * std::log(factor) + 1;
  return scaled(s, m * m / std::sqrt(s.head_dim));
}

// Heads, head dims, windows, caps and scales from the models' configuration files, as the named implementation reads
// them.
std::vector<Preset> allPresets() {
  return {
      // Lightning-AI/litgpt, litgpt/config.py; Llama 4: meta llama-models, models/llama4/args.py
      {"llama-3-8b", causal(32, 8, 128)},
      {"llama-3-70b", causal(64, 8, 128)},
      {"llama-3.1-8b", causal(32, 8, 128)},
      {"llama-3.1-70b", causal(64, 8, 128)},
      {"llama-3.1-405b", causal(128, 8, 128)},
      {"llama-3.2-1b", causal(32, 8, 64)},
      {"llama-3.2-3b", causal(24, 8, 128)},
      {"llama-3.3-70b", causal(64, 8, 128)},
      {"llama-4-scout:local", chunked(causal(40, 8, 128), 8192)},
      {"llama-4-scout:global", causal(40, 8, 128)},
      // litgpt/config.py; Qwen3-Next: transformers, configuration_qwen3_next.py
      {"qwen2.5-7b", causal(28, 4, 128)},
      {"qwen2.5-72b", causal(64, 8, 128)},
      {"qwen3-4b", causal(32, 8, 128)},
      {"qwen3-8b", causal(32, 8, 128)},
      {"qwen3-32b", causal(64, 8, 128)},
      {"qwen3-30b-a3b", causal(32, 4, 128)},
      {"qwen3-235b-a22b", causal(64, 4, 128)},
      {"qwen3-next-80b", causal(16, 2, 256)},
      // litgpt/config.py
      {"mistral-7b-v0.1", sees(causal(32, 8, 128), 4096)},
      {"mistral-7b-v0.3", causal(32, 8, 128)},
      {"mistral-large", causal(96, 8, 128)},
      {"mixtral-8x7b", causal(32, 8, 128)},
      {"mixtral-8x22b", causal(48, 8, 128)},
      // google/gemma_pytorch, gemma/config.py; Gemma 4: transformers, modeling_gemma4.py, which normalises Q and K and
      // scales by 1
      {"gemma-2-2b:local", capped(sees(causal(8, 4, 256), 4096), 50)},
      {"gemma-2-2b:global", capped(causal(8, 4, 256), 50)},
      {"gemma-2-9b:local", capped(sees(causal(16, 8, 256), 4096), 50)},
      {"gemma-2-9b:global", capped(causal(16, 8, 256), 50)},
      {"gemma-2-27b:local", scaled(capped(sees(causal(32, 16, 128), 4096), 50), 1 / std::sqrt(144.0))},
      {"gemma-2-27b:global", scaled(capped(causal(32, 16, 128), 50), 1 / std::sqrt(144.0))},
      {"gemma-3-1b:local", sees(causal(4, 1, 256), 512)},
      {"gemma-3-1b:global", causal(4, 1, 256)},
      {"gemma-3-4b:local", sees(causal(8, 4, 256), 1024)},
      {"gemma-3-4b:global", causal(8, 4, 256)},
      {"gemma-3-12b:local", sees(causal(16, 8, 256), 1024)},
      {"gemma-3-12b:global", causal(16, 8, 256)},
      {"gemma-3-27b:local", scaled(sees(causal(32, 16, 128), 1024), 1 / std::sqrt(168.0))},
      {"gemma-3-27b:global", scaled(causal(32, 16, 128), 1 / std::sqrt(168.0))},
      {"gemma-4:local", scaled(sees(causal(8, 4, 256), 512), 1)},
      // openai/gpt-oss, gpt_oss/torch/model.py
      {"gpt-oss-20b:local", sinking(sees(causal(64, 8, 64), 128))},
      {"gpt-oss-20b:global", sinking(causal(64, 8, 64))},
      {"gpt-oss-120b:local", sinking(sees(causal(64, 8, 64), 128))},
      {"gpt-oss-120b:global", sinking(causal(64, 8, 64))},
      // deepseek-ai/DeepSeek-V3, inference/model.py and configs: YaRN 40 beyond 4096 keys, mscale 0.707 in V2; Kimi K2
      // 0905: YaRN 64
      {"deepseek-v2-lite:prefill", yarn(causal(16, 16, 192, 128), 40, 0.707)},
      {"deepseek-v2:prefill", yarn(causal(128, 128, 192, 128), 40, 0.707)},
      {"deepseek-v3:prefill", yarn(causal(128, 128, 192, 128), 40)},
      {"deepseek-r1:prefill", yarn(causal(128, 128, 192, 128), 40)},
      {"kimi-k2:prefill", yarn(causal(64, 64, 192, 128), 64)},
      // transformers, configuration_mimo_v2_flash.py, configuration_glm4_moe.py
      {"mimo-v2-flash:local", sinking(sees(causal(64, 8, 192, 128), 128))},
      {"mimo-v2-flash:global", causal(64, 4, 192, 128)},
      {"glm-4.5", causal(96, 8, 128)},
      {"glm-4.5-air", causal(96, 8, 128)},
      // litgpt/config.py; Phi-3's window is 2047 in Microsoft's own file
      {"phi-3-mini", sees(causal(32, 32, 96), 2048)},
      {"phi-4", causal(40, 10, 128)},
      {"falcon-7b", causal(71, 1, 64)},
      {"olmo-2-7b", causal(32, 32, 128)},
  };
}

/// Layers of models above that are out of reach, and why.
constexpr std::pair<std::string_view, std::string_view> beyond[] = {
    {"gemma-4:global", "its head dim is 512"},
    {"deepseek-v2-lite:decode", "absorbed MLA has head dim 576"},
    {"deepseek-v2:decode", "absorbed MLA has head dim 576"},
    {"deepseek-v3:decode", "absorbed MLA has head dim 576"},
    {"deepseek-r1:decode", "absorbed MLA has head dim 576"},
    {"kimi-k2:decode", "absorbed MLA has head dim 576"},
};

/// Those of `known` that begin with `name`, letters of either case being one.
std::vector<std::string> beginning(std::string_view name, const std::vector<std::string>& known) {
  const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
  std::vector<std::string> found;
  for (const std::string& candidate : known)
    if (!name.empty() && name.size() < candidate.size() &&
        std::equal(name.begin(), name.end(), candidate.begin(), same))
      found.push_back(candidate);
  return found;
}

} // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = allPresets();
  return all;
}

const AttentionSpec& preset(std::string_view name) {
  const std::string value = "preset '" + std::string(name) + "'";
  std::vector<std::string> known;
  for (const Preset& p : presets()) {
    if (p.name == name)
      return p.spec;
    known.push_back(p.name);
  }
  for (const auto& [layer, reason] : beyond)
    if (layer == name)
      unsupported(value, std::string(reason) + ", and the largest supported is 256", "use another model's preset");
  for (const std::string& candidate : known)
    if (candidate.starts_with(std::string(name) + ":"))
      invalid(value, "this model has several kinds of layer", "name one, such as '" + candidate + "'");
  const std::vector<std::string> begun = beginning(name, known);
  if (begun.size() > 1)
    invalid(value, "there is no such preset", fmt::format("use one of: {}", fmt::join(begun, ", ")));
  const std::string near = begun.empty() ? nearest(name, known) : begun.front();
  invalid(value, "there is no such preset",
          near.empty() ? "'attune presets' lists all" : "did you mean '" + near + "'?");
}

} // namespace attune
