#include "attune/compiler/Presets.h"

#include "attune/compiler/Error.h"
#include "compiler/spec/Nearest.h"

#include <cmath>

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

} // namespace

// Heads, head dims, windows and caps from the models' configuration files, as their reference implementations read them
// (meta llama-models, transformers, gemma_pytorch, gpt-oss, DeepSeek-V3, litgpt).
const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = {
      {"llama-3-8b", causal(32, 8, 128)},
      {"llama-3-70b", causal(64, 8, 128)},
      {"llama-3.1-405b", causal(128, 8, 128)},
      {"llama-3.2-1b", causal(32, 8, 64)},
      {"llama-3.2-3b", causal(24, 8, 128)},
      {"llama-4-scout:local", chunked(causal(40, 8, 128), 8192)},
      {"llama-4-scout:global", causal(40, 8, 128)},
      {"qwen2.5-7b", causal(28, 4, 128)},
      {"qwen2.5-72b", causal(64, 8, 128)},
      {"qwen3-8b", causal(32, 8, 128)},
      {"qwen3-32b", causal(64, 8, 128)},
      {"qwen3-30b-a3b", causal(32, 4, 128)},
      {"qwen3-235b-a22b", causal(64, 4, 128)},
      {"qwen3-next-80b", causal(16, 2, 256)},
      {"mistral-7b-v0.1", sees(causal(32, 8, 128), 4096)},
      {"mistral-7b-v0.3", causal(32, 8, 128)},
      {"mixtral-8x7b", causal(32, 8, 128)},
      {"mixtral-8x22b", causal(48, 8, 128)},
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
      {"gpt-oss:local", sinking(sees(causal(64, 8, 64), 128))},
      {"gpt-oss:global", sinking(causal(64, 8, 64))},
      {"deepseek-v3:prefill", scaled(causal(128, 128, 192, 128), std::pow(0.1 * std::log(40.0) + 1, 2) / std::sqrt(192.0))}, // YaRN's m, beyond 4096 keys
      {"deepseek-v2-lite:prefill", causal(16, 16, 192, 128)},
      {"mimo-v2-flash:local", sinking(sees(causal(64, 8, 192, 128), 128))},
      {"mimo-v2-flash:global", causal(64, 4, 192, 128)},
      {"phi-3-mini", sees(causal(32, 32, 96), 2048)},
      {"phi-4", causal(40, 10, 128)},
      {"glm-4.5", causal(96, 8, 128)},
      {"falcon-7b", causal(71, 1, 64)},
      {"olmo-2-7b", causal(32, 32, 128)},
  };
  return all;
}

const AttentionSpec& preset(std::string_view name) {
  std::vector<std::string> known;
  for (const Preset& p : presets()) {
    if (p.name == name)
      return p.spec;
    known.push_back(p.name);
  }
  for (const std::string& candidate : known)
    if (candidate.starts_with(std::string(name) + ":"))
      throw UserError(UserError::Kind::Invalid, "preset '" + std::string(name) + "'", "this model has several kinds of layer", "name one, such as '" + candidate + "'");
  throw UserError(UserError::Kind::Invalid, "preset '" + std::string(name) + "'", "there is no such preset", didYouMean(name, known));
}

} // namespace attune
