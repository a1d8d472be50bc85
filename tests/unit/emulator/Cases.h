#pragma once

#include "tests/unit/emulator/Harness.h"

#include <bit>
#include <functional>
#include <random>

/// Tests of one instruction: every lane has other operands, and the host says what must come out.
namespace attune::emulator {

using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

inline float asFloat(u32 bits) { return std::bit_cast<float>(bits); }
inline u32 bitsOf(float value) { return value != value ? 0x7fffffffu : std::bit_cast<u32>(value); }

/// %a, %b, %c hold the inputs as 32 (or, in wide cases, 64) bits; the instruction leaves its result in %d.
struct Case {
  const char* ptx;
  std::function<u64(u64, u64, u64)> expected;
};

inline void PrintTo(const Case& c, std::ostream* out) { *out << c.ptx; }

inline std::vector<u64> inputs(bool wide, unsigned salt) {
  static constexpr u32 edges[] = {0,          1,          31,         32,         0x7fffffff, 0x80000000,
                                  0xffffffff, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x00000001,
                                  0x7fc00000, 0x40490fdb, 0xc1200000, 0x4b000001};
  std::mt19937_64 random(salt);
  std::vector<u64> values;
  for (unsigned i = 0; i < 512; ++i) {
    u64 value = random();
    if (i % 3 == 0)
      value = edges[random() % std::size(edges)] | u64{edges[random() % std::size(edges)]} << 32;
    else if (i % 3 == 1)
      value = std::bit_cast<u32>(static_cast<float>(static_cast<s32>(random() % 2001) - 1000) / 8.0f);
    values.push_back(wide ? value : value & 0xffffffff);
  }
  return values;
}

inline void check(const Case& test, bool wide) {
  const std::string type = wide ? "b64" : "b32", bytes = wide ? "8" : "4";
  std::string body = ".reg ." + type +
                     " %a, %b, %c, %d; .reg .b32 %r<8>; .reg .b16 %h<8>; .reg .b64 %p<8>; .reg .f64 %e<4>; .reg .f32 "
                     "%f<4>; .reg .pred %q<4>;\n";
  body += "ld.param.u64 %p0, [in]; ld.param.u64 %p1, [out]; mov.u32 %r0, %tid.x;\n";
  body += "mul.wide.u32 %p2, %r0, " + std::to_string(wide ? 24 : 12) +
          "; add.s64 %p0, %p0, %p2; mul.wide.u32 %p2, %r0, " + bytes + "; add.s64 %p1, %p1, %p2;\n";
  body += "ld.global." + type + " %a, [%p0]; ld.global." + type + " %b, [%p0+" + bytes + "]; ld.global." + type +
          " %c, [%p0+" + std::to_string(wide ? 16 : 8) + "];\n";
  body += std::string("mov.") + type + " %d, 0;\n" + test.ptx + "\nst.global." + type + " [%p1], %d;";
  const auto a = inputs(wide, 1), b = inputs(wide, 2), c = inputs(wide, 3);
  Harness harness({.threads = 1});
  const auto run = [&]<class T>(T) {
    std::vector<T> in;
    for (std::size_t i = 0; i < a.size(); ++i)
      in.insert(in.end(), {static_cast<T>(a[i]), static_cast<T>(b[i]), static_cast<T>(c[i])});
    const DevicePtr out = harness.device->allocate(a.size() * sizeof(T), "out");
    harness.launch(kernelText(".param .u64 in, .param .u64 out", body), "k", {1}, {512}, harness.upload(in, "in"), out);
    const auto got = harness.download<T>(out, a.size());
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_EQ(got[i], static_cast<T>(test.expected(a[i], b[i], c[i])))
          << test.ptx << std::hex << "\na " << a[i] << " b " << b[i] << " c " << c[i];
  };
  wide ? run(u64{}) : run(u32{});
}

} // namespace attune::emulator
