#include "runtime/reference/DeviceTensors.h"

#include "runtime/support/Elements.h"

#include <algorithm>
#include <limits>

namespace attune::reference {

namespace {

constexpr std::byte nan_byte{0xff}; // an element of such bytes is NaN in every format

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
  Placed q = place(spec.dtype, lengths.cu_seqlens_q, spec.q_heads, spec.head_dim),
         k = place(spec.dtype, lengths.cu_seqlens_k, spec.kv_heads, spec.head_dim),
         v = place(spec.dtype, lengths.cu_seqlens_k, spec.kv_heads, head_dim_v);
  tensors_.q = upload(q, host.q, spec.head_dim, "q");
  tensors_.k = upload(k, host.k, spec.head_dim, "k");
  tensors_.v = upload(v, host.v, head_dim_v, "v");
  o_ = place(outputType(spec.dtype), lengths.cu_seqlens_q, spec.q_heads, head_dim_v);
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
  if (spec.dtype == DType::E4M3) {
    tensors_.q_descale = upload(host.q_descale, {lengths.batch(), spec.kv_heads}, "q_descale");
    tensors_.k_descale = upload(host.k_descale, {lengths.batch(), spec.kv_heads}, "k_descale");
    tensors_.v_descale = upload(host.v_descale, {lengths.batch(), spec.kv_heads}, "v_descale");
  }
}

DeviceTensors::Placed DeviceTensors::place(DType dtype, const std::vector<std::int32_t>& offsets, int heads,
                                           int head_dim) const {
  const std::int64_t batch = static_cast<std::int64_t>(offsets.size()) - 1, total = offsets.back();
  const std::int64_t length = spec_.varlen || batch == 0 ? total : offsets[1];
  const bool strided = spec_.layout == Layout::Strided; // gaps are multiples of 16 bytes, as kernels want strides
  const std::int64_t gap = strided ? static_cast<std::int64_t>(16 / bytesOf(elementOf(dtype))) : 0;
  std::int64_t head = head_dim + gap, row = heads * head + 2 * gap, sequence = length * row + 3 * gap;
  std::vector<std::int64_t> shape{batch, length, heads, head_dim}, strides{sequence, row, head, 1};
  if (spec_.varlen) {
    shape = {total, heads, head_dim}, strides = {row, head, 1};
  } else if (spec_.layout == Layout::Bhsd) {
    row = head_dim, head = length * row, sequence = heads * head;
    shape = {batch, heads, length, head_dim}, strides = {sequence, head, row, 1};
  }
  Placed placed{.dtype = dtype};
  placed.tensor = {.data = 0, .element = elementOf(dtype), .shape = shape, .strides = strides};
  std::size_t end = 8; // an empty tensor has an address too
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t i = offsets[b]; i < offsets[b + 1]; ++i)
      for (int h = 0; h < heads; ++h) {
        placed.at.push_back((spec_.varlen ? i * row : b * sequence + (i - offsets[b]) * row) + h * head);
        end = std::max(end, placed.at.back() + head_dim);
      }
  placed.bytes.assign(end * bytesOf(elementOf(dtype)), nan_byte);
  return placed;
}

Tensor DeviceTensors::upload(Placed& placed, const std::vector<float>& packed, int head_dim, const char* name) {
  for (std::size_t i = 0; i < packed.size(); ++i)
    writeElement(placed.dtype, &placed.bytes[placed.byteOf(i, head_dim)], packed[i]);
  Tensor tensor = placed.tensor;
  const Element element = tensor.element;
  const auto elements = static_cast<std::int64_t>(placed.bytes.size() / bytesOf(element));
  buffers_.push_back(std::make_unique<Buffer>(device_, element, std::vector{elements}, std::span(placed.bytes), name));
  tensor.data = buffers_.back()->tensor().data;
  return tensor;
}

template <class T>
Tensor DeviceTensors::upload(const std::vector<T>& values, std::vector<std::int64_t> shape, const char* name) {
  const Element element = std::is_same_v<T, float> ? Element::F32 : Element::I32;
  buffers_.push_back(std::make_unique<Buffer>(device_, element, std::move(shape), bytesOf(values), name));
  return *buffers_.back();
}

std::vector<std::byte> DeviceTensors::downloadO() const {
  std::vector<std::byte> bytes(o_.bytes.size());
  o_buffer_->copyTo(bytes);
  return bytes;
}

std::vector<float> DeviceTensors::o() const {
  const std::vector<std::byte> bytes = downloadO();
  const int head_dim = static_cast<int>(o_.tensor.shape.back());
  std::vector<float> packed(o_.at.size() * head_dim);
  for (std::size_t i = 0; i < packed.size(); ++i)
    packed[i] = readElement(o_.dtype, &bytes[o_.byteOf(i, head_dim)]);
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
  std::vector<std::byte> bytes = downloadO();
  const auto row = static_cast<std::size_t>(o_.tensor.shape.back());
  for (std::size_t i = 0; i < o_.at.size(); ++i)
    std::fill_n(&bytes[o_.byteOf(i * row, static_cast<int>(row))], row * bytesOf(o_.tensor.element), nan_byte);
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == nan_byte; });
}

} // namespace attune::reference
