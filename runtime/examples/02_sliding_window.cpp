// A sliding window of 64 keys. The spec comes from JSON; heads come before length.
#include <attune/attune.hpp>

#include "naive.h"

#include <cstdio>

int main() {
  using namespace attune;
  const std::int64_t batch = 1, heads = 2, length = 300, dim = 64;
  const AttentionSpec spec = specFromJson(
      R"({"dtype": "bf16", "q_heads": 2, "head_dim": 64, "causal": "bottom_right", "window": {"left": 63}, "layout": "bhsd", "outputs": ["o"]})");
  const auto q_host = example::randomBf16(heads * length * dim, 1);
  const auto k_host = example::randomBf16(heads * length * dim, 2);
  const auto v_host = example::randomBf16(heads * length * dim, 3);

  Engine engine;
  const auto device = engine.sharedDevice();
  const std::vector<std::int64_t> shape = {batch, heads, length, dim};
  const Buffer q(device, Element::BF16, shape, std::as_bytes(std::span(q_host)), "q");
  const Buffer k(device, Element::BF16, shape, std::as_bytes(std::span(k_host)), "k");
  const Buffer v(device, Element::BF16, shape, std::as_bytes(std::span(v_host)), "v");
  const Buffer o(device, Element::BF16, shape, "o");

  const Plan plan = engine.prepare(spec, {.batch = batch, .q_len = length, .kv_len = length});
  engine.launch(plan, {.q = q, .k = k, .v = v, .o = o});

  std::vector<std::uint16_t> result(heads * length * dim);
  o.copyTo(std::as_writable_bytes(std::span(result)));
  double worst = 0;
  for (std::size_t head = 0; head < heads; ++head)
    for (std::size_t i = 0; i < length; ++i) {
      const std::size_t base = head * length * dim, first = i < 63 ? 0 : i - 63; // 64 keys, the query's own included
      const auto expected = example::attend({&q_host[base], dim}, i, {&k_host[base], dim}, {&v_host[base], dim}, first,
                                            i + 1, dim, 0.125);
      for (std::size_t c = 0; c < dim; ++c)
        worst = std::max(worst, std::abs(expected[c] - example::fromBf16(result[base + i * dim + c])));
    }
  std::printf("sliding window on %s: max error %.4f\n", device->properties().name.c_str(), worst);
  return worst < 2e-2 ? 0 : 1;
}
