// Bulk loads through tensor maps against a naive gather; each bug is planted in a kernel that runs without it.

#include "tests/unit/emulator/TensorBoxes.h"

namespace attune::emulator {
namespace {

using namespace boxes;
using testing::AllOf;
using testing::HasSubstr;

// One thread loads the box at (x0, ...) of a tensor map; all threads copy shared memory as it is to `out`.
std::string loader(int rank) {
  std::string load_coordinates;
  for (int i = 0; i < rank; ++i)
    load_coordinates += "ld.param.u32 %c" + std::to_string(i) + ", [at+" + std::to_string(4 * i) + "];";
  return hopperText(".param .align 64 .b8 map[128], .param .u64 out, .param .align 4 .b8 at[20], .param .u32 bytes",
                    R"(
  .shared .align 1024 .b8 tile[32768]; .shared .align 8 .b8 bar[8];
  .reg .b32 %r<16>; .reg .b32 %c<5>; .reg .b64 %p<8>; .reg .pred %q<4>;
  ld.param.u64 %p0, [out]; ld.param.u32 %r1, [bytes]; mov.u32 %r0, %tid.x; )" +
                        load_coordinates + R"(
  mov.b64 %p1, map; cvta.param.u64 %p2, %p1;
  setp.ne.u32 %q0, %r0, 0; @%q0 bra WAIT;
  prefetch.tensormap [%p2];
  mbarrier.init.shared::cta.b64 [bar], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [bar], %r1;
  cp.async.bulk.tensor.)" +
                        std::to_string(rank) +
                        R"(d.shared::cluster.global.mbarrier::complete_tx::bytes [tile], [%p2, )" + coordinates(rank) +
                        R"(], [bar];
WAIT:
  bar.sync 0;
W: mbarrier.try_wait.parity.shared::cta.b64 %q1, [bar], 0; @!%q1 bra W;
  mov.u32 %r2, tile; shl.b32 %r3, %r0, 2; mul.wide.u32 %p3, %r3, 1; add.s64 %p3, %p0, %p3; add.s32 %r2, %r2, %r3;
COPY: setp.ge.u32 %q2, %r3, %r1; @%q2 bra END;
  ld.shared.u32 %r4, [%r2]; st.global.u32 [%p3], %r4;
  add.s32 %r2, %r2, 512; add.s32 %r3, %r3, 512; add.s64 %p3, %p3, 512; bra COPY;
END:)");
}

/// The box as shared memory should hold it.
std::vector<std::byte> expectedBox(const TiledTensor& tensor, const std::vector<std::byte>& data, const At& at) {
  const std::size_t element = bytesOf(tensor.element);
  std::vector<std::byte> box(bytesOfBox(tensor));
  eachElement(tensor, at, [&](std::size_t shared, std::optional<std::uint64_t> offset) {
    for (std::size_t i = 0; i < element; ++i)
      box[shared + i] = offset ? data[*offset + i] : tensor.fill_nan ? std::byte{0xff} : std::byte{0};
  });
  return box;
}

TEST(TensorMaps, BoxesOfEveryRankSwizzleAndPlace) {
  std::mt19937 random(5);
  const TiledTensor cases[] = {
      tensorOf({300}, {256}, Swizzle::None),
      tensorOf({128, 50}, {64, 64}, Swizzle::Bytes128),
      tensorOf({100, 50}, {32, 40}, Swizzle::Bytes64),
      tensorOf({60, 9, 7}, {16, 5, 4}, Swizzle::Bytes32),
      tensorOf({64, 9, 3, 4}, {64, 4, 2, 3}, Swizzle::Bytes128),
      tensorOf({24, 3, 4, 3, 2}, {8, 2, 3, 2, 2}, Swizzle::None),
      tensorOf({90, 21}, {64, 16}, Swizzle::Bytes64, Element::U8),
      tensorOf({40, 5, 6}, {32, 4, 3}, Swizzle::Bytes128, Element::F32),
  };
  for (TiledTensor tensor : cases) {
    const std::string ptx = loader(tensor.rank);
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      Harness harness(hopper(seed));
      const std::vector<std::byte> data = someBytes(bytesOfTensor(tensor), 1);
      tensor.data = harness.upload(data, "tensor");
      tensor.fill_nan = seed % 3 == 0;
      const At at = seed == 0 ? At{} : placeOf(tensor, random);
      const std::uint32_t bytes = bytesOfBox(tensor);
      const DevicePtr out = harness.device->allocate(bytes, "out");
      harness.launch(ptx, "k", {1}, {128}, harness.device->encode(tensor), out, at, bytes);
      ASSERT_EQ(harness.download<std::byte>(out, bytes), expectedBox(tensor, data, at))
          << "rank " << tensor.rank << " seed " << seed;
      if (seed == 0 && tensor.rank == 2) {
        EXPECT_EQ(harness.device->counters().at("global.read.bytes:tensor"),
                  bytesOf(tensor.element) * tensor.box[0] * std::min<std::uint64_t>(tensor.box[1], tensor.dims[1]));
      }
    }
  }
}

