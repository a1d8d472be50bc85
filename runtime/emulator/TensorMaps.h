#pragma once

#include "attune/Device.h"
#include "runtime/emulator/BulkCopies.h"

#include <span>

namespace attune::emulator {

class Warp;

/// The emulated device's own form of the 128 opaque bytes. It holds what the description holds, and a mark by which
/// bytes that are no tensor map are found out.
TensorMap packTensorMap(const TiledTensor& tensor);
/// Throws Fault for bytes that packTensorMap did not make.
TiledTensor unpackTensorMap(const std::byte* bytes);

/// The box whose first element is at `coordinates`, to or from `offset` in shared memory. Parts inside of the tensor
/// are looked up in what the warp sees of global memory: Fault for a tensor that is larger than its buffer, and for a
/// box that `writes` where nothing may be written. Rows are visited in the order of
/// shared memory. `row` is called with the index of the buffer and the global address of each part.
struct BoxRow {
  std::size_t buffer;
  DevicePtr address;
  std::uint32_t bytes;
};
BulkBox boxOf(const TiledTensor& tensor, std::span<const std::int32_t> coordinates, std::uint32_t offset,
              const Warp& warp, bool writes, std::vector<BoxRow>& rows);

} // namespace attune::emulator
