#pragma once

#include "attune/compiler/Spec.h"

#include <string>
#include <string_view>
#include <vector>

namespace [[gnu::visibility("default")]] attune {

/// What differs per GPU, as far as code generation is concerned. Sizes in bytes.
struct Target {
  std::string name;         ///< "sm_80"
  int shared_per_block = 0; ///< opt-in limit
  int shared_per_multiprocessor = 0;
  int registers_per_multiprocessor = 65536;
  int max_threads_per_multiprocessor = 2048;
  bool wgmma = false; ///< has warpgroup products and TMA: sm_90a alone
};

/// Throws UserError with the nearest known name.
const Target& target(std::string_view name);
const std::vector<Target>& targets();

/// Throws UserError (Unsupported) if kernels for `target` have no matrix products of this type.
void checkSupported(DType dtype, const Target& target);

} // namespace attune
