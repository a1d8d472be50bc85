// Decode: one new query per sequence against a long KV cache. The 7 query heads of a kv head share one block, and the
// keys are cut into chunks that different blocks fold; a second kernel merges them.
#include <attune/attune.hpp>

#include "naive.h"

#include <cstdio>

int main() {
  using namespace attune;
  const std::int64_t batch = 2, keys = 1500, q_heads = 14, kv_heads = 2, dim = 64;
  AttentionSpec spec;
  spec.q_heads = q_heads;
  spec.kv_heads = kv_heads;
  spec.head_dim = dim;
  spec.causal = Causal::BottomRight; // the one query is the last position, so it sees every key
  const auto q_host = example::randomBf16(batch * q_heads * dim, 1);
  const auto k_host = example::randomBf16(batch * keys * kv_heads * dim, 2);
  const auto v_host = example::randomBf16(batch * keys * kv_heads * dim, 3);

  Engine engine;
  const auto device = engine.sharedDevice();
  const Buffer q(device, Element::BF16, {batch, 1, q_heads, dim}, std::as_bytes(std::span(q_host)), "q");
  const Buffer k(device, Element::BF16, {batch, keys, kv_heads, dim}, std::as_bytes(std::span(k_host)), "k");
  const Buffer v(device, Element::BF16, {batch, keys, kv_heads, dim}, std::as_bytes(std::span(v_host)), "v");
  const Buffer o(device, Element::BF16, {batch, 1, q_heads, dim}, "o");
  const Buffer lse(device, Element::F32, {batch, q_heads, 1}, "lse");

  const Plan plan = engine.prepare(spec, {.batch = batch, .q_len = 1, .kv_len = keys});
  engine.launch(plan, {.q = q, .k = k, .v = v, .o = o, .lse = lse});

  std::vector<std::uint16_t> result(batch * q_heads * dim);
  o.copyTo(std::as_writable_bytes(std::span(result)));
  double worst = 0;
  for (std::size_t b = 0; b < batch; ++b)
    for (std::size_t head = 0; head < q_heads; ++head) {
      const std::size_t at = (b * q_heads + head) * dim, kv = b * keys * kv_heads * dim + head / 7 * dim;
      const auto expected = example::attend({&q_host[at], dim}, 0, {&k_host[kv], kv_heads * dim},
                                            {&v_host[kv], kv_heads * dim}, 0, keys, dim, 1 / std::sqrt(double(dim)));
      for (std::size_t c = 0; c < dim; ++c)
        worst = std::max(worst, std::abs(expected[c] - example::fromBf16(result[at + c])));
    }
  std::printf("decode on %s: %d chunks, %zu kernels, max error %.4f\n", device->properties().name.c_str(),
              plan.splits(), plan.kernels().size(), worst);
  return worst < 1e-2 ? 0 : 1;
}
