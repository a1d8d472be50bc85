#include "runtime/schedules/Content.h"

namespace attune {

AttentionSpec canonical(AttentionSpec spec) { // resets what contentOf leaves out
  const AttentionSpec defaults;
  spec.head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  spec.scale = defaults.scale;
  spec.layout = defaults.layout;
  spec.deterministic = defaults.deterministic;
  spec.batch_invariant = defaults.batch_invariant;
  return spec;
}

// The bindings name every field: one that is added does not compile here until it is decided whether it counts.

Content contentOf(const AttentionSpec& spec) {
  Content key;
  const auto& [dtype, q_heads, kv_heads, head_dim, head_dim_v, causal, window, chunk, prefix, mask, softcap, alibi,
               sink, scale, layout, varlen, lse, deterministic, batch_invariant] = spec;
  key.add(dtype), key.add(q_heads), key.add(kv_heads), key.add(head_dim);
  key.add(head_dim_v ? head_dim_v : head_dim);
  key.add(causal), key.add(window.left), key.add(window.right), key.add(chunk), key.add(prefix);
  key.add(mask.size());
  for (const std::string& set : mask)
    key.add(std::string_view(set));
  key.add(softcap), key.add(alibi), key.add(sink), key.add(varlen), key.add(lse);
  // scale is an argument, layout is strides; the other two choose a schedule
  static_cast<void>(scale), static_cast<void>(layout);
  static_cast<void>(deterministic), static_cast<void>(batch_invariant);
  return key;
}

Content contentOf(const AttentionSpec& spec, const Schedule& schedule) {
  Content key = contentOf(spec);
  const auto& [q_tile, kv_tile, warps, stages, pack_gqa, split_kv, warp_specialized, overlap, ping_pong, persistent,
               cluster] = schedule;
  key.add(q_tile), key.add(kv_tile), key.add(warps), key.add(stages);
  key.add(pack_gqa), key.add(split_kv);
  key.add(warp_specialized), key.add(overlap), key.add(ping_pong), key.add(persistent);
  key.add(cluster);
  return key;
}

} // namespace attune
