#pragma once

#include "tests/unit/emulator/Hopper.h"

#include <bit>
#include <random>

/// wgmma with the layouts of the PTX ISA written down once more: operands as they lie in shared memory, and a kernel.
namespace attune::emulator::wgmma {

struct Shape {
  unsigned n;
  const char *a, *b; ///< elements
  unsigned span;     ///< of the swizzle: 16, 32, 64, 128
  bool a_registers, a_transposed, b_transposed, half_sums;
  unsigned k() const { return a[0] == 'e' ? 32 : a[0] == 't' ? 8 : 16; }
  unsigned bytes() const { return 32 / k(); }
};

inline void PrintTo(const Shape& shape, std::ostream* out) {
  *out << "n" << shape.n << " " << shape.a << " x " << shape.b << " span " << shape.span
       << (shape.a_registers ? " RS" : " SS") << (shape.a_transposed ? " tA" : "") << (shape.b_transposed ? " tB" : "")
       << (shape.half_sums ? " f16" : "");
}

/// Small integers times powers of two: exact in all formats and sums.
inline std::uint32_t encode(int value, const std::string& element) {
  const float real = static_cast<float>(value);
  const auto bits = std::bit_cast<std::uint32_t>(real);
  if (element == "bf16")
    return bits >> 16;
  if (element == "tf32")
    return bits;
  if (value == 0)
    return 0;
  const unsigned sign = value < 0, exponent = (bits >> 23 & 255) - 127;
  if (element == "f16")
    return sign << 15 | (exponent + 15) << 10 | (bits >> 13 & 1023);
  if (element == "e4m3")
    return sign << 7 | (exponent + 7) << 3 | (bits >> 20 & 7);
  return sign << 7 | (exponent + 15) << 2 | (bits >> 21 & 3); // e5m2
}

inline int small(std::mt19937& random, const std::string& element) {
  return element == "e5m2" ? static_cast<int>(random() % 9) - 4 : static_cast<int>(random() % 17) - 8;
}

/// One operand of `rows` rows (of M or N) and k columns in shared memory, and its descriptor relative to its start.
struct Operand {
  std::vector<std::byte> bytes;
  std::uint64_t descriptor;
};

inline Operand place(const std::vector<int>& values, unsigned rows, const Shape& shape, const char* element,
                     bool transposed) {
  const unsigned k = shape.k(), size = shape.bytes(), span = shape.span, per_span = span / size;
  // room for the canonical layout; strides that a real tile would have
  std::uint32_t leading = 0, stride = 0;
  std::size_t total = 0;
  if (!transposed) {
    stride = span == 16 ? 256 : 8 * span, leading = 128;
    total = rows / 8 * stride;
  } else if (span == 16) {
    leading = rows / 8 * 128, stride = 128; // leading: from k 0-7 to k 8-15
    total = 2 * leading;
  } else {
    stride = 8 * span, leading = 2 * stride;
    total = (rows + per_span - 1) / per_span * leading;
  }
  Operand made{std::vector<std::byte>(total), 0};
  for (unsigned row = 0; row < rows; ++row)
    for (unsigned column = 0; column < k; ++column) {
      std::uint32_t at = 0;
      if (!transposed && span == 16)
        at = row % 8 * 16 + row / 8 * stride + column * size / 16 * leading + column * size % 16;
      else if (!transposed)
        at = row % 8 * span + row / 8 * stride + column * size;
      else if (span == 16)
        at = column % 8 * 16 + column / 8 * leading + row / 8 * stride + row % 8 * size;
      else
        at = column % 8 * span + column / 8 * stride + row / per_span * leading + row % per_span * size;
      at ^= (at >> 7 & (span / 16 - 1)) << 4;
      const std::uint32_t bits = encode(values[row * k + column], element);
      std::memcpy(made.bytes.data() + at, &bits, size);
    }
  const std::uint64_t mode = span == 128 ? 1 : span == 64 ? 2 : span == 32 ? 3 : 0;
  made.descriptor = std::uint64_t{leading >> 4} << 16 | std::uint64_t{stride >> 4} << 32 | mode << 62;
  return made;
}

inline std::string list(const std::string& prefix, unsigned first, unsigned count) {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text += (i > 0 ? ", " : "") + prefix + std::to_string(first + i);
  return text + "}";
}

constexpr unsigned b_offset = 16384;

/// `in`: image of shared memory; `regs`: per thread, registers of A then of D. d = a * b twice: once without, once with
/// the sum of before, and the second time negated if `negated`.
inline std::string productText(const Shape& shape, std::uint64_t a, std::uint64_t b, unsigned image_bytes) {
  const unsigned sums = shape.half_sums ? shape.n / 4 : shape.n / 2;
  std::string text = R"(
  .shared .align 1024 .b8 tile[)" +
                     std::to_string(image_bytes) + R"(];
  .reg .b32 %r<16>; .reg .b64 %p<8>; .reg .pred %q<4>; .reg .b32 %d<128>; .reg .b32 %a<4>; .reg .b64 %desc<4>;
  ld.param.u64 %p0, [in]; ld.param.u64 %p1, [regs]; mov.u32 %r0, %tid.x; shl.b32 %r1, %r0, 2; mov.u32 %r2, tile;
  add.s32 %r2, %r2, %r1; mul.wide.u32 %p2, %r1, 1; add.s64 %p0, %p0, %p2;
COPY: setp.ge.u32 %q0, %r1, )" +
                     std::to_string(image_bytes) + R"(; @%q0 bra READY;
  ld.global.u32 %r3, [%p0]; st.shared.u32 [%r2], %r3;
  add.s64 %p0, %p0, 512; add.s32 %r2, %r2, 512; add.s32 %r1, %r1, 512; bra COPY;
READY:
  fence.proxy.async.shared::cta;
  bar.sync 0;
  mul.wide.u32 %p2, %r0, )" +
                     std::to_string(4 * (4 + sums)) + "; add.s64 %p1, %p1, %p2;\n";
  for (unsigned i = 0; i < 4; ++i)
    text += "ld.global.b32 %a" + std::to_string(i) + ", [%p1+" + std::to_string(4 * i) + "];\n";
  for (unsigned i = 0; i < sums; ++i)
    text += "ld.global.b32 %d" + std::to_string(i) + ", [%p1+" + std::to_string(16 + 4 * i) + "];\n";
  const auto descriptor = [](const char* name, std::uint64_t bits, unsigned offset) {
    return std::string("mov.u32 %r4, tile; cvt.u64.u32 ") + name + ", %r4; add.s64 " + name + ", " + name + ", " +
           std::to_string(offset) + "; shr.u64 " + name + ", " + name + ", 4; or.b64 " + name + ", " + name + ", " +
           std::to_string(static_cast<std::int64_t>(bits)) + ";\n";
  };
  text += descriptor("%desc0", a, 0) + descriptor("%desc1", b, b_offset);
  text += "setp.ne.u32 %q1, %r0, %r0; setp.eq.u32 %q2, %r0, %r0;\nwgmma.fence.sync.aligned;\n";
  const bool wide = shape.bytes() == 2;
  const auto product = [&](const char* accumulates, const char* scale) {
    return "wgmma.mma_async.sync.aligned.m64n" + std::to_string(shape.n) + "k" + std::to_string(shape.k()) +
           (shape.half_sums ? ".f16." : ".f32.") + shape.a + "." + shape.b + " " + list("%d", 0, sums) + ", " +
           (shape.a_registers ? list("%a", 0, 4) : "%desc0") + ", %desc1, " + accumulates + ", " + scale + ", 1" +
           (wide && !shape.a_registers ? std::string(", ") + (shape.a_transposed ? "1" : "0") : "") +
           (wide ? std::string(", ") + (shape.b_transposed ? "1" : "0") : "") + ";\n";
  };
  text += product("%q2", "1") + product("%q2", "-1") + product("%q2", "1");
  text += "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n";
  for (unsigned i = 0; i < sums; ++i)
    text += "st.global.b32 [%p1+" + std::to_string(16 + 4 * i) + "], %d" + std::to_string(i) + ";\n";
  return hopperText(".param .u64 in, .param .u64 regs", text);
}

} // namespace attune::emulator::wgmma
