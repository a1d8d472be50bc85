#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace [[gnu::visibility("default")]] attune {

enum class DType {
  F16,
  BF16,
  E4M3, ///< 8-bit floats with a factor per batch entry and kv head; O is bf16
};

std::string_view dtypeName(DType dtype); ///< "fp16", "bf16", "fp8_e4m3"

/// What O is stored as.
constexpr DType outputType(DType dtype) { return dtype == DType::E4M3 ? DType::BF16 : dtype; }

/// Where the causal diagonal lies. p is the aligned position of query i of sq against sk keys.
enum class Causal {
  None,
  BottomRight, ///< p = i + sk - sq: the last query sees the last key
  TopLeft,     ///< p = i: the first query sees the first key
};

// Members have initialisers, `{}` too, so that -Wextra has nothing to say about designated ones that leave some out.

/// Inclusive distances: a query at aligned position p sees keys in [p - left, p + right]; an absent side is unlimited.
/// A model that "sees W keys including itself" has left = W - 1. Negative distances are legal.
struct Window {
  std::optional<std::int64_t> left{};
  std::optional<std::int64_t> right{};
};

enum class Alibi {
  None,
  PerHead,      ///< slopes of shape (q_heads)
  PerBatchHead, ///< slopes of shape (batch, q_heads)
};

/// How the caller's tensors are laid out. It decides default strides only: kernels take strides.
enum class Layout { Bshd, Bhsd, Strided };

/// What to compute: O = softmax(mask(score(scale * Q K^T))) V. Lengths and batch are not part of it.
/// The score is modified in this order: scale, softcap c * tanh(s / c), ALiBi, mask.
struct AttentionSpec {
  DType dtype = DType::BF16; ///< of Q, K and V
  int q_heads = 0;
  int kv_heads = 0;   ///< a divisor of q_heads; q_heads for multi-head attention. It has no default: 0 is refused
  int head_dim = 0;   ///< of Q and K: a multiple of 8 from 8 to 256; of 8-bit types: of 16
  int head_dim_v = 0; ///< of V and O: likewise; 0 means head_dim

  // A pair (q, k) is visible if causal, window and chunk all allow it, or if k < prefix.
  Causal causal = Causal::None;
  Window window{};
  std::optional<std::int64_t> chunk{};  ///< chunked-local: floor(p / chunk) == floor(k / chunk)
  std::optional<std::int64_t> prefix{}; ///< prefix-LM: keys below it are visible to every query
  /// A union of conjunctions of affine constraints in q, k, sq, sk, e.g. {"k <= q + sk - sq and k % 2 == 0"}. Excludes
  /// the four above.
  std::vector<std::string> mask{};

  double softcap = 0; ///< 0: none
  Alibi alibi = Alibi::None;
  bool sink = false;             ///< one more logit per q head, input of shape (q_heads), fp32
  std::optional<double> scale{}; ///< default 1/sqrt(head_dim); > 0

  Layout layout = Layout::Bshd;
  bool varlen =
      false; ///< Q, K, V packed as (total, heads, dim) with cu_seqlens_q, cu_seqlens_k of shape (batch + 1), int32
  bool lse = true; ///< also write LSE, natural log, fp32, (batch, q_heads, sq); varlen: (q_heads, total_q)

  bool deterministic = true;    ///< same spec, shapes and schedule give the same bits
  bool batch_invariant = false; ///< a row's bits do not depend on the batch it is in
};

} // namespace attune
