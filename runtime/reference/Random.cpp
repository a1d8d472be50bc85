#include "runtime/reference/Random.h"

#include "runtime/support/Elements.h"

namespace attune::reference {

namespace {

/// A permutation of 32 bits, each of which depends on all (C. Wellons, "Prospecting for hash functions", 2018; both
/// factors are below 2^31, so languages without unsigned integers can multiply in 64 bits).
constexpr std::uint32_t mix(std::uint32_t x) {
  x = (x ^ x >> 16) * 0x21f0aaad;
  x = (x ^ x >> 15) * 0x735a2d97;
  return x ^ x >> 15;
}

} // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view name)
    : key_(mix(mix(static_cast<std::uint32_t>(seed)) ^ static_cast<std::uint32_t>(seed >> 32))) {
  for (const char c : name)
    key_ = mix(key_ + static_cast<unsigned char>(c));
}

std::uint32_t RandomStream::bits(std::uint64_t n) const {
  return mix(mix(static_cast<std::uint32_t>(n % period)) ^ key_);
}

float RandomStream::normal(std::uint64_t n) const {
  const std::uint32_t a = bits(n), b = mix(a + 0x9e3779b9);
  const auto sum = static_cast<int>((a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16));
  return static_cast<float>(sum - 2 * 0xffff) * 0x1.bb67aep-16f; // sqrt(3) / 2^16: four twelfths of variance make 1
}

float RandomStream::uniform(std::uint64_t n) const { return static_cast<float>(bits(n) >> 8) * 0x1p-24f; }

float scaleOfQ(const AttentionSpec& spec) { return spec.softcap > 0 ? static_cast<float>(spec.softcap / 4) : 1.0f; }

Tensors randomTensors(const AttentionSpec& spec, const Lengths& lengths, std::uint64_t seed) {
  const auto values = [&](const char* name, std::size_t size, float factor) {
    const RandomStream stream(seed, name);
    std::vector<float> all(size);
    for (std::size_t n = 0; n < size; ++n)
      all[n] = roundToElement(spec.dtype, stream.normal(n) * factor);
    return all;
  };
  const auto uniform = [&](const char* name, std::size_t size, float factor) {
    const RandomStream stream(seed, name);
    std::vector<float> all(size);
    for (std::size_t n = 0; n < size; ++n)
      all[n] = stream.uniform(n) * factor;
    return all;
  };
  const std::size_t total_q = lengths.cu_seqlens_q.back(), total_k = lengths.cu_seqlens_k.back(),
                    batch = lengths.batch();
  Tensors tensors;
  tensors.q = values("q", total_q * spec.q_heads * spec.head_dim, scaleOfQ(spec));
  tensors.k = values("k", total_k * spec.kv_heads * spec.head_dim, 1);
  tensors.v = values("v", total_k * spec.kv_heads * (spec.head_dim_v ? spec.head_dim_v : spec.head_dim), 1);
  if (spec.alibi != Alibi::None)
    tensors.alibi_slopes =
        uniform("alibi_slopes", spec.alibi == Alibi::PerHead ? spec.q_heads : spec.q_heads * batch, 0.3f);
  if (spec.sink) {
    const RandomStream stream(seed, "sink");
    for (int head = 0; head < spec.q_heads; ++head)
      tensors.sink.push_back(stream.normal(head));
  }
  if (spec.dtype == DType::E4M3) {
    tensors.q_descale = uniform("q_descale", batch * spec.kv_heads, 2);
    tensors.k_descale = uniform("k_descale", batch * spec.kv_heads, 2);
    tensors.v_descale = uniform("v_descale", batch * spec.kv_heads, 2);
  }
  return tensors;
}

} // namespace attune::reference
