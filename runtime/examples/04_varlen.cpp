// Two sequences of 128 and 256 tokens, packed one behind the other and told apart by cu_seqlens: no padding.
#include <attune/attune.hpp>

#include "naive.h"

#include <cstdio>

int main() {
  using namespace attune;
  const std::vector<std::int32_t> offsets = {0, 128, 384};
  const std::int64_t total = 384, longest = 256, heads = 16, dim = 32;
  AttentionSpec spec;
  spec.q_heads = spec.kv_heads = heads;
  spec.head_dim = dim;
  spec.causal = Causal::BottomRight;
  spec.scale = 0.2;
  spec.varlen = true;
  const auto q_host = example::randomBf16(total * heads * dim, 1);
  const auto k_host = example::randomBf16(total * heads * dim, 2);
  const auto v_host = example::randomBf16(total * heads * dim, 3);

  Engine engine;
  const auto device = engine.sharedDevice();
  const std::vector<std::int64_t> shape = {total, heads, dim};
  const Buffer q(device, Element::BF16, shape, std::as_bytes(std::span(q_host)), "q");
  const Buffer k(device, Element::BF16, shape, std::as_bytes(std::span(k_host)), "k");
  const Buffer v(device, Element::BF16, shape, std::as_bytes(std::span(v_host)), "v");
  const Buffer o(device, Element::BF16, shape, "o");
  const Buffer lse(device, Element::F32, {heads, total}, "lse");
  const Buffer cu_seqlens(device, Element::I32, {3}, std::as_bytes(std::span(offsets)), "cu_seqlens");

  checkOffsets("cu_seqlens", offsets, total);
  const Plan plan = engine.prepare(spec, {.batch = 2, .q_len = longest, .kv_len = longest, .q_total = total});
  engine.launch(plan,
                {.q = q, .k = k, .v = v, .o = o, .lse = lse, .cu_seqlens_q = cu_seqlens, .cu_seqlens_k = cu_seqlens});

  std::vector<std::uint16_t> result(total * heads * dim);
  o.copyTo(std::as_writable_bytes(std::span(result)));
  double worst = 0;
  for (std::size_t sequence = 0; sequence < 2; ++sequence)
    for (std::size_t head = 0; head < heads; ++head)
      for (std::size_t i = offsets[sequence]; i < static_cast<std::size_t>(offsets[sequence + 1]); ++i) {
        const std::size_t stride = heads * dim, at = head * dim;
        const auto expected = example::attend({&q_host[at], stride}, i, {&k_host[at], stride}, {&v_host[at], stride},
                                              offsets[sequence], i + 1, dim, 0.2);
        for (std::size_t c = 0; c < dim; ++c)
          worst = std::max(worst, std::abs(expected[c] - example::fromBf16(result[i * stride + at + c])));
      }
  std::printf("varlen on %s: max error %.4f\n", device->properties().name.c_str(), worst);
  return worst < 1e-2 ? 0 : 1;
}
