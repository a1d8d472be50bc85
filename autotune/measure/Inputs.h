#pragma once

#include "attune/attune.hpp"

#include "runtime/reference/Reference.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace attune::autotune {

/// Tensors of one problem on a device, to be timed on: those of reference::randomTensors in the order in which they lie
/// in memory. A varlen problem has sequences of equal lengths, unless they are given.
class Inputs {
public:
  /// Throws DeviceError if there is no memory for them.
  Inputs(std::shared_ptr<Device> device, const AttentionSpec& spec, const Problem& problem,
         const reference::Lengths* lengths = nullptr, std::uint64_t seed = 1);

  const Tensors& tensors() const { return tensors_; }

private:
  Tensor empty(Element element, std::vector<std::int64_t> shape, const char* name);
  Tensor values(DType dtype, std::vector<std::int64_t> shape, const char* name, float factor);
  Tensor floats(const std::vector<float>& host, std::vector<std::int64_t> shape, const char* name);
  Tensor offsets(const std::vector<std::int32_t>& host, const char* name);

  std::shared_ptr<Device> device_;
  std::uint64_t seed_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  Tensors tensors_;
};

/// Bytes of Q, K, V and O.
std::size_t bytesOf(const AttentionSpec& spec, const Problem& problem);

/// How many sets of tensors launches rotate through so that each finds its own in device memory: three times L2 pass by
/// before a set comes again. All together are worth no more than a quarter of the memory. 4096 are enough from 40 KB a
/// set on.
std::size_t coldSets(std::size_t bytes_of_a_set, const DeviceProperties& device);

} // namespace attune::autotune
