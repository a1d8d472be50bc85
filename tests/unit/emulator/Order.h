// Kernels about order: each is right as it is, and wrong without one of its instructions.
#pragma once

#include "tests/unit/emulator/Hopper.h"

namespace attune::emulator {

// a buffer of words in and out; %r0 the thread, %r1 its lane, %r2 its word of `slot`, %p2 its word of `out`
inline std::string orderText(const std::string& body, unsigned threads) {
  return hopperText(".param .u64 in, .param .u64 out", R"(
  .shared .align 8 .b8 full[8]; .shared .align 8 .b8 empty[8]; .shared .align 128 .b8 slot[256];
  .reg .b32 %r<16>; .reg .b64 %p<8>; .reg .b64 %s; .reg .pred %q<8>;
  ld.param.u64 %p0, [in]; ld.param.u64 %p1, [out];
  mov.u32 %r0, %tid.x; and.b32 %r1, %r0, 31; shl.b32 %r3, %r1, 2; mov.u32 %r2, slot; add.s32 %r2, %r2, %r3;
  mul.wide.u32 %p2, %r1, 4; add.s64 %p3, %p0, %p2; add.s64 %p2, %p1, %p2;
  setp.eq.u32 %q1, %r1, 0; setp.lt.u32 %q2, %r0, 32; setp.eq.u32 %q3, %r0, 0;
  @%q3 mbarrier.init.shared::cta.b64 [full], 1;
  @%q3 mbarrier.init.shared::cta.b64 [empty], 1;
  fence.mbarrier_init.release.cluster;
  bar.sync 0;
)" + body,
                    threads);
}

/// out[0..32) for in[i] = 100 + i; `threads` is that of the text.
inline std::vector<unsigned> runOrder(const std::string& text, const Options& options, unsigned threads) {
  Harness harness(options);
  std::vector<unsigned> words(64);
  for (unsigned i = 0; i < words.size(); ++i)
    words[i] = 100 + i;
  const DevicePtr in = harness.upload(words, "in"), out = harness.device->allocate(256, "out");
  harness.launch(text, "k", {1}, {threads}, in, out);
  return harness.download<unsigned>(out, 32);
}

/// The kernel runs under every seed, and out[i] is 100 + (i + turned) % 32.
inline void expectRight(const std::string& text, unsigned threads, unsigned turned = 0) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto got = runOrder(text, hopper(seed), threads);
    for (unsigned i = 0; i < 32; ++i)
      ASSERT_EQ(got[i], 100 + (i + turned) % 32) << seed;
  }
}
inline void expectFound(const std::string& text, unsigned threads, const std::string& message) {
  for (std::uint64_t seed = 0; seed < 8; ++seed)
    EXPECT_THAT(Harness::errorOf([&] { runOrder(text, hopper(seed), threads); }), testing::HasSubstr(message)) << seed;
}

} // namespace attune::emulator