std::string loadError(const std::string& ptx, const TiledTensor& tensor, std::uint64_t tensor_bytes,
                      const Options& options = hopper()) {
  return Harness::errorOf([&] {
    Harness harness(options);
    TiledTensor here = tensor;
    here.data = harness.device->allocate(tensor_bytes, "tensor");
    const std::uint32_t bytes = bytesOfBox(here);
    harness.launch(ptx, "k", {1}, {128}, harness.device->encode(here), harness.device->allocate(bytes, "out"), At{},
                   bytes);
  });
}

TEST(TensorMaps, PlantedBugsAreFound) {
  const TiledTensor tensor = tensorOf({64, 64}, {64, 64}, Swizzle::Bytes128);
  const std::string ptx = loader(2);
  EXPECT_THAT(loadError(replaced(ptx, "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [bar], %r1;",
                                 "mbarrier.arrive.shared::cta.b64 _, [bar];"),
                        tensor, 8192, {.target = "sm_90a"}),
              AllOf(HasSubstr("to which a bulk copy is still under way"), HasSubstr("ld.shared.u32")))
      << "a missing expect_tx";
  EXPECT_THAT(loadError(replaced(ptx, "W: mbarrier.try_wait.parity.shared::cta.b64 %q1, [bar], 0;",
                                 "W: mbarrier.try_wait.parity.shared::cta.b64 %q1, [bar], 1;"),
                        tensor, 8192, {.target = "sm_90a"}),
              HasSubstr("to which a bulk copy is still under way"))
      << "a wait for the wrong phase";
  EXPECT_THAT(loadError(replaced(ptx, "fence.mbarrier_init.release.cluster;", ""), tensor, 8192),
              HasSubstr("whose initialisation no fence.mbarrier_init or fence.proxy.async has made visible"));
  EXPECT_THAT(loadError(replaced(ptx, "_, [bar], %r1;", "_, [bar], 8000;"), tensor, 8192), HasSubstr("deadlock"))
      << "a wrong number of bytes";
  EXPECT_THAT(loadError(ptx, tensor, 8000),
              AllOf(HasSubstr("is not inside one buffer"), HasSubstr("'tensor' (8000 bytes)")));
  EXPECT_THAT(loadError(loader(3), tensor, 8192), HasSubstr("a tensor map of rank 2 in an instruction for rank 3"));
  EXPECT_THAT(loadError(replaced(ptx, "cvta.param.u64 %p2, %p1;", "mov.u64 %p2, %p0;"), tensor, 8192),
              HasSubstr("no tensor map that Device::encode made"));
}

TEST(TensorMaps, EncodingFollowsTheDriversRules) {
  Harness harness(hopper());
  TiledTensor tensor = tensorOf({64, 64}, {128, 64}, Swizzle::Bytes128);
  tensor.data = 0x1000;
  EXPECT_THAT(Harness::errorOf([&] { harness.device->encode(tensor); }), HasSubstr("the swizzle spans 128"));
  EXPECT_THAT(Harness::errorOf([&] { Harness().device->encode(tensor); }), HasSubstr("begin with sm_90"));
}

} // namespace
} // namespace attune::emulator
