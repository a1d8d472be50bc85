// A box may begin at any multiple of 128 bytes: the swizzle is one of addresses in shared memory, not of offsets in it.

#include "tests/unit/emulator/Hopper.h"

#include <numeric>

namespace attune::emulator {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t Rows = 40;

/// One thread loads a box of `bytes` to `tile + begin`; all threads copy what lies there to `out`.
std::string loader(std::uint32_t begin, std::uint32_t bytes) {
  const std::string tile = "tile+" + std::to_string(begin), size = std::to_string(bytes);
  return hopperText(".param .align 64 .b8 map[128], .param .u64 out", R"(
  .shared .align 1024 .b8 tile[8192]; .shared .align 8 .b8 bar[8];
  .reg .b32 %r<8>; .reg .b64 %p<8>; .reg .pred %q<4>;
  ld.param.u64 %p0, [out]; mov.u32 %r0, %tid.x; mov.b64 %p1, map; cvta.param.u64 %p2, %p1;
  mov.u32 %r1, )" + tile + R"(; mov.u32 %r2, 0; shl.b32 %r3, %r0, 2; cvt.u64.u32 %p3, %r3; add.s64 %p3, %p0, %p3;
  add.s32 %r4, %r1, %r3;
  setp.ne.u32 %q0, %r0, 0; @%q0 bra WAIT;
  mbarrier.init.shared::cta.b64 [bar], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [bar], )" + size +
                                                                          R"(;
  cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%p2, {%r2, %r2}], [bar];
WAIT:
  bar.sync 0;
W: mbarrier.try_wait.parity.shared::cta.b64 %q1, [bar], 0; @!%q1 bra W;
COPY: setp.ge.u32 %q2, %r3, )" + size +
                                                                          R"(; @%q2 bra END;
  ld.shared.u32 %r5, [%r4]; st.global.u32 [%p3], %r5;
  add.s32 %r4, %r4, 512; add.s32 %r3, %r3, 512; add.s64 %p3, %p3, 512; bra COPY;
END:)");
}

/// A dense matrix whose rows are as wide as the swizzle.
TiledTensor matrix(Swizzle swizzle) {
  TiledTensor tensor;
  tensor.element = Element::F32, tensor.rank = 2, tensor.swizzle = swizzle;
  const std::uint32_t columns = 4u << static_cast<unsigned>(swizzle);
  tensor.dims = {columns, Rows}, tensor.box = {columns, Rows}, tensor.strides = {columns * 4};
  return tensor;
}

TEST(SwizzleAlignment, ThePatternIsOneOfAddresses) {
  for (const Swizzle swizzle : {Swizzle::None, Swizzle::Bytes32, Swizzle::Bytes64, Swizzle::Bytes128})
    for (std::uint32_t begin = 0; begin <= 1024; begin += 128) {
      TiledTensor tensor = matrix(swizzle);
      const std::uint32_t chunks = 1u << static_cast<unsigned>(swizzle), bytes = Rows * chunks * 16;
      std::vector<std::uint32_t> data(bytes / 4), expected(bytes / 4);
      std::iota(data.begin(), data.end(), 1);
      for (std::uint32_t word = 0; word < data.size(); ++word) {
        const std::uint32_t address = begin + 4 * word, swizzled = address ^ (address / 128 % chunks) * 16;
        expected[(swizzled - begin) / 4] = data[word];
      }
      Harness harness(hopper(begin / 128));
      tensor.data = harness.upload(data, "tensor");
      const DevicePtr out = harness.device->allocate(bytes, "out");
      harness.launch(loader(begin, bytes), "k", {1}, {128}, harness.device->encode(tensor), out);
      EXPECT_EQ(harness.download<std::uint32_t>(out, data.size()), expected) << chunks * 16 << " at " << begin;
    }
}

TEST(SwizzleAlignment, LessIsRefused) {
  for (const Swizzle swizzle : {Swizzle::None, Swizzle::Bytes128}) {
    Harness harness(hopper());
    TiledTensor tensor = matrix(swizzle);
    tensor.data = harness.device->allocate(8192, "tensor");
    const DevicePtr out = harness.device->allocate(8192, "out");
    EXPECT_THAT(Harness::errorOf(
                    [&] { harness.launch(loader(64, 640), "k", {1}, {128}, harness.device->encode(tensor), out); }),
                HasSubstr("offset 64 of shared memory: a box needs 128-byte alignment"));
  }
}

} // namespace
} // namespace attune::emulator
