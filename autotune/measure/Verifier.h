#pragma once

#include "attune/attune.hpp"
#include "autotune/Vocabulary.h"
#include "runtime/reference/Reference.h"

#include <memory>
#include <optional>
#include <string>

namespace attune::autotune {

/// Compares candidates with the fp64 reference, on their device and at a small shape: the kernels do not know the
/// lengths, so what is right for some tiles, a ragged end and several chunks is the code that will be timed. Packed
/// sequences are compared as such: a few of them, the longest and the shortest among them, and an empty one. On few
/// multiprocessors: blocks of a persistent grid then go from one piece to the next, as they will.
class Verifier {
public:
  /// `lengths`: of packed sequences, if they are known; else they are made up.
  Verifier(std::shared_ptr<Device> device, const AttentionSpec& spec, const Problem& problem,
           const reference::Lengths* lengths = nullptr);

  /// What is wrong, or nothing. Throws DeviceError if the candidate does not run.
  std::optional<std::string> failure(const Candidate& candidate) const;

  const reference::Lengths& lengths() const { return lengths_; }

private:
  mutable Engine engine_; ///< of the device, with few of its multiprocessors
  AttentionSpec spec_;
  reference::Lengths lengths_;
  reference::Tensors tensors_;
  reference::Output exact_, plain_;
};

} // namespace attune::autotune
