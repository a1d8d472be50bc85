#pragma once

#include "attune/attune.hpp"
#include "runtime/reference/Reference.h"

#include <memory>
#include <optional>
#include <vector>

namespace attune::reference {

/// A host problem on a device, in the layout of the spec. Layout::Strided gets gaps after each head, row and sequence.
/// Gaps, O and LSE are filled with NaN, so that reading what does not exist, or not writing what does, shows up in the
/// result.
class DeviceTensors {
public:
  DeviceTensors(std::shared_ptr<Device> device, const AttentionSpec& spec, const Lengths& lengths, const Tensors& host);

  const attune::Tensors& tensors() const { return tensors_; }
  std::vector<float> o() const;   ///< as Output::o
  std::vector<float> lse() const; ///< as Output::lse; empty if the spec does not ask for it
  bool gapsUntouched() const;     ///< of O

private:
  struct Placed {
    DType dtype;
    std::vector<std::byte> bytes;
    std::vector<std::size_t> at; ///< the element where each packed row of head_dim begins
    Tensor tensor;
    /// Where element `i` of the packed tensor is.
    std::size_t byteOf(std::size_t i, int head_dim) const {
      return (at[i / head_dim] + i % head_dim) * bytesOf(tensor.element);
    }
  };
  Placed place(DType dtype, const std::vector<std::int32_t>& offsets, int heads, int head_dim) const;
  Tensor upload(Placed& placed, const std::vector<float>& packed, int head_dim, const char* name);
  template <class T>
  Tensor upload(const std::vector<T>& values, std::vector<std::int64_t> shape, const char* name);
  std::vector<std::byte> downloadO() const;

  std::shared_ptr<Device> device_;
  AttentionSpec spec_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  attune::Tensors tensors_;
  Placed o_;
  const Buffer* o_buffer_ = nullptr;
  const Buffer* lse_buffer_ = nullptr;
};

/// What Engine::prepare wants to know of these lengths.
Problem problemOf(const Lengths& lengths);

} // namespace attune::reference
