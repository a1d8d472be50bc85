// Bulk copies and tensor maps against a naive gather; each bug is planted in a kernel that runs without it.

#include "tests/unit/emulator/Hopper.h"

#include <numeric>
#include <random>

namespace attune::emulator {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string coordinates(int rank) {
  std::string text;
  for (int i = 0; i < rank; ++i)
    text += (i > 0 ? ", %c" : "%c") + std::to_string(i);
  return "{" + text + "}";
}

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

struct At {
  std::int32_t of[5];
};

std::uint32_t bytesOfBox(const TiledTensor& tensor) {
  std::uint32_t bytes = static_cast<std::uint32_t>(bytesOf(tensor.element));
  for (int i = 0; i < tensor.rank; ++i)
    bytes *= tensor.box[i];
  return bytes;
}

/// The box as 16-bit words, as shared memory should hold it.
std::vector<std::uint16_t> expectedBox(const TiledTensor& tensor, const std::vector<std::uint16_t>& data, const At& at,
                                       unsigned swizzle_bits) {
  std::vector<std::uint16_t> box(bytesOfBox(tensor) / 2);
  std::array<std::uint32_t, 5> index{};
  for (std::size_t linear = 0; linear < box.size(); ++linear) {
    std::size_t rest = linear;
    bool inside = true;
    std::uint64_t offset = 0;
    for (int i = 0; i < tensor.rank; ++i) {
      index[i] = static_cast<std::uint32_t>(rest % tensor.box[i]), rest /= tensor.box[i];
      const std::int64_t where = at.of[i] + std::int64_t{index[i]};
      inside &= where >= 0 && where < static_cast<std::int64_t>(tensor.dims[i]);
      offset += static_cast<std::uint64_t>(where) * (i == 0 ? 2 : tensor.strides[i - 1]);
    }
    const std::size_t address = 2 * linear, swizzled = address ^ ((address >> 7 & swizzle_bits) << 4);
    box[swizzled / 2] = inside ? data[offset / 2] : tensor.fill_nan ? 0xffff : 0;
  }
  return box;
}

TiledTensor tensorOf(std::vector<std::uint64_t> dims, std::vector<std::uint32_t> box, Swizzle swizzle) {
  TiledTensor tensor;
  tensor.rank = static_cast<int>(dims.size());
  std::copy(dims.begin(), dims.end(), tensor.dims.begin());
  std::copy(box.begin(), box.end(), tensor.box.begin());
  std::uint64_t stride = (dims[0] * 2 + 15) / 16 * 16;
  for (std::size_t i = 1; i < dims.size(); ++i)
    tensor.strides[i - 1] = stride, stride *= dims[i];
  tensor.swizzle = swizzle;
  return tensor;
}

TEST(TensorMaps, BoxesOfEveryRankSwizzleAndPlace) {
  std::mt19937 random(5);
  const std::pair<TiledTensor, unsigned> cases[] = {
      {tensorOf({300}, {256}, Swizzle::None), 0},
      {tensorOf({128, 50}, {64, 64}, Swizzle::Bytes128), 7},
      {tensorOf({100, 50}, {32, 40}, Swizzle::Bytes64), 3},
      {tensorOf({60, 9, 7}, {16, 5, 4}, Swizzle::Bytes32), 1},
      {tensorOf({64, 9, 3, 4}, {64, 4, 2, 3}, Swizzle::Bytes128), 7},
      {tensorOf({24, 3, 4, 3, 2}, {8, 2, 3, 2, 2}, Swizzle::None), 0},
  };
  for (auto [tensor, bits] : cases) {
    const int rank = tensor.rank;
    const std::string ptx = loader(rank);
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      Harness harness(hopper(seed));
      std::uint64_t words = rank == 1 ? tensor.dims[0] : tensor.strides[rank - 2] * tensor.dims[rank - 1] / 2;
      std::vector<std::uint16_t> data(words);
      std::iota(data.begin(), data.end(), std::uint16_t{1});
      tensor.data = harness.upload(data, "tensor");
      tensor.fill_nan = seed % 3 == 0;
      At at{};
      for (int i = 0; i < rank; ++i)
        at.of[i] = static_cast<int>(random() % (tensor.dims[i] + tensor.box[i])) - static_cast<int>(tensor.box[i]);
      if (seed == 0)
        at = {};
      const std::uint32_t bytes = bytesOfBox(tensor);
      const DevicePtr out = harness.device->allocate(bytes, "out");
      harness.launch(ptx, "k", {1}, {128}, harness.device->encode(tensor), out, at, bytes);
      ASSERT_EQ(harness.download<std::uint16_t>(out, bytes / 2), expectedBox(tensor, data, at, bits))
          << "rank " << rank << " seed " << seed;
      if (seed == 0 && rank == 2) {
        EXPECT_EQ(harness.device->counters().at("global.read.bytes:tensor"),
                  2 * tensor.box[0] * std::min<std::uint64_t>(tensor.box[1], tensor.dims[1]));
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
  EXPECT_THAT(loadError(replaced(ptx, ".shared .align 1024 .b8 tile[32768];",
                                 ".shared .align 1024 .b8 pad[512]; .shared .align 128 .b8 tile[32768];"),
                        tensor, 8192),
              HasSubstr("needs 1024-byte alignment"));
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

// Threads write ints to shared memory, one stores or adds them to a tensor or plain memory.
const std::string storer = hopperText(".param .align 64 .b8 map[128], .param .u64 out", R"(
  .shared .align 128 .b8 tile[1024]; .reg .b32 %r<8>; .reg .b64 %p<8>; .reg .pred %q<4>;
  ld.param.u64 %p0, [out]; mov.b64 %p1, map; cvta.param.u64 %p1, %p1; mov.u32 %r0, %tid.x; setp.ne.u32 %q0, %r0, 0;
  mov.u32 %r1, tile; shl.b32 %r2, %r0, 2; add.s32 %r1, %r1, %r2; st.shared.u32 [%r1], %r0; st.shared.u32 [%r1+512], %r0;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  @%q0 bra END;
  cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%p1, {4, 1}], [tile];
  cp.async.bulk.global.shared::cta.bulk_group [%p0], [tile+512], 256;
  cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%p0], [tile+512], 512;
  cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group [%p1, {4, 1}], [tile];
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group.read 0;
END:)");

struct Stored {
  std::vector<int> tensor, plain;
};
Stored runStorer(const std::string& ptx, const Options& options) {
  Harness harness(options);
  TiledTensor tensor;
  tensor.element = Element::I32, tensor.rank = 2;
  tensor.dims = {12, 20}, tensor.strides = {48}, tensor.box = {8, 16};
  tensor.data = harness.upload(std::vector<int>(240, 1), "tensor");
  const DevicePtr plain = harness.upload(std::vector<int>(128, 1), "plain");
  harness.launch(ptx, "k", {1}, {128}, harness.device->encode(tensor), plain);
  return {harness.download<int>(tensor.data, 240), harness.download<int>(plain, 128)};
}

TEST(BulkStores, TensorPlainAndReduction) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const Stored got = runStorer(storer, hopper(seed));
    for (int row = 0; row < 20; ++row)
      for (int column = 0; column < 12; ++column) {
        const bool inside = row >= 1 && row < 17 && column >= 4;
        ASSERT_EQ(got.tensor[row * 12 + column], inside ? 2 * ((row - 1) * 8 + column - 4) : 1)
            << row << ", " << column;
      }
    for (int i = 0; i < 128; ++i)
      ASSERT_EQ(got.plain[i], i < 64 ? 2 * i : 1 + i);
  }
}

