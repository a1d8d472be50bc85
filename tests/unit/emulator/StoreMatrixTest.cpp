// stmatrix and the formats of eight bits.

#include "tests/unit/emulator/Hopper.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

namespace attune::emulator {
namespace {

void storeMatrix(unsigned count, bool transposed) {
  // register i of a lane holds elements (100 i + 2 lane, 100 i + 2 lane + 1); rows lie 16 bytes apart
  std::string body =
      ".shared .align 16 .b8 tile[512]; .reg .b32 %r<16>; .reg .b64 %p<4>; ld.param.u64 %p0, [out]; mov.u32 %r0, "
      "%tid.x; shl.b32 %r1, %r0, 4; mov.u32 %r2, tile; add.s32 %r2, %r2, %r1; mul.lo.u32 %r3, %r0, 0x20002; "
      "add.u32 %r4, %r3, 0x10000; add.u32 %r5, %r4, 0x640064; add.u32 %r6, %r5, 0x640064; add.u32 %r7, %r6, "
      "0x640064;\n";
  const std::string list[] = {"{%r4}", "{%r4, %r5}", "{%r4, %r5, %r6, %r7}"};
  body += "stmatrix.sync.aligned.m8n8.x" + std::to_string(count) + (transposed ? ".trans" : "") +
          ".shared.b16 [%r2], " + list[count / 2] + "; bar.warp.sync -1;\nmul.wide.u32 %p1, %r0, " +
          std::to_string(4 * count) + "; add.s64 %p0, %p0, %p1;";
  body += "mul.lo.u32 %r9, %r0, " + std::to_string(4 * count) + "; mov.u32 %r2, tile; add.s32 %r2, %r2, %r9;";
  for (unsigned i = 0; i < count; ++i)
    body += "ld.shared.u32 %r8, [%r2+" + std::to_string(4 * i) + "]; st.global.u32 [%p0+" + std::to_string(4 * i) +
            "], %r8;\n";
  Harness harness(hopper());
  const DevicePtr out = harness.device->allocate(128 * count, "out");
  harness.launch(hopperText(".param .u64 out", body), "k", {1}, {32}, out);
  const auto got = harness.download<std::uint16_t>(out, 64 * count);
  for (unsigned matrix = 0; matrix < count; ++matrix)
    for (unsigned row = 0; row < 8; ++row)
      for (unsigned column = 0; column < 8; ++column) {
        const unsigned r = transposed ? column : row, c = transposed ? row : column;
        ASSERT_EQ(got[matrix * 64 + row * 8 + column], 100 * matrix + 2 * (4 * r + c / 2) + c % 2)
            << "x" << count << " matrix " << matrix << " row " << row << " column " << column;
      }
}

TEST(StoreMatrix, IsLoadMatrixTheOtherWay) {
  for (const unsigned count : {1u, 2u, 4u})
    for (const bool transposed : {false, true})
      storeMatrix(count, transposed);
}

double valueOf(unsigned bits, bool e5m2) { // by the definition of the formats
  const int mantissa_bits = e5m2 ? 2 : 3, bias = e5m2 ? 15 : 7,
            exponent = static_cast<int>(bits & 0x7f) >> mantissa_bits;
  const double fraction = (bits & ((1u << mantissa_bits) - 1)) / std::ldexp(1.0, mantissa_bits);
  const double magnitude = exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
  return (bits & 0x80) != 0 ? -magnitude : magnitude;
}

/// The nearest value, the even one of two; `largest` for what is beyond.
unsigned nearest(double value, bool e5m2) {
  if (value != value)
    return 0x7f;
  const unsigned largest = e5m2 ? 0x7b : 0x7e, sign = std::signbit(value) ? 0x80 : 0;
  unsigned best = 0;
  value = std::clamp(value, -1e6, 1e6); // beyond both formats, and exact differences
  for (unsigned bits = 0; bits <= largest; ++bits) {
    const double better = std::fabs(valueOf(best, e5m2) - std::fabs(value)),
                 error = std::fabs(valueOf(bits, e5m2) - std::fabs(value));
    if (error < better || (error == better && bits % 2 == 0))
      best = bits;
  }
  return best | sign;
}

TEST(EightBits, ConversionsRoundToNearestEven) {
  const unsigned n = 4096;
  std::mt19937 random(3);
  std::vector<float> in;
  for (unsigned i = 0; i < n; ++i) {
    const float value = i % 2 == 0 ? std::ldexp(static_cast<float>(static_cast<int>(random() % 129) - 64),
                                                static_cast<int>(random() % 32) - 20)
                                   : std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    in.push_back(i == 7 ? INFINITY : i == 9 ? NAN : value);
  }
  for (const bool e5m2 : {false, true}) {
    const std::string format = e5m2 ? "e5m2x2" : "e4m3x2";
    const std::string body =
        ".reg .b32 %r<8>; .reg .b64 %p<4>; .reg .f32 %f<4>; .reg .b16 %h<4>; ld.param.u64 %p0, [in]; ld.param.u64 %p1, "
        "[out]; "
        "mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x; mad.lo.u32 %r0, %r1, 128, %r0; mul.wide.u32 %p2, %r0, 8; add.s64 "
        "%p0, %p0, "
        "%p2; add.s64 %p1, %p1, %p2; ld.global.v2.f32 {%f0, %f1}, [%p0];\n"
        "cvt.rn.satfinite." +
        format + ".f32 %h0, %f1, %f0; cvt.rn.f16x2." + format + " %r2, %h0; cvt.rn.satfinite." + format +
        ".f16x2 %h1, %r2; cvt.rn.satfinite.relu." + format +
        ".f32 %h2, %f1, %f0;\n"
        "mov.b32 %r3, {%h0, %h2}; st.global.v2.b32 [%p1], {%r3, %r2}; setp.ne.b16 %q, %h0, %h1; @%q trap;";
    Harness harness(hopper());
    const DevicePtr out = harness.device->allocate(n * 4, "out");
    harness.launch(hopperText(".param .u64 in, .param .u64 out", ".reg .pred %q;\n" + body), "k", {n / 256}, {128},
                   harness.upload(in, "in"), out);
    const auto got = harness.download<std::uint16_t>(out, n * 2);
    for (unsigned i = 0; i < n; ++i) {
      const unsigned packed = got[i / 2 * 4], relu = got[i / 2 * 4 + 1], shift = i % 2 * 8,
                     half = got[i / 2 * 4 + 2 + i % 2];
      const unsigned expected = nearest(static_cast<double>(in[i]), e5m2);
      ASSERT_EQ(packed >> shift & 0xff, expected) << in[i] << " " << format;
      ASSERT_EQ(relu >> shift & 0xff, in[i] < 0 ? 0 : expected) << in[i] << " " << format;
      if (expected != 0x7f) {
        const double mantissa = 1024 + (half & 1023), exponent = half >> 10 & 31;
        const double value =
            exponent == 0 ? std::ldexp(half & 1023, -24) : std::ldexp(mantissa, static_cast<int>(exponent) - 25);
        ASSERT_EQ((half & 0x8000) != 0 ? -value : value, valueOf(expected, e5m2));
      }
    }
  }
}

} // namespace
} // namespace attune::emulator
