#include "attune/compiler/SpecJson.h"

#include "compiler/spec/MaskText.h"
#include "compiler/spec/Refuse.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <limits>

namespace attune {

namespace {

// Bounds of masks stay far from where 32-bit tile arithmetic would overflow.
constexpr std::int64_t farthest = std::int64_t{1} << 30;

void heads(const AttentionSpec& s) {
  if (s.q_heads < 1 || s.q_heads > 65535) // a grid dimension
    invalid(fmt::format("q_heads {}", s.q_heads), "there are 1 to 65535 q heads", "give the number of query heads");
  if (s.kv_heads < 1)
    invalid(fmt::format("kv_heads {}", s.kv_heads), "there is at least one kv head",
            "give the number of key/value heads: that of the q heads if each has its own");
  if (s.q_heads % s.kv_heads == 0)
    return;
  int near = 1;
  for (int n = 1; n <= s.q_heads; ++n)
    if (s.q_heads % n == 0 && std::abs(n - s.kv_heads) < std::abs(near - s.kv_heads))
      near = n;
  invalid(fmt::format("{} q heads on {} kv heads", s.q_heads, s.kv_heads), "q_heads must be a multiple of kv_heads",
          fmt::format("use a kv_heads that divides {}, such as {}", s.q_heads, near));
}

/// `step`: elements in 16 bytes.
void headDim(const char* key, int dim, int step) {
  if (dim >= 1 && dim <= 256 && dim % step == 0)
    return; // before there is text: a prepare() that finds its kernels takes less time than a message
  const std::string value = fmt::format("{} {}", key, dim);
  const std::string rule = fmt::format("head dims are multiples of {0} from {0} to 256{1}", step,
                                       step == 16 ? " where elements have 8 bits" : "");
  if (dim < 1)
    invalid(value, rule, "give the number of elements of a head");
  if (dim > 256)
    unsupported(value, rule, "use at most 256");
  unsupported(value, rule, fmt::format("pad the tensors with zeros to {}", (dim + step - 1) / step * step));
}

void distance(const char* key, std::optional<std::int64_t> value) {
  if (value && (*value < -farthest || *value > farthest))
    invalid(fmt::format("{} {}", key, *value), "distances are between -2^30 and 2^30",
            "leave the side out if it is unlimited");
}

void mask(const AttentionSpec& s) {
  distance("window.left", s.window.left);
  distance("window.right", s.window.right);
  // FlashAttention's way to say "unlimited", which would hide every key here
  if (s.window.left == -1 && (s.window.right == -1 || s.causal != Causal::None))
    invalid("window.left -1", "distances are inclusive: no query would see any key",
            "leave a side out where it is unlimited");
  if (s.chunk && (*s.chunk < 1 || *s.chunk > farthest))
    invalid(fmt::format("chunk {}", *s.chunk), "a chunk has 1 to 2^30 positions",
            "leave it out for attention across chunks");
  if (s.prefix && (*s.prefix < 0 || *s.prefix > farthest))
    invalid(fmt::format("prefix {}", *s.prefix), "a prefix has 0 to 2^30 keys", "leave it out if there is none");
  if (!s.mask.empty() && (s.causal != Causal::None || s.window.left || s.window.right || s.chunk || s.prefix))
    invalid("mask together with causal, window, chunk or prefix", "a custom mask stands alone",
            "write all of it in 'mask', one string per set of the union");
  if (s.mask.size() > 16)
    unsupported(fmt::format("{} mask sets", s.mask.size()), "a union has at most 16 sets", "merge sets");
  for (const std::string& text : s.mask)
    if (parseMask(text).size() > 16)
      unsupported("mask \"" + text + "\"", "a set has at most 16 comparisons", "drop those that others imply");
}

/// Kernels compute in fp32; a value that is zero, subnormal or infinite there would turn scores into NaN.
bool isNormalFloat(double value) {
  return value >= std::numeric_limits<float>::min() && value <= std::numeric_limits<float>::max();
}

} // namespace

void validate(const AttentionSpec& s) {
  heads(s);
  const int step = s.dtype == DType::E4M3 ? 16 : 8;
  headDim("head_dim", s.head_dim, step);
  if (s.head_dim_v != 0)
    headDim("head_dim_v", s.head_dim_v, step);
  mask(s);
  if (s.softcap != 0 && !isNormalFloat(s.softcap))
    invalid(fmt::format("softcap {}", s.softcap), "the softcap is a positive fp32 number",
            "leave it out, or 0, for none");
  if (s.scale && !isNormalFloat(*s.scale))
    invalid(fmt::format("scale {}", *s.scale), "the scale is a positive fp32 number",
            "leave it out for 1/sqrt(head_dim)");
  if (s.varlen && s.layout == Layout::Bhsd)
    invalid("varlen with layout bhsd", "packed sequences are (total, heads, dim)",
            "use layout bshd, or strided for other strides");
}

} // namespace attune
