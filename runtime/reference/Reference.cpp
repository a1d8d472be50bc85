#include "runtime/reference/Reference.h"

#include "attune/compiler/Visible.h"

#include "runtime/reference/Gemm.h"
#include "runtime/reference/Visibility.h"
#include "runtime/support/Elements.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

namespace attune::reference {

namespace {

constexpr int row_block = 64;   // that share what the matrix products read of K and V
constexpr int float8_step = 32; // columns, after which Hopper truncates sums of 8-bit products
constexpr double infinity = std::numeric_limits<double>::infinity();

/// fp64: nothing is rounded.
struct Exact {
  using Real = double;
  const AttentionSpec& spec;
  bool hasSlack() const { return spec.dtype == DType::E4M3; }
  double round(double value) const { return value; }
  double score(double value) const { return value; }
  double probability(double weight, double sum) const { return weight / sum; }
};

/// fp32 that is rounded to the dtype wherever plain code would store a tensor.
struct Plain {
  using Real = float;
  const AttentionSpec& spec;
  bool hasSlack() const { return false; }
  float round(float value) const { return roundToElement(outputType(spec.dtype), value); }
  /// K * scale, and S: in fp32 where a softcap follows.
  float score(float value) const { return spec.softcap > 0 ? value : round(value); }
  /// Of a weight exp(score - maximum of the keys) in a row of that sum.
  float probability(float weight, double sum) const {
    if (spec.dtype != DType::E4M3)
      return round(static_cast<float>(weight / sum));
    return static_cast<float>(roundToElement(spec.dtype, weight * 0x1p8f) * 0x1p-8 / sum);
  }
};

template <class Arithmetic>
class Sequence {
public:
  using Real = Arithmetic::Real;

  Sequence(const Arithmetic& arithmetic, const Lengths& lengths, const Tensors& tensors, int batch, Output& output)
      : arithmetic_(arithmetic), spec_(arithmetic.spec), lengths_(lengths), tensors_(tensors), batch_(batch),
        sq_(lengths.sq(batch)), sk_(lengths.sk(batch)), d_(spec_.head_dim),
        dv_(spec_.head_dim_v ? spec_.head_dim_v : spec_.head_dim),
        scale_(spec_.scale.value_or(1 / std::sqrt(spec_.head_dim))), visible_(visiblePairs(spec_, sq_, sk_)),
        output_(output) {}

  void kvHead(int kv_head) {
    std::vector<Real> keys(static_cast<std::size_t>(d_) * sk_), values(static_cast<std::size_t>(sk_) * dv_);
    bool finite = true;
    const float k_descale = descale(tensors_.k_descale, kv_head), v_descale = descale(tensors_.v_descale, kv_head);
    for (int k = 0; k < sk_; ++k) {
      const std::size_t row = (static_cast<std::size_t>(lengths_.cu_seqlens_k[batch_]) + k) * spec_.kv_heads + kv_head;
      for (int i = 0; i < d_; ++i) // transposed; plain code puts the scale on K
        keys[static_cast<std::size_t>(i) * sk_ + k] = scaled(descaled(tensors_.k[row * d_ + i], k_descale));
      for (int i = 0; i < dv_; ++i) {
        values[static_cast<std::size_t>(k) * dv_ + i] = descaled(tensors_.v[row * dv_ + i], v_descale);
        finite = finite && std::isfinite(tensors_.v[row * dv_ + i]);
      }
    }
    const int group = spec_.q_heads / spec_.kv_heads;
    for (int head = kv_head * group; head < (kv_head + 1) * group; ++head)
      for (int row = 0; row < sq_; row += row_block)
        rows(head, row, std::min(row_block, sq_ - row), keys, values, finite);
  }

private:
  Real scaled(Real key) const { return arithmetic_.score(key * static_cast<Real>(scale_)); }
  float descale(const std::vector<float>& descales, int kv_head) const {
    return descales.empty() ? 1.0f : descales[static_cast<std::size_t>(batch_) * spec_.kv_heads + kv_head];
  }
  Real descaled(float value, float descale) const {
    return arithmetic_.round(static_cast<Real>(value) * static_cast<Real>(descale));
  }

