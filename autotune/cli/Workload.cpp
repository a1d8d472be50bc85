#include "autotune/cli/Workload.h"

#include "attune/attune.hpp"
#include "runtime/io/Safetensors.h"
#include "runtime/reference/Random.h"
#include "runtime/support/Elements.h"

#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace attune::cli {

namespace {

const char* storedName(DType dtype) { return dtype == DType::E4M3 ? "F8_E4M3" : dtype == DType::BF16 ? "BF16" : "F16"; }

[[noreturn]] void invalid(const StoredTensor& tensor, const std::string& rule, const std::string& remedy) {
  throw UserError(UserError::Kind::Invalid,
                  fmt::format("tensor '{}' ({}, shape ({}))", tensor.name, tensor.dtype, fmt::join(tensor.shape, ", ")),
                  rule, remedy);
}

/// Q, K, V or O as a file has it: where batch, length and heads are.
struct FileShape {
  std::int64_t batch, length;
};

/// Row (b, i, h) of a contiguous file tensor.
std::size_t fileRow(const AttentionSpec& spec, const FileShape& shape, int heads, std::int64_t b, std::int64_t i,
                    int h) {
  if (spec.layout == Layout::Bhsd && !spec.varlen)
    return (b * heads + h) * shape.length + i;
  return (b * shape.length + i) * heads + h;
}

const StoredTensor& checked(const SafetensorsFile& file, const AttentionSpec& spec, const char* name, int heads,
                            int head_dim, FileShape& shape) {
  const StoredTensor& tensor = file.at(name);
  if (tensor.dtype != storedName(spec.dtype))
    invalid(tensor, fmt::format("the spec's dtype is {}", storedName(spec.dtype)),
            "convert the tensor or change the spec");
  const bool bhsd = spec.layout == Layout::Bhsd && !spec.varlen;
  const std::size_t rank = spec.varlen ? 3 : 4, head_axis = bhsd ? 1 : rank - 2;
  const std::string wanted = spec.varlen ? fmt::format("(total, {}, {})", heads, head_dim)
                             : bhsd      ? fmt::format("(batch, {}, length, {})", heads, head_dim)
                                         : fmt::format("(batch, length, {}, {})", heads, head_dim);
  if (tensor.shape.size() != rank || tensor.shape[head_axis] != heads || tensor.shape[rank - 1] != head_dim)
    invalid(tensor, fmt::format("the spec wants {}", wanted),
            "reshape the tensor or change heads, head dims or layout of the spec");
  shape = {spec.varlen ? 1 : tensor.shape[0], spec.varlen ? tensor.shape[0] : tensor.shape[bhsd ? 2 : 1]};
  if (shape.batch * shape.length > std::int64_t{1} << 30)
    invalid(tensor, "it has more than 2^30 rows", "run fewer sequences at once");
  return tensor;
}

std::vector<float> packed(const AttentionSpec& spec, const StoredTensor& tensor, const FileShape& shape, int heads,
                          int head_dim) {
  const std::size_t bytes = bytesOf(elementOf(spec.dtype));
  std::vector<float> values(tensor.bytes.size() / bytes);
  std::size_t at = 0;
  for (std::int64_t b = 0; b < shape.batch; ++b)
    for (std::int64_t i = 0; i < shape.length; ++i)
      for (int h = 0; h < heads; ++h) {
        const std::size_t row = fileRow(spec, shape, heads, b, i, h) * head_dim;
        for (int c = 0; c < head_dim; ++c)
          values[at++] = readElement(spec.dtype, tensor.bytes.data() + (row + c) * bytes);
      }
  return values;
}

template <class T>
std::vector<T> plain(const SafetensorsFile& file, const char* name, const char* dtype,
                     const std::vector<std::int64_t>& shape) {
  const StoredTensor& tensor = file.at(name);
  if (tensor.dtype != dtype || (!shape.empty() && tensor.shape != shape) || tensor.shape.empty())
    invalid(tensor,
            shape.empty() ? fmt::format("it must be a list of {}", dtype)
                          : fmt::format("it must be {} of shape ({})", dtype, fmt::join(shape, ", ")),
            "write it so");
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

reference::Lengths offsets(const SafetensorsFile& file, const FileShape& q, const FileShape& k) {
  reference::Lengths lengths{plain<std::int32_t>(file, "cu_seqlens_q", "I32", {}),
                             plain<std::int32_t>(file, "cu_seqlens_k", "I32", {})};
  checkOffsets("cu_seqlens_q", lengths.cu_seqlens_q, q.length);
  checkOffsets("cu_seqlens_k", lengths.cu_seqlens_k, k.length);
  if (lengths.cu_seqlens_q.size() != lengths.cu_seqlens_k.size())
    invalid(file.at("cu_seqlens_k"),
            fmt::format("cu_seqlens_q has {} entries, and both are batch + 1", lengths.cu_seqlens_q.size()),
            "give both one entry per sequence and the total");
  return lengths;
}

} // namespace

Workload randomWorkload(const AttentionSpec& spec, const Shape& shape, std::uint64_t seed) {
  Workload workload{.spec = spec, .lengths = reference::Lengths::dense(shape.batch, shape.q_len, shape.kv_len)};
  for (int b = 0; spec.varlen && b < shape.batch; ++b) {
    workload.lengths.cu_seqlens_q[b + 1] = workload.lengths.cu_seqlens_q[b] + shape.q_len * (b + 1) / shape.batch;
    workload.lengths.cu_seqlens_k[b + 1] = workload.lengths.cu_seqlens_k[b] + shape.kv_len * (b + 1) / shape.batch;
  }
  workload.tensors = reference::randomTensors(spec, workload.lengths, seed);
  return workload;
}

Workload loadWorkload(const AttentionSpec& spec, const std::filesystem::path& path) {
  const SafetensorsFile file = SafetensorsFile::read(path);
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  FileShape q_shape{}, k_shape{}, v_shape{};
  const StoredTensor& q = checked(file, spec, "q", spec.q_heads, spec.head_dim, q_shape);
  const StoredTensor& k = checked(file, spec, "k", spec.kv_heads, spec.head_dim, k_shape);
  const StoredTensor& v = checked(file, spec, "v", spec.kv_heads, head_dim_v, v_shape);
  if (k_shape.batch != q_shape.batch)
    invalid(k, fmt::format("q has batch {}", q_shape.batch), "give all tensors the same batch");
  if (v_shape.batch != k_shape.batch || v_shape.length != k_shape.length)
    invalid(v, fmt::format("k has batch {} and length {}", k_shape.batch, k_shape.length),
            "give k and v the same batch and length");

  Workload workload{.spec = spec};
  workload.lengths = spec.varlen
                         ? offsets(file, q_shape, k_shape)
                         : reference::Lengths::dense(static_cast<int>(q_shape.batch), static_cast<int>(q_shape.length),
                                                     static_cast<int>(k_shape.length));
  workload.tensors.q = packed(spec, q, q_shape, spec.q_heads, spec.head_dim);
  workload.tensors.k = packed(spec, k, k_shape, spec.kv_heads, spec.head_dim);
  workload.tensors.v = packed(spec, v, v_shape, spec.kv_heads, head_dim_v);
  if (spec.alibi == Alibi::PerHead)
    workload.tensors.alibi_slopes = plain<float>(file, "alibi_slopes", "F32", {spec.q_heads});
  if (spec.alibi == Alibi::PerBatchHead)
    workload.tensors.alibi_slopes = plain<float>(file, "alibi_slopes", "F32", {workload.lengths.batch(), spec.q_heads});
  if (spec.sink)
    workload.tensors.sink = plain<float>(file, "sink", "F32", {spec.q_heads});
  if (spec.dtype == DType::E4M3) {
    const std::vector<std::int64_t> shape_of_descales{workload.lengths.batch(), spec.kv_heads};
    workload.tensors.q_descale = plain<float>(file, "q_descale", "F32", shape_of_descales);
    workload.tensors.k_descale = plain<float>(file, "k_descale", "F32", shape_of_descales);
    workload.tensors.v_descale = plain<float>(file, "v_descale", "F32", shape_of_descales);
  }
  return workload;
}

void saveResult(const Workload& workload, const std::vector<float>& o, const std::vector<float>& lse,
                const std::filesystem::path& path) {
  const AttentionSpec& spec = workload.spec;
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const std::int64_t total = workload.lengths.cu_seqlens_q.back(), batch = workload.lengths.batch();
  const FileShape shape{spec.varlen ? 1 : batch, spec.varlen ? total : total / std::max<std::int64_t>(batch, 1)};
  const DType dtype = outputType(spec.dtype);
  std::vector<std::byte> elements(o.size() * bytesOf(elementOf(dtype)));
  std::size_t at = 0;
  for (std::int64_t b = 0; b < shape.batch; ++b)
    for (std::int64_t i = 0; i < shape.length; ++i)
      for (int h = 0; h < spec.q_heads; ++h)
        for (int c = 0; c < head_dim_v; ++c)
          writeElement(
              dtype,
              &elements[(fileRow(spec, shape, spec.q_heads, b, i, h) * head_dim_v + c) * bytesOf(elementOf(dtype))],
              o[at++]);
  std::vector<std::int64_t> o_shape{shape.batch, shape.length, spec.q_heads, head_dim_v},
      lse_shape{batch, spec.q_heads, shape.length};
  if (spec.varlen)
    o_shape = {total, spec.q_heads, head_dim_v}, lse_shape = {spec.q_heads, total};
  else if (spec.layout == Layout::Bhsd)
    o_shape = {shape.batch, spec.q_heads, shape.length, head_dim_v};
  std::vector<StoredTensor> tensors{{"o", storedName(dtype), o_shape, elements}};
  if (spec.lse)
    tensors.push_back({"lse", "F32", lse_shape, std::as_bytes(std::span(lse))});
  writeSafetensors(path, tensors);
}

} // namespace attune::cli
