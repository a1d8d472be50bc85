// Programmatic dependent launch: what a kernel may see of the one before it, ahead of griddepcontrol.wait.
#include "tests/unit/emulator/Hopper.h"

#include <gmock/gmock.h>

namespace attune::emulator {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// to[thread] = from[thread] + 1
const std::string increment = hopperText(".param .u64 from, .param .u64 to", R"(
  .reg .b32 %r<4>; .reg .b64 %p<4>;
  ld.param.u64 %p0, [from]; ld.param.u64 %p1, [to]; mov.u32 %r0, %tid.x; mul.wide.u32 %p2, %r0, 4;
  add.s64 %p0, %p0, %p2; add.s64 %p1, %p1, %p2;
  griddepcontrol.launch_dependents;
  griddepcontrol.wait;
  ld.global.u32 %r1, [%p0]; add.u32 %r1, %r1, 1; st.global.u32 [%p1], %r1;)");

struct DependentLaunch : testing::Test {
  Harness harness{hopper()};
  DevicePtr first = harness.upload(std::vector<unsigned>(32, 7), "first"),
            second = harness.upload(std::vector<unsigned>(32, 0), "second"),
            third = harness.upload(std::vector<unsigned>(32, 0), "third");

  void launch(const std::string& ptx, DevicePtr from, DevicePtr to, bool overlaps) {
    void* arguments[] = {&from, &to};
    harness.device->launch(*harness.device->load({Image::Kind::Ptx, ptx}, "k"),
                           {.grid = {1}, .block = {32}, .overlaps_predecessor = overlaps}, arguments);
  }
};

const std::string impatient = replaced(increment, "griddepcontrol.wait;", "");

TEST_F(DependentLaunch, SeesEverythingAfterTheWait) {
  launch(increment, first, second, false);
  launch(increment, second, third, true);
  EXPECT_THAT(harness.download<unsigned>(third, 32), testing::Each(9U));
}

TEST_F(DependentLaunch, NeitherReadsNorWritesWhatIsBeingWritten) {
  launch(increment, first, second, false);
  EXPECT_THAT(Harness::errorOf([&] { launch(impatient, second, third, true); }),
              AllOf(HasSubstr("at offset 0 of 'second'"), HasSubstr("griddepcontrol.wait comes first")));
  launch(increment, first, second, false);
  EXPECT_THAT(Harness::errorOf([&] { launch(impatient, third, second, true); }), HasSubstr("griddepcontrol.wait"));
}

TEST_F(DependentLaunch, WhatNobodyWritesIsThereAtOnce) {
  launch(increment, first, second, false);
  launch(impatient, first, third, true);
  EXPECT_THAT(harness.download<unsigned>(third, 32), testing::Each(8U));
}

// Whatever reads `second` may do so until it ends.
TEST_F(DependentLaunch, DoesNotWriteWhatIsBeingRead) {
  const auto isFound = [&](auto launchWriter) {
    launch(increment, second, third, false);
    EXPECT_THAT(Harness::errorOf(launchWriter),
                AllOf(HasSubstr("of 'second'"), HasSubstr("may still be reading"), HasSubstr("griddepcontrol.wait")));
  };
  isFound([&] { launch(impatient, first, second, true); });
  isFound([&] {
    launch(replaced(impatient, "st.global.u32 [%p1], %r1", "red.global.add.u32 [%p1], %r1"), first, second, true);
  });
  isFound([&] { launch(replaced(impatient, "st.global.u32 [%p1], %r1", "st.u32 [%p1], %r1"), first, second, true); });
  launch(increment, second, third, false);
  launch(increment, first, second, true);
  EXPECT_THAT(harness.download<unsigned>(second, 32), testing::Each(8U));
}

// One thread stores 16 bytes of shared memory, plainly and by a tensor map of one row.
TEST_F(DependentLaunch, StoresInBulkWaitToo) {
  const std::string storer = hopperText(".param .u64 from, .param .u64 to, .param .align 64 .b8 map[128]", R"(
  .shared .align 128 .b8 tile[16]; .reg .b32 %r<4>; .reg .b64 %p<4>; .reg .pred %q;
  ld.param.u64 %p0, [to]; mov.b64 %p1, map; cvta.param.u64 %p2, %p1; mov.u32 %r0, tile; mov.u32 %r1, 0;
  mov.u32 %r2, %tid.x; setp.ne.u32 %q, %r2, 0; @%q bra END;
  st.shared.v4.u32 [%r0], {5, 5, 5, 5}; fence.proxy.async;
  STORE
  cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;
END:)");
  const auto store = [&](const std::string& how, bool overlaps) {
    const TensorMap map =
        harness.device->encode({.element = Element::F32, .data = second, .rank = 1, .dims = {32}, .box = {4}});
    void* arguments[] = {&first, &second, const_cast<TensorMap*>(&map)};
    harness.device->launch(*harness.device->load({Image::Kind::Ptx, replaced(storer, "STORE", how)}, "k"),
                           {.grid = {1}, .block = {32}, .overlaps_predecessor = overlaps}, arguments);
  };
  for (const char* how : {"cp.async.bulk.global.shared::cta.bulk_group [%p0], [%r0], 16;",
                          "cp.async.bulk.tensor.1d.global.shared::cta.bulk_group [%p2, {%r1}], [%r0];"}) {
    launch(increment, second, third, false);
    EXPECT_THAT(Harness::errorOf([&] { store(how, true); }), HasSubstr("may still be reading")) << how;
    launch(increment, first, second, false);
    EXPECT_THAT(Harness::errorOf([&] { store(how, true); }), HasSubstr("may still be writing")) << how;
    launch(increment, second, third, false);
    store(std::string("griddepcontrol.wait;") + how, true);
    EXPECT_EQ(harness.download<unsigned>(second, 32)[3], 5U) << how;
  }
}

TEST_F(DependentLaunch, IsWatchedWithoutCountersToo) {
  harness.device = makeEmulatedDevice({.target = "sm_90a", .counters = false});
  first = harness.upload(std::vector<unsigned>(32, 7), "first"),
  second = harness.upload(std::vector<unsigned>(32, 0), "second");
  launch(increment, first, second, false);
  EXPECT_THAT(Harness::errorOf([&] { launch(impatient, second, first, true); }), HasSubstr("griddepcontrol.wait"));
}

TEST_F(DependentLaunch, NothingIsLeftToWaitForAfterASynchronisationOrInAStreamsOrder) {
  launch(increment, first, second, false);
  launch(impatient, second, third, false);
  launch(increment, first, second, false);
  harness.device->synchronize();
  launch(impatient, second, third, true);
  EXPECT_THAT(harness.download<unsigned>(third, 32), testing::Each(9U));
}

} // namespace
} // namespace attune::emulator
