#include "runtime/engine/Arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace attune {

namespace {

[[noreturn]] void invalid(const std::string& value, const std::string& rule, const std::string& remedy) {
  throw UserError(UserError::Kind::Invalid, value, rule, remedy);
}

std::string_view nameOf(Element element) {
  switch (element) {
  case Element::BF16:
    return "bf16";
  case Element::F16:
    return "fp16";
  case Element::F32:
    return "fp32";
  case Element::I32:
    return "int32";
  case Element::U8:
    return "uint8";
  }
  return "?";
}

std::vector<std::int64_t> contiguous(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t n = shape.size(); n-- > 0;) {
    strides[n] = stride;
    stride *= std::max<std::int64_t>(shape[n], 1);
  }
  return strides;
}

/// A tensor without elements may lie nowhere.
void checkData(std::string_view name, const Tensor& t) {
  const bool empty = std::ranges::find(t.shape, 0) != t.shape.end();
  if (t.data == 0 && !empty)
    invalid(fmt::format("no {}", name), "the spec calls for it", "pass it to launch");
}

void checkElement(std::string_view name, const Tensor& t, Element expected) {
  if (t.element != expected)
    invalid(fmt::format("{} of {}", name, nameOf(t.element)), fmt::format("it must be {} here", nameOf(expected)),
            "convert it, or change the spec's dtype");
}

void checkShape(std::string_view name, const Tensor& t, const std::vector<std::int64_t>& expected) {
  if (t.shape != expected)
    invalid(fmt::format("{} of shape ({})", name, fmt::join(t.shape, ", ")),
            fmt::format("its shape must be ({})", fmt::join(expected, ", ")),
            "give the tensor that the spec and the plan's shapes describe");
  if (!t.strides.empty() && t.strides.size() != t.shape.size())
    invalid(fmt::format("{} with {} strides", name, t.strides.size()), "there is one stride per dimension",
            "leave strides out for a contiguous tensor");
}

} // namespace

Arguments::Arguments(const AttentionSpec& spec, const Problem& problem, const Tensors& t)
    : spec_(spec), problem_(problem) {
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const std::size_t length_at = spec.layout == Layout::Bhsd && !spec.varlen ? 2 : spec.varlen ? 0 : 1;
  const auto length = [&](std::string_view name, const Tensor& tensor, std::int64_t most) {
    if (tensor.shape.size() != (spec.varlen ? 3u : 4u))
      invalid(fmt::format("{} of shape ({})", name, fmt::join(tensor.shape, ", ")),
              spec.varlen                   ? "a varlen tensor is (total, heads, head_dim)"
              : spec.layout == Layout::Bhsd ? "it is (batch, heads, length, head_dim)"
                                            : "it is (batch, length, heads, head_dim)",
              "reshape it, or change the spec's layout");
    const std::int64_t l = tensor.shape[length_at];
    if (!spec.varlen && l > most)
      invalid(fmt::format("{} with {} positions", name, l), fmt::format("the plan was prepared for at most {}", most),
              "prepare one for these lengths");
    return l;
  };
  q_len_ = length("q", t.q, problem.q_len);
  kv_len_ = length("k", t.k, problem.kv_len);
  if (spec.varlen && q_len_ != problem.q_total)
    invalid(fmt::format("q with {} rows", q_len_), fmt::format("the plan was prepared for q_total {}", problem.q_total),
            "prepare one for these lengths");
  q_ = attention("q", t.q, q_len_, spec.q_heads, spec.head_dim);
  k_ = attention("k", t.k, kv_len_, spec.kv_heads, spec.head_dim);
  v_ = attention("v", t.v, kv_len_, spec.kv_heads, head_dim_v);
  o_ = attention("o", t.o, q_len_, spec.q_heads, head_dim_v);
  if (spec.lse)
    lse_ = lse(t.lse);
  if (spec.varlen) {
    cu_seqlens_q_ = vector("cu_seqlens_q", t.cu_seqlens_q, Element::I32, {problem.batch + 1});
    cu_seqlens_k_ = vector("cu_seqlens_k", t.cu_seqlens_k, Element::I32, {problem.batch + 1});
  }
  if (spec.alibi != Alibi::None) {
    const std::vector<std::int64_t> per_head = {spec.q_heads}, per_batch = {problem.batch, spec.q_heads};
    alibi_slopes_ =
        vector("alibi_slopes", t.alibi_slopes, Element::F32, spec.alibi == Alibi::PerHead ? per_head : per_batch);
  }
  if (spec.sink)
    sink_ = vector("sink", t.sink, Element::F32, {spec.q_heads});
  sq_ = static_cast<std::int32_t>(q_len_);
  sk_ = static_cast<std::int32_t>(kv_len_);
  scale_ = static_cast<float>(spec.scale ? *spec.scale : 1 / std::sqrt(static_cast<double>(spec.head_dim)));
}

