#include "runtime/emulator/TensorMaps.h"

#include "runtime/emulator/Memory.h"
#include "runtime/emulator/Warp.h"
#include "runtime/emulator/exec/Access.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace attune::emulator {

namespace {

struct Packed {
  char mark[8];
  std::uint64_t data;
  std::uint64_t strides[4];
  std::uint32_t last[5]; ///< extents minus one: they go up to 2^32
  std::uint16_t box[5];
  std::uint8_t element, rank, swizzle, fill_nan;
};
static_assert(sizeof(Packed) <= sizeof(TensorMap) && std::is_trivially_copyable_v<Packed>);
constexpr char mark[9] = "attuneTM";

/// Bits 7.. of the address that are XORed into the 16-byte chunk's number.
std::uint32_t swizzleBits(Swizzle swizzle) {
  switch (swizzle) {
  case Swizzle::None:
    break;
  case Swizzle::Bytes32:
    return 1;
  case Swizzle::Bytes64:
    return 3;
  case Swizzle::Bytes128:
    return 7;
  }
  return 0;
}

} // namespace

TensorMap packTensorMap(const TiledTensor& tensor) {
  Packed packed{};
  std::memcpy(packed.mark, mark, sizeof(packed.mark));
  packed.data = tensor.data;
  std::copy(tensor.strides.begin(), tensor.strides.end(), packed.strides);
  for (std::size_t i = 0; i < 5; ++i) {
    packed.last[i] = static_cast<std::uint32_t>(tensor.dims[i] - 1);
    packed.box[i] = static_cast<std::uint16_t>(tensor.box[i]);
  }
  packed.element = static_cast<std::uint8_t>(tensor.element);
  packed.rank = static_cast<std::uint8_t>(tensor.rank);
  packed.swizzle = static_cast<std::uint8_t>(tensor.swizzle);
  packed.fill_nan = tensor.fill_nan;
  TensorMap map;
  std::memcpy(map.bytes.data(), &packed, sizeof(packed));
  return map;
}

TiledTensor unpackTensorMap(const std::byte* bytes) {
  Packed packed;
  std::memcpy(&packed, bytes, sizeof(packed));
  if (std::memcmp(packed.mark, mark, sizeof(packed.mark)) != 0)
    throw Fault{"these 128 bytes are no tensor map that Device::encode made"};
  TiledTensor tensor;
  tensor.data = packed.data;
  std::copy(std::begin(packed.strides), std::end(packed.strides), tensor.strides.begin());
  for (std::size_t i = 0; i < 5; ++i)
    tensor.dims[i] = std::uint64_t{packed.last[i]} + 1, tensor.box[i] = packed.box[i];
  tensor.element = static_cast<Element>(packed.element);
  tensor.rank = packed.rank;
  tensor.swizzle = static_cast<Swizzle>(packed.swizzle);
  tensor.fill_nan = packed.fill_nan != 0;
  return tensor;
}

BulkBox boxOf(const TiledTensor& tensor, std::span<const std::int32_t> coordinates, std::uint32_t offset,
              const Warp& warp, bool writes, std::vector<BoxRow>& rows) {
  const MemoryView& memory = *warp.memory;
  const auto rank = static_cast<std::size_t>(tensor.rank);
  if (coordinates.size() != rank)
    throw Fault{"a tensor map of rank " + std::to_string(rank) + " in an instruction for rank " +
                std::to_string(coordinates.size())};
  // With a swizzle too: its pattern is one of addresses, wherever in it the box begins.
  if (offset % 128 != 0)
    throw Fault{"offset " + std::to_string(offset) + " of shared memory: a box needs 128-byte alignment"};
  const auto element = static_cast<std::uint32_t>(bytesOf(tensor.element));
  const std::uint32_t row_bytes = tensor.box[0] * element;
  BulkBox box;
  box.offset = offset, box.swizzle = swizzleBits(tensor.swizzle);
  box.fill = tensor.fill_nan ? std::byte{0xff} : std::byte{0};
  const std::int64_t first = coordinates[0];
  const std::int64_t begin = std::max<std::int64_t>(first, 0);
  const std::int64_t end = std::min<std::int64_t>(first + tensor.box[0], static_cast<std::int64_t>(tensor.dims[0]));
  std::array<std::uint32_t, 5> at{};
  for (std::size_t axis = 0; axis < rank; box.bytes += row_bytes) {
    bool inside = begin < end;
    DevicePtr address = tensor.data + static_cast<std::uint64_t>(begin) * element;
    for (std::size_t i = 1; i < rank; ++i) {
      const std::int64_t coordinate = std::int64_t{coordinates[i]} + at[i];
      inside &= coordinate >= 0 && coordinate < static_cast<std::int64_t>(tensor.dims[i]);
      address += static_cast<std::uint64_t>(coordinate) * tensor.strides[i - 1];
    }
    if (inside) {
      const auto bytes = static_cast<std::uint32_t>(end - begin) * element;
      const std::size_t buffer = !rows.empty() && memory[rows.back().buffer].contains(address, bytes)
                                     ? rows.back().buffer
                                     : memory.find(address, bytes);
      if (buffer == MemoryView::nowhere || (writes && memory[buffer].read_only))
        throw Fault{"a row of " + std::to_string(bytes) +
                    " bytes of the tensor map's box is not inside one buffer that allows it: it begins " +
                    exec::describeGlobal(warp, address)};
      const auto skipped = static_cast<std::uint32_t>(begin - first) * element;
      box.pieces.push_back({memory[buffer].data.get() + (address - memory[buffer].base), box.bytes + skipped, bytes});
      rows.push_back({buffer, address, bytes});
    }
    for (axis = 1; axis < rank && ++at[axis] == tensor.box[axis];
         ++axis) // the next row; axis == rank: that was the last
      at[axis] = 0;
  }
  return box;
}

} // namespace attune::emulator
