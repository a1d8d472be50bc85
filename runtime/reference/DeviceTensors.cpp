#include "runtime/reference/DeviceTensors.h"

#include "runtime/support/Half.h"

#include <algorithm>
#include <limits>

namespace attune::reference {

namespace {

constexpr std::uint16_t nan_bits = 0x7fff; // in both formats

Element elementOf(DType dtype) { return dtype == DType::BF16 ? Element::BF16 : Element::F16; }

template <class T>
std::span<const std::byte> bytesOf(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

} // namespace

Problem problemOf(const Lengths& lengths) {
  Problem problem{.batch = lengths.batch(), .q_total = lengths.cu_seqlens_q.back()};
  for (int b = 0; b < lengths.batch(); ++b) {
    problem.q_len = std::max<std::int64_t>(problem.q_len, lengths.sq(b));
    problem.kv_len = std::max<std::int64_t>(problem.kv_len, lengths.sk(b));
  }
  return problem;
}

DeviceTensors::DeviceTensors(std::shared_ptr<Device> device, const AttentionSpec& spec, const Lengths& lengths,
                             const Tensors& host)
    : device_(std::move(device)), spec_(spec) {
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  Placed q = place(lengths.cu_seqlens_q, spec.q_heads, spec.head_dim),
         k = place(lengths.cu_seqlens_k, spec.kv_heads, spec.head_dim),
         v = place(lengths.cu_seqlens_k, spec.kv_heads, head_dim_v);
  tensors_.q = upload(q, host.q, spec.head_dim, "q");
  tensors_.k = upload(k, host.k, spec.head_dim, "k");
  tensors_.v = upload(v, host.v, head_dim_v, "v");
  o_ = place(lengths.cu_seqlens_q, spec.q_heads, head_dim_v);
  tensors_.o = upload(o_, {}, head_dim_v, "o");
  o_buffer_ = buffers_.back().get();
  if (spec.lse) {
    const std::int64_t total = lengths.cu_seqlens_q.back(), batch = lengths.batch();
    std::vector<std::int64_t> shape{batch, spec.q_heads, total / std::max<std::int64_t>(batch, 1)};
    if (spec.varlen)
      shape = {spec.q_heads, total};
    tensors_.lse =
        upload(std::vector<float>(total * spec.q_heads, std::numeric_limits<float>::quiet_NaN()), shape, "lse");
    lse_buffer_ = buffers_.back().get();
  }
  if (spec.varlen) {
    tensors_.cu_seqlens_q = upload(lengths.cu_seqlens_q, {lengths.batch() + 1}, "cu_seqlens_q");
    tensors_.cu_seqlens_k = upload(lengths.cu_seqlens_k, {lengths.batch() + 1}, "cu_seqlens_k");
  }
  if (spec.alibi == Alibi::PerHead)
    tensors_.alibi_slopes = upload(host.alibi_slopes, {spec.q_heads}, "alibi_slopes");
  if (spec.alibi == Alibi::PerBatchHead)
    tensors_.alibi_slopes = upload(host.alibi_slopes, {lengths.batch(), spec.q_heads}, "alibi_slopes");
  if (spec.sink)
    tensors_.sink = upload(host.sink, {spec.q_heads}, "sink");
}

DeviceTensors::Placed DeviceTensors::place(const std::vector<std::int32_t>& offsets, int heads, int head_dim) const {
  const std::int64_t batch = static_cast<std::int64_t>(offsets.size()) - 1, total = offsets.back();
  const std::int64_t length = spec_.varlen || batch == 0 ? total : offsets[1];
  const bool strided = spec_.layout == Layout::Strided; // gaps are multiples of 16 bytes, as kernels want strides
  std::int64_t head = head_dim + (strided ? 8 : 0), row = heads * head + (strided ? 16 : 0),
               sequence = length * row + (strided ? 24 : 0);
  std::vector<std::int64_t> shape{batch, length, heads, head_dim}, strides{sequence, row, head, 1};
  if (spec_.varlen) {
    shape = {total, heads, head_dim}, strides = {row, head, 1};
  } else if (spec_.layout == Layout::Bhsd) {
    row = head_dim, head = length * row, sequence = heads * head;
    shape = {batch, heads, length, head_dim}, strides = {sequence, head, row, 1};
  }
  Placed placed;
  placed.tensor = {.data = 0, .element = elementOf(spec_.dtype), .shape = shape, .strides = strides};
  std::size_t end = 8; // an empty tensor has an address too
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t i = offsets[b]; i < offsets[b + 1]; ++i)
      for (int h = 0; h < heads; ++h) {
        placed.at.push_back((spec_.varlen ? i * row : b * sequence + (i - offsets[b]) * row) + h * head);
        end = std::max(end, placed.at.back() + head_dim);
      }
  placed.elements.assign(end, nan_bits);
  return placed;
}

Tensor DeviceTensors::upload(Placed& placed, const std::vector<float>& packed, int head_dim, const char* name) {
  for (std::size_t i = 0; i < packed.size(); ++i)
    placed.elements[placed.at[i / head_dim] + i % head_dim] = toHalf(spec_.dtype, packed[i]);
  Tensor tensor = placed.tensor;
  tensor.data = upload(placed.elements, {static_cast<std::int64_t>(placed.elements.size())}, name).data;
  return tensor;
}

template <class T>
Tensor DeviceTensors::upload(const std::vector<T>& values, std::vector<std::int64_t> shape, const char* name) {
  const Element element = sizeof(T) == 2             ? elementOf(spec_.dtype)
                          : std::is_same_v<T, float> ? Element::F32
                                                     : Element::I32;
  buffers_.push_back(std::make_unique<Buffer>(device_, element, std::move(shape), bytesOf(values), name));
  return *buffers_.back();
}

std::vector<std::uint16_t> DeviceTensors::downloadO() const {
  std::vector<std::uint16_t> elements(o_.elements.size());
  o_buffer_->copyTo(std::as_writable_bytes(std::span(elements)));
  return elements;
}

std::vector<float> DeviceTensors::o() const {
  const std::vector<std::uint16_t> elements = downloadO();
  const int head_dim = static_cast<int>(o_.tensor.shape.back());
  std::vector<float> packed(o_.at.size() * head_dim);
  for (std::size_t i = 0; i < packed.size(); ++i)
    packed[i] = fromHalf(spec_.dtype, elements[o_.at[i / head_dim] + i % head_dim]);
  return packed;
}

std::vector<float> DeviceTensors::lse() const {
  if (!lse_buffer_)
    return {};
  std::vector<float> values(lse_buffer_->bytes() / sizeof(float));
  lse_buffer_->copyTo(std::as_writable_bytes(std::span(values)));
  return values;
}

bool DeviceTensors::gapsUntouched() const {
  std::vector<std::uint16_t> elements = downloadO();
  for (const std::size_t at : o_.at)
    std::fill_n(elements.begin() + static_cast<std::ptrdiff_t>(at), o_.tensor.shape.back(), nan_bits);
  return std::all_of(elements.begin(), elements.end(), [](std::uint16_t bits) { return bits == nan_bits; });
}

} // namespace attune::reference
