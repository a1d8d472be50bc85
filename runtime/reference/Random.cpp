#include "runtime/reference/Random.h"

#include "runtime/support/Elements.h"

#include <cmath>
#include <numbers>
#include <random>

namespace attune::reference {

namespace {

/// The standard's distributions differ between libraries, so: Box and Muller.
class Normal {
public:
  explicit Normal(std::uint64_t seed) : engine_(seed) {}
  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }
  double operator()() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()); }

private:
  std::mt19937_64 engine_;
};

} // namespace

Tensors randomTensors(const AttentionSpec& spec, const Lengths& lengths, std::uint64_t seed) {
  Normal normal(seed);
  const auto fill = [&](std::size_t size, double factor) {
    std::vector<float> values(size);
    for (float& value : values)
      value = roundToElement(spec.dtype, static_cast<float>(normal() * factor));
    return values;
  };
  const std::size_t total_q = lengths.cu_seqlens_q.back(), total_k = lengths.cu_seqlens_k.back();
  Tensors tensors;
  tensors.q = fill(total_q * spec.q_heads * spec.head_dim, spec.softcap > 0 ? spec.softcap / 4 : 1);
  tensors.k = fill(total_k * spec.kv_heads * spec.head_dim, 1);
  tensors.v = fill(total_k * spec.kv_heads * (spec.head_dim_v ? spec.head_dim_v : spec.head_dim), 1);
  if (spec.alibi != Alibi::None)
    tensors.alibi_slopes.resize(spec.alibi == Alibi::PerHead ? spec.q_heads : spec.q_heads * lengths.batch());
  for (float& slope : tensors.alibi_slopes)
    slope = static_cast<float>(normal.uniform() * 0.3);
  if (spec.sink)
    tensors.sink.resize(spec.q_heads);
  for (float& sink : tensors.sink)
    sink = static_cast<float>(normal());
  if (spec.dtype == DType::E4M3)
    for (auto* descales : {&tensors.q_descale, &tensors.k_descale, &tensors.v_descale}) {
      descales->resize(static_cast<std::size_t>(lengths.batch()) * spec.kv_heads);
      for (float& descale : *descales)
        descale = static_cast<float>(normal.uniform() * 2);
    }
  return tensors;
}

} // namespace attune::reference
