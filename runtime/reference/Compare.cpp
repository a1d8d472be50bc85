#include "runtime/reference/Reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace attune::reference {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// |got - expected|; 0 for equal infinities and for NaN in both, infinite where only one is special.
double difference(double got, double expected) {
  if (std::isfinite(got) && std::isfinite(expected))
    return std::abs(got - expected);
  return (std::isnan(got) && std::isnan(expected)) || got == expected ? 0 : infinity;
}

/// Of |LSE|. Scores of 8-bit floats are summed 32 columns at a time in accumulators that keep 13 bits and truncate
/// (SageAttention2, arXiv:2411.10958; DeepSeek-V3, arXiv:2412.19437, section 3.3.2), so each of these may take an ulp.
double lseBound(const AttentionSpec& spec) {
  const int truncations = spec.dtype == DType::E4M3 ? (spec.head_dim + 31) / 32 : 0;
  return 1e-4 + truncations * 0x1p-13;
}

struct Worst {
  double error = 0;
  std::size_t index = 0;
  void add(double e, std::size_t i) {
    if (e > error)
      error = e, index = i;
  }
};

} // namespace

Comparison compare(const AttentionSpec& spec, const Output& exact, const Output& plain, const std::vector<float>& o,
                   const std::vector<float>& lse) {
  Comparison result;
  if (o.size() != exact.o.size() || (!lse.empty() && lse.size() != exact.lse.size())) {
    result.message =
        fmt::format("O has {} elements of {}, LSE {} of {}", o.size(), exact.o.size(), lse.size(), exact.lse.size());
    return result;
  }
  Worst plain_error, o_error, lse_error;
  for (std::size_t i = 0; i < o.size(); ++i) {
    if (std::isfinite(plain.o[i]) && std::isfinite(exact.o[i]))
      plain_error.add(std::abs(plain.o[i] - exact.o[i]), i);
    o_error.add(difference(o[i], exact.o[i]), i);
  }
  for (std::size_t i = 0; i < lse.size(); ++i)
    lse_error.add(
        difference(lse[i], exact.lse[i]) / std::max(1.0, std::isfinite(exact.lse[i]) ? std::abs(exact.lse[i]) : 1), i);
  result.max_abs_error = o_error.error;
  result.error_bound = 2 * plain_error.error + 1e-5;
  result.max_lse_error = lse_error.error;
  result.lse_bound = lseBound(spec);
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  if (!(o_error.error <= result.error_bound))
    result.message = fmt::format("O of token {}, head {}, column {} is {}, not {}: off by {:.3g}, more than {:.3g}",
                                 o_error.index / head_dim_v / spec.q_heads, o_error.index / head_dim_v % spec.q_heads,
                                 o_error.index % head_dim_v, o[o_error.index], exact.o[o_error.index], o_error.error,
                                 result.error_bound);
  else if (!(lse_error.error <= result.lse_bound))
    result.message = fmt::format("LSE at {} is {}, not {}: off by {:.3g} of it, more than {:.3g}", lse_error.index,
                                 lse[lse_error.index], exact.lse[lse_error.index], lse_error.error, result.lse_bound);
  result.ok = result.message.empty();
  return result;
}

Comparison compare(const AttentionSpec& spec, const Lengths& lengths, const Tensors& tensors,
                   const std::vector<float>& o, const std::vector<float>& lse) {
  return compare(spec, forward(spec, lengths, tensors), plainForward(spec, lengths, tensors), o, lse);
}

} // namespace attune::reference
