#include "attune/compiler/SpecJson.h"

#include "attune/compiler/Error.h"
#include "compiler/spec/MaskText.h"

#include <fmt/format.h>

#include <cmath>

namespace attune {

namespace {

[[noreturn]] void invalid(const std::string& value, const std::string& rule, const std::string& remedy) {
  throw UserError(UserError::Kind::Invalid, value, rule, remedy);
}

void headDim(std::string_view key, int dim) {
  if (dim < 8 || dim > 256 || dim % 8 != 0)
    invalid(fmt::format("{} {}", key, dim), "head dims are multiples of 8 from 8 to 256",
            dim > 0 && dim < 256 ? fmt::format("pad the tensors to {}", (dim + 7) / 8 * 8) : "split the head, or use another model");
}

// Bounds of masks stay far from where 32-bit tile arithmetic would overflow.
constexpr std::int64_t farthest = std::int64_t{1} << 30;

void distance(std::string_view key, std::int64_t value) {
  if (value < -farthest || value > farthest)
    invalid(fmt::format("{} {}", key, value), "distances are between -2^30 and 2^30", "leave the side out if it is unlimited");
}

} // namespace

void validate(const AttentionSpec& s) {
  if (s.q_heads < 1 || s.q_heads > 65535)
    invalid(fmt::format("q_heads {}", s.q_heads), "there are 1 to 65535 q heads", "give the number of query heads");
  if (s.kv_heads < 1)
    invalid(fmt::format("kv_heads {}", s.kv_heads), "there is at least one kv head", "give the number of key/value heads");
  if (s.q_heads % s.kv_heads != 0)
    invalid(fmt::format("{} q heads on {} kv heads", s.q_heads, s.kv_heads), "q_heads must be a multiple of kv_heads",
            fmt::format("use a kv_heads that divides {}", s.q_heads));
  headDim("head_dim", s.head_dim);
  if (s.head_dim_v != 0)
    headDim("head_dim_v", s.head_dim_v);
  if (s.window.left)
    distance("window.left", *s.window.left);
  if (s.window.right)
    distance("window.right", *s.window.right);
  if (s.chunk && (*s.chunk < 1 || *s.chunk > farthest))
    invalid(fmt::format("chunk {}", *s.chunk), "a chunk has 1 to 2^30 positions", "leave it out for attention across chunks");
  if (s.prefix && (*s.prefix < 0 || *s.prefix > farthest))
    invalid(fmt::format("prefix {}", *s.prefix), "a prefix has 0 to 2^30 keys", "leave it out if there is none");
  if (!s.mask.empty() && (s.causal != Causal::None || s.window.left || s.window.right || s.chunk || s.prefix))
    invalid("mask together with causal, window, chunk or prefix", "a custom mask stands alone", "write all of it in `mask`, one string per set of the union");
  if (s.mask.size() > 16)
    invalid(fmt::format("{} mask sets", s.mask.size()), "a union has at most 16 sets", "merge sets");
  for (const std::string& text : s.mask)
    if (parseMask(text).size() > 16)
      invalid("mask \"" + text + "\"", "a set has at most 16 comparisons", "drop those that others imply");
  if (!std::isfinite(s.softcap) || s.softcap < 0)
    invalid(fmt::format("softcap {}", s.softcap), "the softcap is a positive number", "leave it out, or 0, for none");
  if (s.scale && (!std::isfinite(*s.scale) || *s.scale <= 0))
    invalid(fmt::format("scale {}", *s.scale), "the scale is a positive number", "leave it out for 1/sqrt(head_dim)");
}

} // namespace attune
