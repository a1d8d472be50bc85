#pragma once

#include "attune/compiler/Spec.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Attention written down twice, for comparison and never for speed: exactly, in fp64, and as plain low-precision code
// has it.

namespace attune::reference {

/// Which tokens belong to which sequence: [cu_seqlens[b], cu_seqlens[b + 1]). Offsets may begin above 0.
struct Lengths {
  std::vector<std::int32_t> cu_seqlens_q, cu_seqlens_k; ///< batch + 1 each

  static Lengths dense(int batch, int sq, int sk);
  int batch() const { return static_cast<int>(cu_seqlens_q.size()) - 1; }
  int sq(int b) const { return cu_seqlens_q[b + 1] - cu_seqlens_q[b]; }
  int sk(int b) const { return cu_seqlens_k[b + 1] - cu_seqlens_k[b]; }
};

/// Packed, whatever the spec's layout: Q (total_q, q_heads, head_dim), K (total_k, kv_heads, head_dim), V (total_k,
/// kv_heads, head_dim_v). Values are exact in the spec's dtype: of E4M3, what they stand for is they times a descale.
struct Tensors {
  std::vector<float> q, k, v;
  std::vector<float> alibi_slopes;                    ///< (q_heads) or (batch, q_heads), as the spec says
  std::vector<float> sink;                            ///< (q_heads)
  std::vector<float> q_descale, k_descale, v_descale; ///< (batch, kv_heads), of E4M3 only
};

/// O is packed: (total_q, q_heads, head_dim_v). LSE has the spec's shape: (batch, q_heads, sq), or (q_heads, total_q)
/// if varlen.
struct Output {
  std::vector<double> o, lse;
  /// Of E4M3, and forward() alone: how much each LSE, whose shape this has, may be off because Hopper sums 8-bit
  /// products 32 columns at a time in accumulators that keep 13 bits and truncate (SageAttention2, arXiv:2411.10958;
  /// DeepSeek-V3, arXiv:2412.19437, section 3.3.2). Absolute, in units of the scores:
  ///   max over visible keys of 2^-13 * sum over steps of |scale * q_descale * k_descale * (partial sum after the
  ///   step)|.
  /// Partial sums may be large where LSE is not, so no part of |LSE| would do. With a softcap, ALiBi and a sink, too,
  /// LSE changes by no more than the scores do.
  std::vector<double> lse_slack;
};

std::size_t lseIndex(const AttentionSpec& spec, const Lengths& lengths, int batch, int head, int query);

/// O and LSE in fp64. A hidden pair has no influence, even if its key or value is NaN.
Output forward(const AttentionSpec& spec, const Lengths& lengths, const Tensors& tensors);

/// The same as plain low-precision code computes it (attention_ref with upcast=False in FlashAttention's tests): matrix
/// products of the dtype with fp32 accumulation, and K * scale, S, P and O rounded to the dtype.
///
/// Where there is a softcap, scores stay in fp32 from the product to P, other than there: they are as large as the cap,
/// so of a cap of 50 bf16 would lose up to an eighth of each score at each of its steps, and a bound of twenty times a
/// kernel's error would let a wrong cap pass.
///
/// Of E4M3 the dtype is bf16, as there: Q, K and V are multiplied by their descales and rounded to bf16. P alone is
/// e4m3 (their intermediate_dtype), but not e4m3(softmax): with p = exp(s - max s) of a row,
///   O = sum(e4m3(2^8 p) v) / sum(2^8 p),
/// which is what kernels compute (FlashAttention-3, softmax.h with Max_offset = 8), and, with 8 more octaves above the
/// least positive number, a smaller error to be held to.
Output plainForward(const AttentionSpec& spec, const Lengths& lengths, const Tensors& tensors);

/// The rule: max |o - exact| <= error_bound = 2 * max |plain - exact| + 1e-5, LSE within 1e-4 * max(1, |LSE|) + (of
/// E4M3) Output::lse_slack, and what is NaN or infinite, or 0 because its row sees nothing, is the same in both.
struct Comparison {
  double max_abs_error = 0;
  double error_bound = 0;
  double max_lse_error = 0; ///< in parts of max(1, |LSE|)
  bool ok = false;
  std::string message; ///< of the element that exceeds its bound most, when not ok
};

/// `lse` may be empty when the spec does not ask for it.
Comparison compare(const AttentionSpec& spec, const Lengths& lengths, const Tensors& tensors,
                   const std::vector<float>& o, const std::vector<float>& lse);

/// The same against an exact result which is already there.
Comparison compare(const AttentionSpec& spec, const Output& exact, const Output& plain, const std::vector<float>& o,
                   const std::vector<float>& lse);

} // namespace attune::reference
