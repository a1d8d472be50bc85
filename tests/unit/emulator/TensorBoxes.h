#pragma once

#include "tests/unit/emulator/Hopper.h"

#include <optional>
#include <random>

/// Which element of a box is which of the tensor, and where it lies in shared memory: the PTX ISA's "Tensors" and
/// "Swizzling modes", written down once more.
namespace attune::emulator::boxes {

/// A kernel's parameter.
struct At {
  std::int32_t of[5];
};

inline std::uint32_t bytesOfBox(const TiledTensor& tensor) {
  auto bytes = static_cast<std::uint32_t>(bytesOf(tensor.element));
  for (std::size_t i = 0; i < static_cast<std::size_t>(tensor.rank); ++i)
    bytes *= tensor.box[i];
  return bytes;
}

inline std::uint64_t bytesOfTensor(const TiledTensor& tensor) {
  const auto rank = static_cast<std::size_t>(tensor.rank);
  return rank == 1 ? tensor.dims[0] * bytesOf(tensor.element) : tensor.strides[rank - 2] * tensor.dims[rank - 1];
}

/// Rows are padded to 16 bytes.
inline TiledTensor tensorOf(const std::vector<std::uint64_t>& dims, const std::vector<std::uint32_t>& box,
                            Swizzle swizzle, Element element = Element::BF16) {
  TiledTensor tensor;
  tensor.element = element;
  tensor.rank = static_cast<int>(dims.size());
  std::copy(dims.begin(), dims.end(), tensor.dims.begin());
  std::copy(box.begin(), box.end(), tensor.box.begin());
  std::uint64_t stride = (dims[0] * bytesOf(element) + 15) / 16 * 16;
  for (std::size_t i = 1; i < dims.size(); ++i)
    tensor.strides[i - 1] = stride, stride *= dims[i];
  tensor.swizzle = swizzle;
  return tensor;
}

/// Inside of the tensor, across its edges, or beside it.
inline At placeOf(const TiledTensor& tensor, std::mt19937& random) {
  At at{};
  for (std::size_t i = 0; i < static_cast<std::size_t>(tensor.rank); ++i)
    at.of[i] = static_cast<int>(random() % (tensor.dims[i] + tensor.box[i])) - static_cast<int>(tensor.box[i]);
  return at;
}

/// f(offset in shared memory, offset in the tensor's bytes or nothing where the box lies outside) for each element.
template <class F>
void eachElement(const TiledTensor& tensor, const At& at, F f) {
  const std::size_t element = bytesOf(tensor.element), count = bytesOfBox(tensor) / element;
  const std::size_t chunks = std::size_t{1} << static_cast<unsigned>(tensor.swizzle); // of 16 bytes, in a span
  for (std::size_t linear = 0; linear < count; ++linear) {
    std::size_t rest = linear;
    bool inside = true;
    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(tensor.rank); ++i) {
      const std::int64_t where = at.of[i] + static_cast<std::int64_t>(rest % tensor.box[i]);
      rest /= tensor.box[i];
      inside &= where >= 0 && where < static_cast<std::int64_t>(tensor.dims[i]);
      offset += static_cast<std::uint64_t>(where) * (i == 0 ? element : tensor.strides[i - 1]);
    }
    const std::size_t dense = linear * element, swizzled = dense ^ (dense / 128 % chunks) * 16;
    f(swizzled, inside ? std::optional(offset) : std::nullopt);
  }
}

/// "{%c0, %c1}"
inline std::string coordinates(int rank) {
  std::string text;
  for (int i = 0; i < rank; ++i)
    text += (i > 0 ? ", %c" : "%c") + std::to_string(i);
  return "{" + text + "}";
}

/// All threads copy `bytes` of `in` to `tile`; one runs `instruction` and waits for its bulk group. It finds the tensor
/// map's address in %p2, that of `out` in %p0, the number of bytes in %r1 and the coordinates in %c0 to %c4.
inline std::string storerText(const std::string& instruction) {
  std::string at;
  for (int i = 0; i < 5; ++i)
    at += "ld.param.u32 %c" + std::to_string(i) + ", [at+" + std::to_string(4 * i) + "];";
  return hopperText(
      ".param .align 64 .b8 map[128], .param .u64 in, .param .u64 out, .param .align 4 .b8 at[20], .param .u32 bytes",
      R"(
  .shared .align 1024 .b8 tile[32768]; .reg .b32 %r<16>; .reg .b32 %c<5>; .reg .b64 %p<8>; .reg .pred %q<4>;
  ld.param.u64 %p0, [out]; ld.param.u64 %p3, [in]; ld.param.u32 %r1, [bytes]; mov.u32 %r0, %tid.x; )" +
          at + R"(
  mov.b64 %p1, map; cvta.param.u64 %p2, %p1; setp.ne.u32 %q0, %r0, 0;
  mov.u32 %r2, tile; shl.b32 %r3, %r0, 2; add.s32 %r2, %r2, %r3; mul.wide.u32 %p4, %r3, 1; add.s64 %p3, %p3, %p4;
COPY: setp.ge.u32 %q1, %r3, %r1; @%q1 bra READY;
  ld.global.u32 %r4, [%p3]; st.shared.u32 [%r2], %r4;
  add.s32 %r2, %r2, 512; add.s32 %r3, %r3, 512; add.s64 %p3, %p3, 512; bra COPY;
READY:
  fence.proxy.async.shared::cta;
  bar.sync 0;
  @%q0 bra END;
  )" + instruction +
          R"(
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
END:)");
}

/// Bytes that differ from their neighbours and, mostly, between two salts.
inline std::vector<std::byte> someBytes(std::size_t count, unsigned salt) {
  std::mt19937 random(salt);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes)
    byte = static_cast<std::byte>(random());
  return bytes;
}

} // namespace attune::emulator::boxes
