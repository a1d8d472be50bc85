#include "autotune/measure/Inputs.h"

#include "runtime/support/Elements.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <span>

namespace attune::autotune {

namespace {

std::int64_t count(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::int64_t totalKeys(const Problem& problem) { return problem.batch * problem.kv_len; }

/// Normally distributed values of a type: a prime number of them, so that rows do not repeat.
template <DType Type>
const std::vector<std::byte>& pattern() {
  static const auto values = [] {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    constexpr std::size_t bytes = attune::bytesOf(elementOf(Type));
    std::vector<std::byte> some(4194301 * bytes);
    for (std::size_t at = 0; at < some.size(); at += bytes)
      writeElement(Type, &some[at], normal(random));
    return some;
  }();
  return values;
}
const std::vector<std::byte>& pattern(DType dtype) {
  return dtype == DType::E4M3   ? pattern<DType::E4M3>()
         : dtype == DType::BF16 ? pattern<DType::BF16>()
                                : pattern<DType::F16>();
}

std::vector<std::int32_t> equalParts(std::int64_t batch, std::int64_t total) {
  std::vector<std::int32_t> offsets(static_cast<std::size_t>(batch) + 1);
  for (std::size_t b = 0; b < offsets.size(); ++b)
    offsets[b] = static_cast<std::int32_t>(total * static_cast<std::int64_t>(b) / std::max<std::int64_t>(batch, 1));
  return offsets;
}

} // namespace

std::size_t bytesOf(const AttentionSpec& spec, const Problem& problem) {
  const std::int64_t head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const std::int64_t rows = spec.varlen ? problem.q_total : problem.batch * problem.q_len;
  const auto in = static_cast<std::int64_t>(attune::bytesOf(elementOf(spec.dtype)));
  return static_cast<std::size_t>(
      in * (spec.head_dim * rows * spec.q_heads + (spec.head_dim + head_dim_v) * totalKeys(problem) * spec.kv_heads) +
      2 * head_dim_v * rows * spec.q_heads);
}

Inputs::Inputs(std::shared_ptr<Device> device, const AttentionSpec& spec, const Problem& problem,
               const reference::Lengths* lengths)
    : device_(std::move(device)) {
  const std::int64_t head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const std::int64_t keys = lengths ? lengths->cu_seqlens_k.back() : totalKeys(problem);
  const auto shape = [&](std::int64_t total, std::int64_t length, std::int64_t heads, std::int64_t dim) {
    if (spec.varlen)
      return std::vector<std::int64_t>{total, heads, dim};
    if (spec.layout == Layout::Bhsd)
      return std::vector<std::int64_t>{problem.batch, heads, length, dim};
    return std::vector<std::int64_t>{problem.batch, length, heads, dim};
  };
  tensors_.q = values(spec.dtype, shape(problem.q_total, problem.q_len, spec.q_heads, spec.head_dim), "q");
  tensors_.k = values(spec.dtype, shape(keys, problem.kv_len, spec.kv_heads, spec.head_dim), "k");
  tensors_.v = values(spec.dtype, shape(keys, problem.kv_len, spec.kv_heads, head_dim_v), "v");
  tensors_.o = values(outputType(spec.dtype), shape(problem.q_total, problem.q_len, spec.q_heads, head_dim_v), "o");
  if (spec.lse)
    tensors_.lse = floats(spec.varlen ? std::vector<std::int64_t>{spec.q_heads, problem.q_total}
                                      : std::vector<std::int64_t>{problem.batch, spec.q_heads, problem.q_len},
                          "lse");
  if (spec.varlen) {
    tensors_.cu_seqlens_q =
        offsets(lengths ? lengths->cu_seqlens_q : equalParts(problem.batch, problem.q_total), "cu_seqlens_q");
    tensors_.cu_seqlens_k = offsets(lengths ? lengths->cu_seqlens_k : equalParts(problem.batch, keys), "cu_seqlens_k");
  }
  if (spec.alibi == Alibi::PerHead)
    tensors_.alibi_slopes = floats({spec.q_heads}, "alibi_slopes");
  if (spec.alibi == Alibi::PerBatchHead)
    tensors_.alibi_slopes = floats({problem.batch, spec.q_heads}, "alibi_slopes");
  if (spec.sink)
    tensors_.sink = floats({spec.q_heads}, "sink");
  if (spec.dtype == DType::E4M3) {
    tensors_.q_descale = floats({problem.batch, spec.kv_heads}, "q_descale");
    tensors_.k_descale = floats({problem.batch, spec.kv_heads}, "k_descale");
    tensors_.v_descale = floats({problem.batch, spec.kv_heads}, "v_descale");
  }
}

Tensor Inputs::values(DType dtype, std::vector<std::int64_t> shape, const char* name) {
  const std::span<const std::byte> bytes = pattern(dtype);
  buffers_.push_back(std::make_unique<Buffer>(device_, elementOf(dtype), std::move(shape), name));
  const Tensor& tensor = buffers_.back()->tensor();
  for (std::size_t at = 0, end = buffers_.back()->bytes(); at < end; at += bytes.size()) // no second copy on the host
    device_->copyToDevice(tensor.data + at, bytes.first(std::min(bytes.size(), end - at)));
  return tensor;
}

Tensor Inputs::floats(std::vector<std::int64_t> shape, const char* name) {
  const std::vector<float> host(static_cast<std::size_t>(count(shape)), 0.1f);
  buffers_.push_back(
      std::make_unique<Buffer>(device_, Element::F32, std::move(shape), std::as_bytes(std::span(host)), name));
  return buffers_.back()->tensor();
}

Tensor Inputs::offsets(const std::vector<std::int32_t>& host, const char* name) {
  buffers_.push_back(std::make_unique<Buffer>(device_, Element::I32,
                                              std::vector<std::int64_t>{static_cast<std::int64_t>(host.size())},
                                              std::as_bytes(std::span(host)), name));
  return buffers_.back()->tensor();
}

} // namespace attune::autotune