  void rows(int head, int first, int count, const std::vector<Real>& keys, const std::vector<Real>& values,
            bool finite) {
    // keys that one of the rows sees lie in [begin, end)
    int begin = sk_, end = 0;
    for (int r = 0; r < count; ++r) {
      const std::uint8_t* sees = visible_.data() + static_cast<std::size_t>(first + r) * sk_;
      begin = static_cast<int>(std::min<std::ptrdiff_t>(begin, std::find(sees, sees + sk_, 1) - sees));
      for (int k = sk_; k > end; --k)
        if (sees[k - 1])
          end = k;
    }
    const int width = std::max(end - begin, 0);
    const std::size_t q_row = (static_cast<std::size_t>(lengths_.cu_seqlens_q[batch_]) + first) * spec_.q_heads + head;
    std::vector<Real> q(static_cast<std::size_t>(count) * d_), s(static_cast<std::size_t>(count) * width),
        o(static_cast<std::size_t>(count) * dv_);
    const float q_descale = descale(tensors_.q_descale, head / (spec_.q_heads / spec_.kv_heads));
    for (int r = 0; r < count; ++r)
      for (int i = 0; i < d_; ++i)
        q[static_cast<std::size_t>(r) * d_ + i] =
            descaled(tensors_.q[(q_row + static_cast<std::size_t>(r) * spec_.q_heads) * d_ + i], q_descale);
    std::vector<Real> sums(arithmetic_.hasSlack() ? s.size() : 0); // of |score| after each step
    const int step = sums.empty() ? d_ : float8_step;
    for (int i = 0; width > 0 && i < d_; i += step) {
      multiplyAdd(q.data() + i, d_, keys.data() + static_cast<std::size_t>(i) * sk_ + begin, sk_, s.data(), width,
                  count, width, std::min(step, d_ - i));
      for (std::size_t n = 0; n < sums.size(); ++n)
        sums[n] += std::abs(s[n]);
    }
    for (int r = 0; r < count; ++r) {
      const std::uint8_t* sees = visible_.data() + static_cast<std::size_t>(first + r) * sk_ + begin;
      const double lse = softmax(s.data() + static_cast<std::size_t>(r) * width, sees, head, first + r, begin, width);
      if (!output_.lse.empty())
        output_.lse[lseIndex(spec_, lengths_, batch_, head, first + r)] = lse;
      if (!sums.empty())
        output_.lse_slack[lseIndex(spec_, lengths_, batch_, head, first + r)] =
            lseSlack(sums.data() + static_cast<std::size_t>(r) * width, sees, width);
      for (int k = 0; !finite && k < width; ++k) // 0 * NaN is NaN: skip what is hidden
        for (int i = 0; sees[k] && i < dv_; ++i)
          o[static_cast<std::size_t>(r) * dv_ + i] +=
              s[static_cast<std::size_t>(r) * width + k] * values[(static_cast<std::size_t>(begin) + k) * dv_ + i];
    }
    if (finite && width > 0)
      multiplyAdd(s.data(), width, values.data() + static_cast<std::size_t>(begin) * dv_, dv_, o.data(), dv_, count,
                  dv_, width);
    for (int r = 0; r < count; ++r)
      for (int i = 0; i < dv_; ++i)
        output_.o[(q_row + static_cast<std::size_t>(r) * spec_.q_heads) * dv_ + i] =
            arithmetic_.round(o[static_cast<std::size_t>(r) * dv_ + i]);
  }

  /// Of a row whose keys' scores have these sums of |score| after each step. An infinite score leaves LSE nothing to be
  /// off by.
  static double lseSlack(const Real* sums, const std::uint8_t* sees, int width) {
    double most = 0;
    for (int k = 0; k < width; ++k)
      if (sees[k] && std::isfinite(sums[k]))
        most = std::max(most, static_cast<double>(sums[k]));
    return 0x1p-13 * most;
  }

