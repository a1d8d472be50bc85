#include "autotune/measure/Inputs.h"

#include "runtime/reference/Random.h"
#include "runtime/support/Elements.h"

#include <algorithm>
#include <map>
#include <span>
#include <tuple>

namespace attune::autotune {

namespace {

std::int64_t totalKeys(const Problem& problem) { return problem.batch * problem.kv_len; }

/// The first `size` elements of a stream, or its whole period. Kept: a device that is timed wants them many times.
std::span<const std::byte> period(DType dtype, std::uint64_t seed, const std::string& name, float factor,
                                  std::size_t size) {
  static std::map<std::tuple<DType, std::uint64_t, std::string, float>, std::vector<std::byte>> kept;
  std::vector<std::byte>& bytes = kept[{dtype, seed, name, factor}];
  const std::size_t element = attune::bytesOf(elementOf(dtype));
  size = std::min<std::size_t>(size, reference::RandomStream::period);
  std::size_t n = bytes.size() / element;
  bytes.resize(std::max(bytes.size(), size * element));
  for (const reference::RandomStream stream(seed, name); n < size; ++n)
    writeElement(dtype, &bytes[n * element], stream.normal(n) * factor);
  return std::span(bytes).first(size * element);
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

std::size_t coldSets(std::size_t bytes, const DeviceProperties& device) {
  bytes = std::max<std::size_t>(bytes, 1);
  return std::clamp<std::size_t>(std::min(3 * device.l2_bytes / bytes + 1, device.memory_bytes / 4 / bytes), 1, 4096);
}

Inputs::Inputs(std::shared_ptr<Device> device, const AttentionSpec& spec, const Problem& problem,
               const reference::Lengths* lengths, std::uint64_t seed)
    : device_(std::move(device)), seed_(seed) {
  const std::int64_t head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const std::int64_t keys = lengths ? lengths->cu_seqlens_k.back() : totalKeys(problem);
  const auto shape = [&](std::int64_t total, std::int64_t length, std::int64_t heads, std::int64_t dim) {
    if (spec.varlen)
      return std::vector<std::int64_t>{total, heads, dim};
    if (spec.layout == Layout::Bhsd)
      return std::vector<std::int64_t>{problem.batch, heads, length, dim};
    return std::vector<std::int64_t>{problem.batch, length, heads, dim};
  };
  tensors_.q = values(spec.dtype, shape(problem.q_total, problem.q_len, spec.q_heads, spec.head_dim), "q",
                      reference::scaleOfQ(spec));
  tensors_.k = values(spec.dtype, shape(keys, problem.kv_len, spec.kv_heads, spec.head_dim), "k", 1);
  tensors_.v = values(spec.dtype, shape(keys, problem.kv_len, spec.kv_heads, head_dim_v), "v", 1);
  tensors_.o =
      empty(elementOf(outputType(spec.dtype)), shape(problem.q_total, problem.q_len, spec.q_heads, head_dim_v), "o");
  if (spec.lse)
    tensors_.lse = empty(Element::F32,
                         spec.varlen ? std::vector<std::int64_t>{spec.q_heads, problem.q_total}
                                     : std::vector<std::int64_t>{problem.batch, spec.q_heads, problem.q_len},
                         "lse");
  if (spec.varlen) {
    tensors_.cu_seqlens_q =
        offsets(lengths ? lengths->cu_seqlens_q : equalParts(problem.batch, problem.q_total), "cu_seqlens_q");
    tensors_.cu_seqlens_k = offsets(lengths ? lengths->cu_seqlens_k : equalParts(problem.batch, keys), "cu_seqlens_k");
  }
  const auto batch = static_cast<int>(problem.batch);
  const reference::Tensors host =
      reference::randomTensors(spec, reference::Lengths::dense(batch, 0, 0), seed); // what has no rows
  if (spec.alibi != Alibi::None)
    tensors_.alibi_slopes = floats(host.alibi_slopes,
                                   spec.alibi == Alibi::PerHead ? std::vector<std::int64_t>{spec.q_heads}
                                                                : std::vector<std::int64_t>{batch, spec.q_heads},
                                   "alibi_slopes");
  if (spec.sink)
    tensors_.sink = floats(host.sink, {spec.q_heads}, "sink");
  if (spec.dtype == DType::E4M3) {
    tensors_.q_descale = floats(host.q_descale, {batch, spec.kv_heads}, "q_descale");
    tensors_.k_descale = floats(host.k_descale, {batch, spec.kv_heads}, "k_descale");
    tensors_.v_descale = floats(host.v_descale, {batch, spec.kv_heads}, "v_descale");
  }
}

Tensor Inputs::empty(Element element, std::vector<std::int64_t> shape, const char* name) {
  buffers_.push_back(std::make_unique<Buffer>(device_, element, std::move(shape), name));
  return buffers_.back()->tensor();
}

Tensor Inputs::values(DType dtype, std::vector<std::int64_t> shape, const char* name, float factor) {
  const Tensor tensor = empty(elementOf(dtype), std::move(shape), name);
  const std::size_t end = buffers_.back()->bytes();
  const std::span<const std::byte> bytes = period(dtype, seed_, name, factor, end / attune::bytesOf(tensor.element));
  for (std::size_t at = 0; at < end; at += bytes.size()) // no second copy on the host
    device_->copyToDevice(tensor.data + at, bytes.first(std::min(bytes.size(), end - at)));
  return tensor;
}

Tensor Inputs::floats(const std::vector<float>& host, std::vector<std::int64_t> shape, const char* name) {
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
