#include "runtime/engine/Arguments.h"

#include "compiler/spec/Refuse.h"
#include "runtime/support/Elements.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace attune {

namespace {

constexpr std::string_view names[] = {"q",
                                      "k",
                                      "v",
                                      "o",
                                      "lse",
                                      "o_partial",
                                      "lse_partial",
                                      "cu_seqlens_q",
                                      "cu_seqlens_k",
                                      "alibi_slopes",
                                      "sink",
                                      "q_descale",
                                      "k_descale",
                                      "v_descale",
                                      "sq",
                                      "sk",
                                      "scale",
                                      "splits",
                                      "split_tiles",
                                      "q_tiles",
                                      "heads",
                                      "section"};

} // namespace

std::vector<BoundParameter> bind(const Manifest& manifest) {
  std::vector<BoundParameter> bound;
  std::size_t maps = 0;
  for (const Parameter& p : manifest.parameters) {
    const auto found = std::ranges::find(names, p.name);
    if (found == std::end(names))
      throw InternalError("kernel " + manifest.name + " has a parameter that nobody knows: " + p.name);
    const auto value = static_cast<Value>(found - std::begin(names));
    const bool map = p.kind == Parameter::Kind::TensorMap;
    if (map && value != Value::Q && value != Value::K && value != Value::V && value != Value::O)
      throw InternalError("kernel " + manifest.name + " wants a tensor map of " + p.name + ", which has none");
    maps += map;
    bound.push_back({value, map ? p.box_rows : 0, map ? p.box_columns : 0});
  }
  if (bound.size() > Arguments::most || maps > Arguments::most_maps)
    throw InternalError("kernel " + manifest.name + " has too many parameters");
  return bound;
}

Arguments::Arguments(const AttentionSpec& spec, const Problem& problem, const Tensors& t, Device& device)
    : spec_(spec), problem_(problem), device_(device), head_dim_v_(spec.head_dim_v ? spec.head_dim_v : spec.head_dim) {
  q_len_ = length("q", t.q, problem.q_len);
  kv_len_ = length("k", t.k, problem.kv_len);
  if (spec.varlen && q_len_ > problem.q_total)
    invalid(fmt::format("q with {} rows", q_len_),
            fmt::format("the plan was prepared for q_total {} at most", problem.q_total),
            "prepare one for these lengths");
  q_ = attention("q", t.q, q_len_, spec.q_heads, spec.head_dim, false);
  k_ = attention("k", t.k, kv_len_, spec.kv_heads, spec.head_dim, false);
  v_ = attention("v", t.v, kv_len_, spec.kv_heads, head_dim_v_, false);
  o_ = attention("o", t.o, q_len_, spec.q_heads, head_dim_v_, true);
  if (spec.lse)
    lse_ = lse(t.lse);
  if (spec.varlen) {
    cu_seqlens_q_ = vector("cu_seqlens_q", t.cu_seqlens_q, Element::I32, {problem.batch + 1});
    cu_seqlens_k_ = vector("cu_seqlens_k", t.cu_seqlens_k, Element::I32, {problem.batch + 1});
  }
  if (spec.alibi == Alibi::PerHead)
    alibi_slopes_ = vector("alibi_slopes", t.alibi_slopes, Element::F32, {spec.q_heads});
  if (spec.alibi == Alibi::PerBatchHead)
    alibi_slopes_ = vector("alibi_slopes", t.alibi_slopes, Element::F32, {problem.batch, spec.q_heads});
  if (spec.sink)
    sink_ = vector("sink", t.sink, Element::F32, {spec.q_heads});
  if (spec.dtype == DType::E4M3) {
    const auto descale = [&](std::string_view name, const Tensor& of) {
      return vector(name, of, Element::F32, {problem.batch, spec.kv_heads});
    };
    q_descale_ = descale("q_descale", t.q_descale);
    k_descale_ = descale("k_descale", t.k_descale);
    v_descale_ = descale("v_descale", t.v_descale);
  }
  sq_ = static_cast<std::int32_t>(q_len_);
  sk_ = static_cast<std::int32_t>(kv_len_);
  scale_ = static_cast<float>(spec.scale ? *spec.scale : 1 / std::sqrt(static_cast<double>(spec.head_dim)));
}

std::int64_t Arguments::length(std::string_view name, const Tensor& t, std::int64_t most_positions) const {
  checkGiven(name, t);
  if (t.shape.size() != (spec_.varlen ? 3U : 4U))
    invalid(fmt::format("{} of shape ({})", name, fmt::join(t.shape, ", ")),
            spec_.varlen                   ? "a varlen tensor is (total, heads, head_dim)"
            : spec_.layout == Layout::Bhsd ? "it is (batch, heads, length, head_dim)"
                                           : "it is (batch, length, heads, head_dim)",
            "reshape it, or change the spec's layout");
  const std::int64_t positions = t.shape[spec_.varlen ? 0 : spec_.layout == Layout::Bhsd ? 2 : 1];
  if (positions < 0)
    invalid(fmt::format("{} of shape ({})", name, fmt::join(t.shape, ", ")), "no extent is negative",
            "give the tensor's shape");
  if (!spec_.varlen && positions > most_positions)
    invalid(fmt::format("{} with {} positions", name, positions),
            fmt::format("the plan was prepared for at most {}", most_positions), "prepare one for these lengths");
  return positions;
}

