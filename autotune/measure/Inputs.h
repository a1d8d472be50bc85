#pragma once

#include "attune/attune.hpp"

#include "runtime/reference/Reference.h"

#include <memory>
#include <vector>

namespace attune::autotune {

/// Tensors of one problem on a device, to be timed on: values look like normal ones, so that the device draws the power
/// that it would. A varlen problem has sequences of equal lengths, unless they are given.
class Inputs {
public:
  /// Throws DeviceError if there is no memory for them.
  Inputs(std::shared_ptr<Device> device, const AttentionSpec& spec, const Problem& problem,
         const reference::Lengths* lengths = nullptr);

  const Tensors& tensors() const { return tensors_; }

private:
  Tensor values(DType dtype, std::vector<std::int64_t> shape, const char* name);
  Tensor floats(std::vector<std::int64_t> shape, const char* name);
  Tensor offsets(const std::vector<std::int32_t>& host, const char* name);

  std::shared_ptr<Device> device_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  Tensors tensors_;
};

/// Bytes of Q, K, V and O.
std::size_t bytesOf(const AttentionSpec& spec, const Problem& problem);

} // namespace attune::autotune
