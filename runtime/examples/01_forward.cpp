// Causal attention of one layer of Qwen2.5-7B: 28 query heads on 4 key/value heads, head dim 128.
#include <attune/attune.hpp>

#include "naive.h"

#include <cstdio>

int main() {
  using namespace attune;
  const std::int64_t batch = 1, length = 200, q_heads = 28, kv_heads = 4, dim = 128;
  const auto q_host = example::randomBf16(length * q_heads * dim, 1);
  const auto k_host = example::randomBf16(length * kv_heads * dim, 2);
  const auto v_host = example::randomBf16(length * kv_heads * dim, 3);

  Engine engine; // the GPU if there is one, else the emulated device
  const auto device = engine.sharedDevice();
  const Buffer q(device, Element::BF16, {batch, length, q_heads, dim}, std::as_bytes(std::span(q_host)), "q");
  const Buffer k(device, Element::BF16, {batch, length, kv_heads, dim}, std::as_bytes(std::span(k_host)), "k");
  const Buffer v(device, Element::BF16, {batch, length, kv_heads, dim}, std::as_bytes(std::span(v_host)), "v");
  const Buffer o(device, Element::BF16, {batch, length, q_heads, dim}, "o");
  const Buffer lse(device, Element::F32, {batch, q_heads, length}, "lse");

  const Plan plan = engine.prepare(preset("qwen2.5-7b"), {.batch = batch, .q_len = length, .kv_len = length});
  engine.launch(plan, {.q = q, .k = k, .v = v, .o = o, .lse = lse});

  std::vector<std::uint16_t> result(length * q_heads * dim);
  o.copyTo(std::as_writable_bytes(std::span(result)));
  double worst = 0;
  for (std::size_t head = 0; head < q_heads; head += 9)
    for (std::size_t i = 0; i < length; ++i) {
      const std::size_t kv = head / 7;
      const auto expected =
          example::attend({&q_host[head * dim], q_heads * dim}, i, {&k_host[kv * dim], kv_heads * dim},
                          {&v_host[kv * dim], kv_heads * dim}, 0, i + 1, dim, 1 / std::sqrt(double(dim)));
      for (std::size_t c = 0; c < dim; ++c)
        worst = std::max(worst, std::abs(expected[c] - example::fromBf16(result[(i * q_heads + head) * dim + c])));
    }
  std::printf("%s on %s: max error %.4f\n", plan.kernels()[0].name.c_str(), device->properties().name.c_str(), worst);
  return worst < 2e-2 ? 0 : 1;
}
