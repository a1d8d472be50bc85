// Bulk stores, through tensor maps and plain, against a naive scatter; each bug is planted in a kernel that runs
// without it.

#include "tests/unit/emulator/TensorBoxes.h"

namespace attune::emulator {
namespace {

using namespace boxes;
using testing::AllOf;
using testing::HasSubstr;

TEST(BulkStores, BoxesOfEveryRankSwizzleAndPlace) {
  std::mt19937 random(6);
  const TiledTensor cases[] = {
      tensorOf({300}, {256}, Swizzle::None),
      tensorOf({120, 50}, {64, 48}, Swizzle::Bytes128),
      tensorOf({100, 50}, {32, 40}, Swizzle::Bytes64),
      tensorOf({60, 30}, {16, 24}, Swizzle::Bytes32),
      tensorOf({60, 9, 7}, {16, 5, 4}, Swizzle::Bytes32),
      tensorOf({40, 9, 7}, {32, 5, 4}, Swizzle::Bytes128, Element::F32),
      tensorOf({64, 9, 3, 4}, {64, 4, 2, 3}, Swizzle::Bytes128),
      tensorOf({90, 9, 3, 4}, {48, 4, 2, 3}, Swizzle::Bytes64, Element::U8),
      tensorOf({24, 3, 4, 3, 2}, {8, 2, 3, 2, 2}, Swizzle::None),
      tensorOf({72, 3, 4, 3, 2}, {64, 2, 3, 2, 2}, Swizzle::Bytes128),
  };
  for (TiledTensor tensor : cases) {
    const std::size_t element = bytesOf(tensor.element);
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      const std::string ptx =
          storerText("cp.async.bulk.tensor." + std::to_string(tensor.rank) +
                     (seed % 2 == 0 ? "d.global.shared::cta.bulk_group [%p2, "
                                    : "d.global.shared::cta.tile.bulk_group.L2::cache_hint [%p2, ") +
                     coordinates(tensor.rank) + "], [tile]" + (seed % 2 == 0 ? ";" : ", %p4;"));
      Harness harness(hopper(seed));
      const std::uint32_t bytes = bytesOfBox(tensor);
      const std::vector<std::byte> box = someBytes(bytes, 1);
      std::vector<std::byte> data = someBytes(bytesOfTensor(tensor), 2);
      tensor.data = harness.upload(data, "tensor");
      const At at = seed == 0 ? At{} : placeOf(tensor, random);
      harness.launch(ptx, "k", {1}, {128}, harness.device->encode(tensor), harness.upload(box, "in"), DevicePtr{0}, at,
                     bytes);
      std::size_t written = 0;
      eachElement(tensor, at, [&](std::size_t shared, std::optional<std::uint64_t> offset) {
        if (offset)
          std::copy_n(box.begin() + static_cast<std::ptrdiff_t>(shared), element,
                      data.begin() + static_cast<std::ptrdiff_t>(*offset));
        written += offset ? element : 0;
      });
      ASSERT_EQ(harness.download<std::byte>(tensor.data, data.size()), data)
          << "rank " << tensor.rank << " seed " << seed << " (nothing outside of the tensor is written)";
      const Counters counters = harness.device->counters();
      const auto counted = counters.find("global.write.bytes:tensor");
      EXPECT_EQ(counted == counters.end() ? 0 : counted->second, written);
    }
  }
}

TEST(BulkStores, WriteAtTheWaitThatAsksForIt) {
  const std::string ptx =
      replaced(storerText("cp.async.bulk.global.shared::cta.bulk_group [%p0], [tile], 16; cp.async.bulk.commit_group;"
                          "cp.async.bulk.global.shared::cta.bulk_group.L2::cache_hint [%p0+16], [tile+16], 16, %p4;"),
               "cp.async.bulk.wait_group 0;", R"(
    cp.async.bulk.wait_group.read 0; ld.global.u32 %r5, [%p0];
    cp.async.bulk.wait_group 1; ld.global.u32 %r6, [%p0]; ld.global.u32 %r7, [%p0+16];
    cp.async.bulk.wait_group 0; ld.global.u32 %r8, [%p0+16];
    st.global.v4.u32 [%p0+32], {%r5, %r6, %r7, %r8};)");
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Harness harness(hopper(seed));
    const DevicePtr out = harness.upload(std::vector<int>(12, 1), "out");
    harness.launch(ptx, "k", {1}, {128}, TensorMap{}, harness.upload(std::vector<int>(8, 2), "in"), out, At{}, 32u);
    EXPECT_THAT(harness.download<int>(out, 12), testing::ElementsAre(2, 2, 2, 2, 2, 2, 2, 2, 1, 2, 1, 2));
  }
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