TEST(BulkStores, PlantedBugsAreFound) {
  const auto error = [](const std::string& ptx, const Options& options = hopper()) {
    return Harness::errorOf([&] { runStorer(ptx, options); });
  };
  EXPECT_THAT(error(replaced(storer, "fence.proxy.async.shared::cta;", ""), {.target = "sm_90a"}),
              AllOf(HasSubstr("a warp wrote with ordinary stores, and no fence.proxy.async lies in between"),
                    HasSubstr("cp.async.bulk.tensor.2d.global")));
  EXPECT_THAT(error(replaced(storer, "cp.async.bulk.wait_group.read 0;", "")), HasSubstr("wait_group is missing"));
  EXPECT_THAT(error(replaced(storer, "cp.async.bulk.commit_group;", "")), HasSubstr("wait_group is missing"));
  EXPECT_THAT(error(replaced(storer, "bar.sync 0;", "")), HasSubstr("race"));
  // shared memory that is written again before the store has read it
  const std::string early = replaced(storer, "cp.async.bulk.wait_group.read 0;",
                                     "st.shared.u32 [tile], 77; cp.async.bulk.wait_group.read 0;");
  EXPECT_EQ(runStorer(early, {.target = "sm_90a"}).tensor[16], 2 * 77) << "as late as legal";
  const std::string other =
      replaced(storer, "END:", "END: bar.sync 0; setp.eq.u32 %q1, %r0, 64; @%q1 st.shared.u32 [tile], 77;");
  EXPECT_EQ(runStorer(other, hopper()).tensor[16], 0);
  EXPECT_THAT(error(replaced(other, "END: bar.sync 0;", "END:")), HasSubstr("race"));
}

} // namespace
} // namespace attune::emulator