GlobalTensor Arguments::attention(std::string_view name, const Tensor& t, std::int64_t positions, int heads,
                                  int head_dim, bool output) const {
  checkGiven(name, t);
  checkElement(name, t, elementOf(output ? outputType(spec_.dtype) : spec_.dtype));
  const bool heads_first = spec_.layout == Layout::Bhsd;
  const Strides s = spec_.varlen  ? checkShape(name, t, {positions, heads, head_dim})
                    : heads_first ? checkShape(name, t, {problem_.batch, heads, positions, head_dim})
                                  : checkShape(name, t, {problem_.batch, positions, heads, head_dim});
  checkPlace(name, t, 16, device_);
  checkRows(name, t, s);
  if (output)
    checkDistinct(name, t, s);
  if (spec_.varlen)
    return {t.data, 0, s[0], s[1]};
  return {t.data, s[0], s[heads_first ? 2 : 1], s[heads_first ? 1 : 2]};
}

GlobalTensor Arguments::lse(const Tensor& t) const {
  checkGiven("lse", t);
  checkElement("lse", t, Element::F32);
  const Strides s = spec_.varlen ? checkShape("lse", t, {spec_.q_heads, q_len_})
                                 : checkShape("lse", t, {problem_.batch, spec_.q_heads, q_len_});
  checkPlace("lse", t, 4, device_);
  checkDistinct("lse", t, s);
  if (spec_.varlen)
    return {t.data, 0, s[1], s[0]};
  return {t.data, s[0], s[2], s[1]};
}

DevicePtr Arguments::vector(std::string_view name, const Tensor& t, Element element,
                            std::initializer_list<std::int64_t> shape) const {
  checkGiven(name, t);
  checkElement(name, t, element);
  const Strides s = checkShape(name, t, shape);
  checkPlace(name, t, 4, device_);
  if (s[shape.size() - 1] != 1 || (shape.size() == 2 && s[0] != t.shape[1]))
    invalid(fmt::format("{} with strides ({})", name, fmt::join(t.strides, ", ")), "it must be contiguous", "copy it");
  return t.data;
}

void Arguments::setWorkspace(DevicePtr o_partial, DevicePtr lse_partial) {
  // (split, batch, head, row) and, for varlen, (split, row, head): a chunk is `batch` more batch entries, or as
  // many more rows as Q has
  if (spec_.varlen) {
    o_partial_ = {o_partial, 0, std::int64_t{spec_.q_heads} * head_dim_v_, head_dim_v_};
    lse_partial_ = {lse_partial, 0, spec_.q_heads, 1};
  } else {
    o_partial_ = {o_partial, spec_.q_heads * q_len_ * head_dim_v_, head_dim_v_, q_len_ * head_dim_v_};
    lse_partial_ = {lse_partial, spec_.q_heads * q_len_, 1, q_len_};
  }
}

void Arguments::setSplits(int splits, std::int64_t split_tiles) {
  splits_ = splits;
  split_tiles_ = static_cast<std::int32_t>(split_tiles);
}

void Arguments::setPieces(const Schedule& schedule) {
  const std::int64_t group = schedule.pack_gqa ? spec_.q_heads / spec_.kv_heads : 1;
  const std::int64_t heads = spec_.q_heads / group * problem_.batch;
  q_tiles_ = static_cast<std::int32_t>((queries() * group + schedule.q_tile - 1) / schedule.q_tile);
  heads_ = static_cast<std::int32_t>(heads);
  // A section's keys and values take half of the L2, for Q, O and the next section pass through it too
  // (FlashAttention-3, hopper/tile_scheduler.hpp); q heads of one group share theirs. All sections have as many heads.
  const std::int64_t length = spec_.varlen ? problem_.kv_len : kv_len_;
  const std::int64_t of_element = static_cast<std::int64_t>(bytesOf(elementOf(spec_.dtype)));
  const std::int64_t bytes = std::max<std::int64_t>(length * (spec_.head_dim + head_dim_v_) * of_element, 1);
  const std::int64_t half = static_cast<std::int64_t>(device_.properties().l2_bytes) / 2;
  const std::int64_t sharing = spec_.q_heads / spec_.kv_heads / group, kv_heads = spec_.kv_heads * problem_.batch;
  const std::int64_t most_together = std::clamp<std::int64_t>(half / bytes, 1, std::max<std::int64_t>(kv_heads, 1));
  std::int64_t together = 1; // the largest divisor of kv_heads that is no more: divisors come in pairs
  for (std::int64_t n = 1; n * n <= kv_heads; ++n)
    if (kv_heads % n == 0)
      for (const std::int64_t divisor : {n, kv_heads / n})
        if (divisor <= most_together)
          together = std::max(together, divisor);
  section_ = static_cast<std::int32_t>(together * sharing);
}