GlobalTensor Arguments::attention(std::string_view name, const Tensor& t, std::int64_t length, int heads,
                                  int head_dim) const {
  checkData(name, t);
  checkElement(name, t, spec_.dtype == DType::BF16 ? Element::BF16 : Element::F16);
  const bool heads_first = spec_.layout == Layout::Bhsd;
  std::vector<std::int64_t> expected = {problem_.batch, heads_first ? heads : length, heads_first ? length : heads,
                                        head_dim};
  if (spec_.varlen)
    expected = {length, heads, head_dim};
  checkShape(name, t, expected);
  const std::vector<std::int64_t> strides = t.strides.empty() ? contiguous(t.shape) : t.strides;
  for (std::size_t n = 0; n < strides.size(); ++n) {
    const bool last = n + 1 == strides.size();
    if (last ? strides[n] != 1 : t.shape[n] > 1 && strides[n] % 8 != 0)
      invalid(fmt::format("{} with strides ({})", name, fmt::join(strides, ", ")),
              "elements of a head are contiguous, and all other strides are multiples of 8 elements: kernels copy 16 "
              "bytes at a time",
              "copy it into a contiguous tensor");
  }
  if (t.data % 16 != 0)
    invalid(fmt::format("{} at address {:#x}", name, t.data), "tensors are aligned to 16 bytes",
            "start the view at an aligned element");
  if (spec_.varlen)
    return {t.data, 0, strides[0], strides[1]};
  return {t.data, strides[0], strides[heads_first ? 2 : 1], strides[heads_first ? 1 : 2]};
}

GlobalTensor Arguments::lse(const Tensor& t) const {
  checkData("lse", t);
  checkElement("lse", t, Element::F32);
  std::vector<std::int64_t> expected = {problem_.batch, spec_.q_heads, q_len_};
  if (spec_.varlen)
    expected = {spec_.q_heads, problem_.q_total};
  checkShape("lse", t, expected);
  const std::vector<std::int64_t> strides = t.strides.empty() ? contiguous(t.shape) : t.strides;
  if (spec_.varlen)
    return {t.data, 0, strides[1], strides[0]};
  return {t.data, strides[0], strides[2], strides[1]};
}

DevicePtr Arguments::vector(std::string_view name, const Tensor& t, Element element,
                            const std::vector<std::int64_t>& shape) const {
  if (t.data == 0)
    invalid(fmt::format("no {}", name), "the spec calls for it", "pass it to launch");
  checkElement(name, t, element);
  checkShape(name, t, shape);
  if (!t.strides.empty() && t.strides != contiguous(t.shape))
    invalid(fmt::format("{} with strides ({})", name, fmt::join(t.strides, ", ")), "it must be contiguous", "copy it");
  return t.data;
}

void Arguments::setWorkspace(DevicePtr o_partial, DevicePtr lse_partial) {
  const std::int64_t dv = spec_.head_dim_v ? spec_.head_dim_v : spec_.head_dim;
  // (split, batch, head, row) and, for varlen, (split, row, head): a chunk is `batch` more batch entries, or q_total
  // more rows
  if (spec_.varlen) {
    o_partial_ = {o_partial, 0, spec_.q_heads * dv, dv};
    lse_partial_ = {lse_partial, 0, spec_.q_heads, 1};
  } else {
    o_partial_ = {o_partial, spec_.q_heads * q_len_ * dv, dv, q_len_ * dv};
    lse_partial_ = {lse_partial, spec_.q_heads * q_len_, 1, q_len_};
  }
}

void Arguments::setSplits(int splits, std::int64_t split_tiles) {
  splits_ = splits;
  split_tiles_ = static_cast<std::int32_t>(split_tiles);
}

std::vector<void*> Arguments::of(const Manifest& manifest) {
  const std::vector<std::pair<std::string_view, void*>> values = {{"q", &q_},
                                                                  {"k", &k_},
                                                                  {"v", &v_},
                                                                  {"o", &o_},
                                                                  {"lse", &lse_},
                                                                  {"o_partial", &o_partial_},
                                                                  {"lse_partial", &lse_partial_},
                                                                  {"cu_seqlens_q", &cu_seqlens_q_},
                                                                  {"cu_seqlens_k", &cu_seqlens_k_},
                                                                  {"alibi_slopes", &alibi_slopes_},
                                                                  {"sink", &sink_},
                                                                  {"sq", &sq_},
                                                                  {"sk", &sk_},
                                                                  {"scale", &scale_},
                                                                  {"splits", &splits_},
                                                                  {"split_tiles", &split_tiles_}};
  std::vector<void*> result;
  for (const Parameter& p : manifest.parameters) {
    const auto found = std::ranges::find(values, p.name, [](const auto& v) { return v.first; });
    if (found == values.end())
      throw InternalError("kernel " + manifest.name + " has a parameter that nobody knows: " + p.name);
    result.push_back(found->second);
  }
  return result;
}

void checkOffsets(std::string_view name, std::span<const std::int32_t> offsets, std::int64_t total) {
  if (offsets.empty() || offsets.front() != 0)
    invalid(fmt::format("{}[0] = {}", name, offsets.empty() ? -1 : offsets.front()), "offsets start at 0", "prepend 0");
  for (std::size_t n = 1; n < offsets.size(); ++n)
    if (offsets[n] < offsets[n - 1])
      invalid(fmt::format("{}[{}] = {} after {}", name, n, offsets[n], offsets[n - 1]),
              "offsets never decrease: sequences may be empty, not negative", "give the running sum of the lengths");
  if (offsets.back() != total)
    invalid(fmt::format("{} ends at {}", name, offsets.back()),
            fmt::format("its last entry is the number of rows, {}", total), "give the running sum of the lengths");
}

} // namespace attune
