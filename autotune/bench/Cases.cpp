#include "autotune/bench/Cases.h"

#include "runtime/reference/DeviceTensors.h"
#include "runtime/support/Elements.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace attune::bench {

namespace {

using reference::Lengths;

/// FlashAttention's sweep: hidden size 2048, 16k tokens in a batch.
void sweep(std::vector<Case>& cases, DType dtype, const char* prefix, std::initializer_list<int> lengths) {
  for (const int head_dim : {64, 128, 256})
    for (const bool causal : {false, true})
      for (const int length : lengths) {
        AttentionSpec spec{.dtype = dtype,
                           .q_heads = 2048 / head_dim,
                           .kv_heads = 2048 / head_dim,
                           .head_dim = head_dim,
                           .head_dim_v = head_dim};
        spec.causal = causal ? Causal::BottomRight : Causal::None;
        const int batch = std::max(16384 / length, 1);
        cases.push_back({"prefill",
                         fmt::format("{}d{} {} {}x{}", prefix, head_dim, causal ? "causal" : "full", batch, length),
                         spec, Lengths::dense(batch, length, length)});
      }
}

std::vector<Case> prefill() {
  std::vector<Case> cases;
  sweep(cases, DType::BF16, "", {512, 1024, 2048, 4096, 8192, 16384, 32768});
  for (const char* model : {"llama-3-70b", "qwen2.5-7b", "gemma-2-9b:local", "gemma-2-9b:global", "gpt-oss-20b:local",
                            "gpt-oss-20b:global", "deepseek-v3:prefill"})
    for (const int length : {2048, 8192, 32768})
      cases.push_back(
          {"prefill", fmt::format("{} 1x{}", model, length), preset(model), Lengths::dense(1, length, length)});
  sweep(cases, DType::E4M3, "fp8 ", {2048, 8192, 32768});
  return cases;
}

/// One new token per sequence. Groups of 1, 4, 7 and 8 q heads per kv head.
std::vector<Case> decode() {
  constexpr std::int64_t most_tokens = 1 << 20; // of the cache: 16 GiB with 32 kv heads
  std::vector<Case> cases;
  for (const char* model : {"olmo-2-7b", "llama-3-8b", "qwen2.5-7b", "llama-3-70b"})
    for (const int batch : {1, 4, 16, 64, 128})
      for (const int context : {1024, 4096, 16384, 65536, 131072})
        if (std::int64_t{batch} * context <= most_tokens)
          cases.push_back({"decode", fmt::format("{} {}x{}", model, batch, context), preset(model),
                           Lengths::dense(batch, 1, context)});
  return cases;
}

/// 32 sequences, skewed in three ways: one is long and the others short, each an eighth shorter than the one before,
/// and lengths spread evenly.
std::vector<int> skewed(std::string_view how, int longest) {
  std::vector<int> lengths(32);
  for (std::size_t n = 0; n < lengths.size(); ++n) {
    const double share = how == "one-long"    ? (n == 0 ? 1 : 1.0 / 32)
                         : how == "geometric" ? std::pow(7.0 / 8, static_cast<double>(n))
                                              : static_cast<double>((n * 11 + 31) % 32 + 1) / 32;
    lengths[n] = std::max(static_cast<int>(longest * share), 1);
  }
  return lengths;
}

std::vector<Case> varlen() {
  std::vector<Case> cases;
  for (const char* model : {"llama-3-8b", "qwen2.5-7b"})
    for (const bool one_token : {false, true})
      for (const char* how : {"one-long", "geometric", "even"}) {
        const int longest = one_token ? 32768 : 8192;
        Lengths lengths{{0}, {0}};
        for (const int length : skewed(how, longest)) {
          lengths.cu_seqlens_q.push_back(lengths.cu_seqlens_q.back() + (one_token ? 1 : length));
          lengths.cu_seqlens_k.push_back(lengths.cu_seqlens_k.back() + length);
        }
        Case c{"varlen", fmt::format("{} {} {} to {}", model, one_token ? "decode" : "prefill", how, longest),
               preset(model), lengths};
        c.spec.varlen = true;
        cases.push_back(std::move(c));
      }
  return cases;
}

/// Keys [first, last) that query i of sq sees.
struct Seen {
  std::int64_t first, last;
};
Seen seen(const AttentionSpec& spec, std::int64_t i, std::int64_t sq, std::int64_t sk) {
  const std::int64_t p = spec.causal == Causal::TopLeft ? i : i + sk - sq;
  Seen keys{0, sk};
  if (spec.causal != Causal::None)
    keys.last = std::min(keys.last, p + 1);
  if (spec.window.right)
    keys.last = std::min(keys.last, p + *spec.window.right + 1);
  if (spec.window.left)
    keys.first = std::max(keys.first, p - *spec.window.left);
  if (spec.chunk)
    keys.first = std::max(keys.first, p >= 0 ? p / *spec.chunk * *spec.chunk : 0);
  return {keys.first, std::max(keys.first, keys.last)};
}

} // namespace

