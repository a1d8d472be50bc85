#pragma once

#include "attune/Device.h"

namespace attune {

/// What cuTensorMapEncodeTiled demands of its arguments and answers with a bare CUDA_ERROR_INVALID_VALUE: rank 1 to 5;
/// address and strides multiples of 16 bytes, strides below 2^40; extents 1 to 2^32; box extents 1 to 256, the
/// innermost a multiple of 16 bytes and no wider than the swizzle. Throws DeviceError with the value and the rule.
void checkTiledTensor(const TiledTensor& tensor);

} // namespace attune
