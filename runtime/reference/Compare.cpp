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

/// What an error of LSE is measured by.
double lseUnit(double lse) { return std::isfinite(lse) ? std::max(1.0, std::abs(lse)) : 1; }

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
  Worst plain_error, o_error, lse_error, lse_share; // of what the row's may be
  for (std::size_t i = 0; i < o.size(); ++i) {
    if (std::isfinite(plain.o[i]) && std::isfinite(exact.o[i]))
      plain_error.add(std::abs(plain.o[i] - exact.o[i]), i);
    o_error.add(difference(o[i], exact.o[i]), i);
  }
  const auto lse_bound = [&](std::size_t i) {
    return 1e-4 * lseUnit(exact.lse[i]) + (exact.lse_slack.empty() ? 0 : exact.lse_slack[i]);
  };
  for (std::size_t i = 0; i < lse.size(); ++i) {
    const double error = difference(lse[i], exact.lse[i]);
    lse_error.add(error / lseUnit(exact.lse[i]), i);
    lse_share.add(error / lse_bound(i), i);
  }
  result.max_abs_error = o_error.error;
  result.error_bound = 2 * plain_error.error + 1e-5;
  result.max_lse_error = lse_error.error;
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  if (!(o_error.error <= result.error_bound))
    result.message = fmt::format("O of token {}, head {}, column {} is {}, not {}: off by {:.3g}, more than {:.3g}",
                                 o_error.index / head_dim_v / spec.q_heads, o_error.index / head_dim_v % spec.q_heads,
                                 o_error.index % head_dim_v, o[o_error.index], exact.o[o_error.index], o_error.error,
                                 result.error_bound);
  else if (!(lse_share.error <= 1))
    result.message =
        fmt::format("LSE at {} is {}, not {}: off by {:.3g}, more than {:.3g}", lse_share.index, lse[lse_share.index],
                    exact.lse[lse_share.index], difference(lse[lse_share.index], exact.lse[lse_share.index]),
                    lse_bound(lse_share.index));
  result.ok = result.message.empty();
  return result;
}

Comparison compare(const AttentionSpec& spec, const Lengths& lengths, const Tensors& tensors,
                   const std::vector<float>& o, const std::vector<float>& lse) {
  return compare(spec, forward(spec, lengths, tensors), plainForward(spec, lengths, tensors), o, lse);
}

} // namespace attune::reference