  /// Turns scores into probabilities and returns the LSE, for one row of which keys [begin, begin + width) matter.
  double softmax(Real* s, const std::uint8_t* sees, int head, int query, int begin, int width) const {
    const std::int64_t position = alignedPosition(spec_, query, sq_, sk_);
    const auto softcap = static_cast<Real>(spec_.softcap);
    double max = -infinity;
    for (int k = 0; k < width; ++k) {
      if (!sees[k])
        continue;
      s[k] = arithmetic_.score(s[k]);
      if (spec_.softcap > 0)
        s[k] = std::tanh(s[k] / softcap) * softcap;
      if (spec_.alibi != Alibi::None) {
        const int index = spec_.alibi == Alibi::PerHead ? head : batch_ * spec_.q_heads + head;
        s[k] -= static_cast<Real>(tensors_.alibi_slopes[index]) * static_cast<Real>(std::abs(position - (begin + k)));
      }
      max = s[k] > max || std::isnan(s[k]) ? static_cast<double>(s[k]) : max;
    }
    const double key_max = max; // weights are measured from it: a sink joins the sum alone
    if (spec_.sink)
      max = std::max(max, static_cast<double>(tensors_.sink[head]));
    const double share = key_max == -infinity ? 0 : std::exp(key_max - max);
    double sum = spec_.sink ? std::exp(tensors_.sink[head] - max) : 0;
    for (int k = 0; k < width; ++k) {
      s[k] = sees[k] ? static_cast<Real>(std::exp(s[k] - key_max)) : 0;
      sum += s[k] * share;
    }
    for (int k = 0; k < width; ++k)
      s[k] = sees[k] ? arithmetic_.probability(s[k], sum / share) : 0;
    return max == -infinity ? max : max + std::log(sum);
  }

  const Arithmetic& arithmetic_;
  const AttentionSpec& spec_;
  const Lengths& lengths_;
  const Tensors& tensors_;
  int batch_, sq_, sk_, d_, dv_;
  double scale_;
  std::vector<std::uint8_t> visible_;
  Output& output_;
};

template <class Arithmetic>
Output run(const Arithmetic& arithmetic, const Lengths& lengths, const Tensors& tensors) {
  const AttentionSpec& spec = arithmetic.spec;
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const std::size_t rows = tensors.q.size() / spec.head_dim;
  Output output{.o = std::vector<double>(rows * head_dim_v),
                .lse = std::vector<double>(rows, -infinity),
                .lse_slack = std::vector<double>(arithmetic.hasSlack() ? rows : 0)};
  std::atomic<int> next = 0;
  const auto work = [&] {
    for (int b = next++; b < lengths.batch(); b = next++) {
      Sequence<Arithmetic> sequence(arithmetic, lengths, tensors, b, output);
      for (int head = 0; head < spec.kv_heads; ++head)
        sequence.kvHead(head);
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (unsigned i = 1; i < std::min<unsigned>(std::thread::hardware_concurrency(), lengths.batch()); ++i)
      helpers.emplace_back(work);
    work();
  }
  return output;
}

} // namespace

Lengths Lengths::dense(int batch, int sq, int sk) {
  Lengths lengths;
  for (int b = 0; b <= batch; ++b) {
    lengths.cu_seqlens_q.push_back(b * sq);
    lengths.cu_seqlens_k.push_back(b * sk);
  }
  return lengths;
}

std::size_t lseIndex(const AttentionSpec& spec, const Lengths& lengths, int batch, int head, int query) {
  if (spec.varlen)
    return static_cast<std::size_t>(head) * lengths.cu_seqlens_q.back() + lengths.cu_seqlens_q[batch] + query;
  return (static_cast<std::size_t>(batch) * spec.q_heads + head) * lengths.sq(batch) + query;
}

Output forward(const AttentionSpec& spec, const Lengths& lengths, const Tensors& tensors) {
  return run(Exact{spec}, lengths, tensors);
}

Output plainForward(const AttentionSpec& spec, const Lengths& lengths, const Tensors& tensors) {
  return run(Plain{spec}, lengths, tensors);
}

} // namespace attune::reference
