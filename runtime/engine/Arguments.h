#pragma once

#include "attune/attune.hpp"
#include "attune/compiler/Manifest.h"

#include <cstdint>
#include <string>
#include <vector>

namespace attune {

/// A tensor as kernels take it: gl<T, D>.
struct GlobalTensor {
  DevicePtr data = 0;
  std::int64_t batch = 0, row = 0, head = 0; ///< strides in elements
};

/// Checks the caller's tensors against spec and problem, and finds the value of each kernel parameter by its name.
class Arguments {
public:
  /// Throws UserError: value, rule, remedy.
  Arguments(const AttentionSpec& spec, const Problem& problem, const Tensors& tensors);

  void setWorkspace(DevicePtr o_partial, DevicePtr lse_partial);
  void setSplits(int splits, std::int64_t split_tiles);

  /// Pointers to the values of the kernel's parameters, in order; they live as long as this object.
  std::vector<void*> of(const Manifest& manifest);

private:
  GlobalTensor attention(std::string_view name, const Tensor& tensor, std::int64_t length, int heads,
                         int head_dim) const;
  GlobalTensor lse(const Tensor& tensor) const;
  DevicePtr vector(std::string_view name, const Tensor& tensor, Element element,
                   const std::vector<std::int64_t>& shape) const;

  const AttentionSpec& spec_;
  const Problem& problem_;
  std::int64_t q_len_ = 0, kv_len_ = 0;
  GlobalTensor q_, k_, v_, o_, lse_, o_partial_, lse_partial_;
  DevicePtr cu_seqlens_q_ = 0, cu_seqlens_k_ = 0, alibi_slopes_ = 0, sink_ = 0;
  std::int32_t sq_ = 0, sk_ = 0, splits_ = 1, split_tiles_ = 0;
  float scale_ = 0;
};

} // namespace attune
