// Named barriers count arrivals, whoever makes them.

#include "tests/unit/emulator/Harness.h"

namespace attune::emulator {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Two warps take turns to add to `sum`. The turns of warp w are barrier w; warp 0 gives itself the first one.
std::string turns(const std::string& first) {
  return ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 out)\n{\n"
         R"(.shared .align 4 .b8 sum[4]; .reg .b32 %r<8>; .reg .b64 %p0; .reg .pred %q<4>;
  mov.u32 %r0, %tid.x; shr.u32 %r1, %r0, 5; xor.b32 %r2, %r1, 1; mov.u32 %r3, 0;
  setp.ne.u32 %q0, %r0, 0; @!%q0 st.shared.u32 [sum], %r3; bar.sync 2;
  setp.ne.u32 %q1, %r1, 0; @%q1 bra TURN;)" +
         first + R"(
TURN:
  bar.sync %r1, 64;
  and.b32 %r4, %r0, 31; setp.ne.u32 %q2, %r4, 0; @%q2 bra GIVE;
  ld.shared.u32 %r5, [sum]; add.u32 %r5, %r5, 1; st.shared.u32 [sum], %r5;
GIVE:
  bar.warp.sync 0xffffffff;
  bar.arrive %r2, 64;
  add.u32 %r3, %r3, 1; setp.lt.u32 %q3, %r3, 5; @%q3 bra TURN;
  bar.sync 2;
  ld.param.u64 %p0, [out]; @%q0 bra END;
  ld.shared.u32 %r5, [sum]; st.global.u32 [%p0], %r5;
END: ret;
})";
}

TEST(NamedBarriers, AWarpMayArriveAheadOfItsOwnWait) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Harness harness({.seed = seed, .check_races = true});
    const DevicePtr out = harness.device->allocate(4, "out");
    harness.launch(turns("bar.arrive 0, 64;"), "k", {1}, {64}, out);
    EXPECT_EQ(harness.download<std::uint32_t>(out, 1).front(), 10u) << seed;
  }
}

TEST(NamedBarriers, ATurnThatNobodyGivesIsADeadlock) {
  Harness harness;
  const DevicePtr out = harness.device->allocate(4, "out");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(turns(""), "k", {1}, {64}, out); }),
              AllOf(HasSubstr("deadlock"), HasSubstr("barrier 0 has 32 of 64 threads"),
                    HasSubstr("barrier 1 has 32 of 64 threads")));
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(turns("bar.arrive 0, 96;"), "k", {1}, {64}, out); }),
              HasSubstr("barrier 0 waits for 96 threads, and this warp names 64"));
}

} // namespace
} // namespace attune::emulator