Problem Case::problem() const { return reference::problemOf(lengths); }

std::vector<Case> casesOf(std::string_view suite) {
  if (suite == "prefill")
    return prefill();
  if (suite == "decode")
    return decode();
  if (suite == "varlen")
    return varlen();
  throw UserError(UserError::Kind::Invalid, fmt::format("suite '{}'", suite), "it has no attention to be timed",
                  "use prefill, decode or varlen");
}

Case tiny(const Case& big) {
  Case small = big;
  small.lengths = {{0}, {0}};
  for (int b = 0; b < std::min(big.lengths.batch(), 2); ++b) {
    const int sq = std::min(big.lengths.sq(b), 40), sk = std::min(big.lengths.sk(b), 72);
    const int shorter = big.spec.varlen ? 7 * b : 0;
    small.lengths.cu_seqlens_q.push_back(small.lengths.cu_seqlens_q.back() + std::max(sq - shorter, 1));
    small.lengths.cu_seqlens_k.push_back(small.lengths.cu_seqlens_k.back() + sk - shorter);
  }
  return small;
}

double flops(const Case& c) {
  const AttentionSpec& spec = c.spec;
  const bool cut = spec.window.left || spec.window.right || spec.chunk;
  double pairs = 0;
  for (int b = 0; b < c.lengths.batch(); ++b) {
    const double sq = c.lengths.sq(b), sk = c.lengths.sk(b);
    if (!cut)
      pairs += spec.causal == Causal::None ? sq * sk : sq * (std::max(0.0, sk - sq) + sk) / 2;
    for (int i = 0; cut && i < c.lengths.sq(b); ++i) {
      const Seen keys = seen(spec, i, c.lengths.sq(b), c.lengths.sk(b));
      pairs += static_cast<double>(keys.last - keys.first);
    }
  }
  return pairs * spec.q_heads * 2 * (spec.head_dim + (spec.head_dim_v ? spec.head_dim_v : spec.head_dim));
}

double bytes(const Case& c) {
  const double dim = c.spec.head_dim, dim_v = c.spec.head_dim_v ? c.spec.head_dim_v : c.spec.head_dim;
  const auto in = static_cast<double>(bytesOf(elementOf(c.spec.dtype)));
  const auto out = static_cast<double>(bytesOf(elementOf(outputType(c.spec.dtype))));
  double total = 0;
  for (int b = 0; b < c.lengths.batch(); ++b) {
    const int sq = c.lengths.sq(b), sk = c.lengths.sk(b);
    const std::int64_t keys = sq == 0 ? 0 : seen(c.spec, sq - 1, sq, sk).last - seen(c.spec, 0, sq, sk).first;
    total += static_cast<double>(sq) * c.spec.q_heads * (dim * in + dim_v * out) +
             static_cast<double>(keys) * c.spec.kv_heads * (dim + dim_v) * in;
  }
  return total;
}

} // namespace attune::bench
