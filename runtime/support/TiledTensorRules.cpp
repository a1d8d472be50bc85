#include "runtime/support/TiledTensorRules.h"

#include "attune/compiler/Error.h"

#include <fmt/format.h>

namespace attune {

namespace {

void require(bool holds, std::string_view what, std::uint64_t value, std::string_view rule) {
  if (!holds)
    throw DeviceError(fmt::format("tensor map: {} {}: {}", what, value, rule));
}

std::uint64_t spanOf(Swizzle swizzle) {
  switch (swizzle) {
  case Swizzle::None:
    break;
  case Swizzle::Bytes32:
    return 32;
  case Swizzle::Bytes64:
    return 64;
  case Swizzle::Bytes128:
    return 128;
  }
  return 256 * sizeof(std::uint32_t); // the widest box there is
}

} // namespace

void checkTiledTensor(const TiledTensor& t) {
  require(t.rank >= 1 && t.rank <= 5, "rank", static_cast<std::uint64_t>(t.rank), "it is 1 to 5");
  require(t.data != 0 && t.data % 16 == 0, "address", t.data, "it is a multiple of 16");
  for (std::size_t n = 0; n < static_cast<std::size_t>(t.rank); ++n) {
    require(t.dims[n] >= 1 && t.dims[n] <= std::uint64_t{1} << 32, "extent", t.dims[n], "it is 1 to 2^32");
    require(t.box[n] >= 1 && t.box[n] <= 256, "box extent", t.box[n], "it is 1 to 256");
    if (n > 0) {
      require(t.strides[n - 1] % 16 == 0, "stride", t.strides[n - 1], "it is a multiple of 16 bytes");
      require(t.strides[n - 1] < std::uint64_t{1} << 40, "stride", t.strides[n - 1], "it is below 2^40 bytes");
    }
  }
  const std::uint64_t row = t.box[0] * bytesOf(t.element);
  require(row % 16 == 0, "box row of bytes", row, "it is a multiple of 16");
  require(row <= spanOf(t.swizzle), "box row of bytes", row, fmt::format("the swizzle spans {}", spanOf(t.swizzle)));
}

} // namespace attune
