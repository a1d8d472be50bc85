#include "runtime/schedules/Content.h"

namespace attune {

// The bindings name every field: one that is added does not compile here until it is decided whether it counts.

AttentionSpec canonical(AttentionSpec spec) { // resets what contentOf leaves out
  const AttentionSpec defaults;
  spec.head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  spec.scale = defaults.scale;
  spec.layout = defaults.layout;
  spec.deterministic = defaults.deterministic;
  spec.batch_invariant = defaults.batch_invariant;
  return spec;
}

std::string contentOf(const AttentionSpec& spec) {
  std::string key;
  key.reserve(256);
  const auto& [dtype, q_heads, kv_heads, head_dim, head_dim_v, causal, window, chunk, prefix, mask, softcap, alibi,
               sink, scale, layout, varlen, lse, deterministic, batch_invariant] = spec;
  append(key, dtype), append(key, q_heads), append(key, kv_heads), append(key, head_dim);
  append(key, head_dim_v ? head_dim_v : head_dim);
  append(key, causal), append(key, window.left), append(key, window.right), append(key, chunk), append(key, prefix);
  append(key, mask.size());
  for (const std::string& set : mask)
    append(key, set);
  append(key, softcap), append(key, alibi), append(key, sink), append(key, varlen), append(key, lse);
  // scale is an argument, layout is strides; the other two choose a schedule
  static_cast<void>(scale), static_cast<void>(layout);
  static_cast<void>(deterministic), static_cast<void>(batch_invariant);
  return key;
}

std::string contentOf(const AttentionSpec& spec, const Schedule& schedule) {
  std::string key = contentOf(spec);
  const auto& [q_tile, kv_tile, warps, stages, pack_gqa, split_kv, warp_specialized, overlap, ping_pong, persistent,
               cluster] = schedule;
  append(key, q_tile), append(key, kv_tile), append(key, warps), append(key, stages);
  append(key, pack_gqa), append(key, split_kv);
  append(key, warp_specialized), append(key, overlap), append(key, ping_pong), append(key, persistent);
  append(key, cluster);
  return key;
}

} // namespace attune
