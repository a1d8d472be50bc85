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