std::span<void* const> Arguments::of(std::span<const BoundParameter> parameters) {
  map_count_ = 0;
  std::size_t count = 0;
  for (const BoundParameter& parameter : parameters)
    pointers_[count++] = parameter.box_rows ? map(parameter) : address(parameter.value);
  return {pointers_.data(), count};
}

void* Arguments::address(Value value) {
  switch (value) {
  case Value::Q:
    return &q_;
  case Value::K:
    return &k_;
  case Value::V:
    return &v_;
  case Value::O:
    return &o_;
  case Value::Lse:
    return &lse_;
  case Value::OPartial:
    return &o_partial_;
  case Value::LsePartial:
    return &lse_partial_;
  case Value::CuSeqlensQ:
    return &cu_seqlens_q_;
  case Value::CuSeqlensK:
    return &cu_seqlens_k_;
  case Value::AlibiSlopes:
    return &alibi_slopes_;
  case Value::Sink:
    return &sink_;
  case Value::QDescale:
    return &q_descale_;
  case Value::KDescale:
    return &k_descale_;
  case Value::VDescale:
    return &v_descale_;
  case Value::Sq:
    return &sq_;
  case Value::Sk:
    return &sk_;
  case Value::Scale:
    return &scale_;
  case Value::Splits:
    return &splits_;
  case Value::SplitTiles:
    return &split_tiles_;
  case Value::QTiles:
    return &q_tiles_;
  case Value::Heads:
    return &heads_;
  case Value::Section:
    return &section_;
  }
  return nullptr;
}

/// (head_dim, length, heads, batch) in boxes of rows x columns of one head, as gl's coordinates are.
void* Arguments::map(const BoundParameter& p) {
  const GlobalTensor& t = p.value == Value::Q ? q_ : p.value == Value::K ? k_ : p.value == Value::V ? v_ : o_;
  const int head_dim = p.value == Value::V || p.value == Value::O ? head_dim_v_ : spec_.head_dim;
  const bool of_queries = p.value == Value::Q || p.value == Value::O;
  const std::int64_t positions = of_queries ? q_len_ : kv_len_;
  // No extent may be zero. Of keys there may be none: then nothing of the box is visible, and any address will do.
  const DevicePtr data = positions > 0 ? t.data : p.value == Value::V ? o_.data : q_.data;
  const std::int64_t extents[] = {positions > 0 ? positions : 1, of_queries ? spec_.q_heads : spec_.kv_heads,
                                  spec_.varlen ? 1 : problem_.batch};
  const std::int64_t strides[] = {t.row, t.head, t.batch};
  const Element element = elementOf(p.value == Value::O ? outputType(spec_.dtype) : spec_.dtype);
  TiledTensor tiled{.element = element,
                    .data = data,
                    .rank = 4,
                    .dims = {static_cast<std::uint64_t>(head_dim)},
                    .box = {static_cast<std::uint32_t>(p.box_columns), static_cast<std::uint32_t>(p.box_rows), 1, 1}};
  for (std::size_t n = 0; n < 3; ++n) {
    tiled.dims[n + 1] = static_cast<std::uint64_t>(extents[n]);
    // where there is one only, its stride may be anything, which a tensor map does not take
    tiled.strides[n] = static_cast<std::uint64_t>(extents[n] > 1 ? strides[n] : head_dim) * bytesOf(element);
  }
  const std::size_t width = static_cast<std::size_t>(p.box_columns) * bytesOf(element);
  tiled.swizzle = width == 128  ? Swizzle::Bytes128
                  : width == 64 ? Swizzle::Bytes64
                  : width == 32 ? Swizzle::Bytes32
                                : Swizzle::None;
  TensorMap& map = maps_[map_count_++];
  map = device_.encode(tiled);
  return map.bytes.data();
}

void checkOffsets(std::string_view name, std::span<const std::int32_t> offsets, std::int64_t total) {
  if (offsets.empty())
    invalid(fmt::format("{} without entries", name), "there is one more than there are sequences", "begin with 0");
  if (offsets.front() != 0)
    invalid(fmt::format("{}[0] = {}", name, offsets.front()), "offsets start at 0", "prepend 0");
  for (std::size_t n = 1; n < offsets.size(); ++n)
    if (offsets[n] < offsets[n - 1])
      invalid(fmt::format("{}[{}] = {} after {}", name, n, offsets[n], offsets[n - 1]),
              "offsets never decrease: sequences may be empty, not negative", "give the running sum of the lengths");
  if (offsets.back() != total)
    invalid(fmt::format("{} ends at {}", name, offsets.back()),
            fmt::format("its last entry is the number of rows, {}", total), "give the running sum of the lengths");
}

} // namespace attune
