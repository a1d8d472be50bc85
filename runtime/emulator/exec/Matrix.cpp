// ldmatrix and mma.sync (PTX ISA, "Warp Level Matrix Instructions").
//
// Fragments of m16n8k16, g = lane / 4, t = lane % 4: A register r holds row g + 8 (r % 2), columns 2t + 8 (r / 2) and the next; B
// register r holds column g, rows 2t + 8r and the next; C register r holds row g + 8 (r / 2), column 2t + r % 2. So a 16-bit
// register, read lane by lane, is an 8 x 8 matrix row by row (of B: column by column).
#include "runtime/emulator/exec/Elementwise.h"
#include "runtime/emulator/exec/Half.h"

#include <cstring>

namespace attune::emulator {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

template <bool Trans> void ldmatrix(Warp& w, const Op& op) {
  // op.r: destinations, address; op.target: how many
  const int count = op.target;
  u64 rows[32] = {};
  std::uint16_t matrix[4][8][8];
  for (int l = 0; l < 8 * count; ++l) {
    rows[l] = w.lane<u32>(op.r[static_cast<std::size_t>(count)])[l] + static_cast<u64>(op.immediate);
    std::memcpy(matrix[l / 8][l % 8], w.sharedAt(rows[l], 16, l), 16);
  }
  for (int m = 0; m < count; ++m) {
    u32* d = w.lane<u32>(op.r[static_cast<std::size_t>(m)]);
    if constexpr (Trans) {
      for (int l = 0; l < 32; ++l)
        d[l] = static_cast<u32>(matrix[m][l % 4 * 2 + 1][l / 4]) << 16 | matrix[m][l % 4 * 2][l / 4];
    } else {
      std::memcpy(d, matrix[m], 128);
    }
  }
  if (w.block.options.counters) {
    const u32 all = w.mask;
    w.mask = count == 4 ? all_lanes : (1u << (8 * count)) - 1;
    w.countShared(rows, 16);
    w.mask = all;
  }
}

template <bool Brain> float widen(u32 bits) { return Brain ? fromBf16(bits) : fromF16(bits); }

/// 64 16-bit numbers of a register, as floats.
template <bool Brain> void unpack(const u32* from, float* to) {
  for (int l = 0; l < 32; ++l) {
    to[2 * l] = widen<Brain>(from[l] & 0xffff);
    to[2 * l + 1] = widen<Brain>(from[l] >> 16);
  }
}

/// D = A B + C in fp32, products added to C in order of k. PTX leaves order and rounding of the sum open.
template <bool Brain, int K> void mma(Warp& w, const Op& op) {
  constexpr std::size_t a_at = 4, b_at = a_at + K / 4, c_at = b_at + K / 8;
  alignas(32) float a[K / 4][8][8]; // A registers
  alignas(32) float b[K][8];        // B, row by row
  alignas(32) float column[64];
  for (std::size_t r = 0; r < K / 4; ++r)
    unpack<Brain>(w.lane<u32>(op.r[a_at + r]), &a[r][0][0]);
  for (std::size_t r = 0; r < K / 8; ++r) {
    unpack<Brain>(w.lane<u32>(op.r[b_at + r]), column);
    for (int k = 0; k < 8; ++k)
      for (int n = 0; n < 8; ++n)
        b[r * 8 + k][n] = column[n * 8 + k];
  }
  for (std::size_t half = 0; half < 2; ++half) {
    const float* c_even = w.lane<float>(op.r[c_at + 2 * half]);
    const float* c_odd = w.lane<float>(op.r[c_at + 2 * half + 1]);
    alignas(32) float sum[8][8];
    for (int row = 0; row < 8; ++row)
      for (int t = 0; t < 4; ++t) {
        sum[row][2 * t] = c_even[row * 4 + t];
        sum[row][2 * t + 1] = c_odd[row * 4 + t];
      }
    for (int row = 0; row < 8; ++row) {
      typedef float Eight __attribute__((vector_size(32)));
      Eight acc;
      std::memcpy(&acc, sum[row], sizeof acc);
      for (std::size_t k = 0; k < K; ++k) {
        Eight of_b;
        std::memcpy(&of_b, b[k], sizeof of_b);
        acc += a[half + 2 * (k / 8)][row][k % 8] * of_b;
      }
      std::memcpy(sum[row], &acc, sizeof acc);
    }
    // the destination may be C's registers: both halves of C of these rows have been read
    float* d_even = w.lane<float>(op.r[2 * half]);
    float* d_odd = w.lane<float>(op.r[2 * half + 1]);
    for (int row = 0; row < 8; ++row)
      for (int t = 0; t < 4; ++t) {
        d_even[row * 4 + t] = sum[row][2 * t];
        d_odd[row * 4 + t] = sum[row][2 * t + 1];
      }
  }
}

} // namespace

bool selectMatrix(const Instruction& i, Decoder& d, Op& op) {
  if (i.opcode == "ldmatrix") {
    if (!i.has("m8n8") || i.type() != Type::B16 || i.operands.at(1).kind != Operand::Kind::Address)
      return false;
    op.target = i.has("x4") ? 4 : i.has("x2") ? 2 : 1;
    if (i.operands[0].parts.size() != static_cast<std::size_t>(op.target))
      return false;
    for (const Operand& part : i.operands[0].parts)
      op.r.push_back(d.value(part, Type::B32));
    Operand base;
    base.kind = Operand::Kind::Register;
    base.name = i.operands[1].name;
    op.r.push_back(d.value(base, Type::U32)); // of a 64-bit register the low lanes would be wrong
    if (bytesOf(d.entry().registers.at(base.name)) == 8)
      return false;
    op.immediate = static_cast<std::int64_t>(i.operands[1].bits);
    op.run = i.has("trans") ? &ldmatrix<true> : &ldmatrix<false>;
    op.kind = Class::LoadMatrix;
    op.flow = Flow::Converge;
    return true;
  }
  if (i.opcode != "mma" || !i.has("row") || !i.has("col"))
    return false;
  const bool brain = i.type(1) == Type::BF16, half = i.type(1) == Type::F16;
  if (i.type(0) != Type::F32 || !(brain || half) || i.operands.size() != 4)
    return false;
  for (std::size_t n = 0; n < 4; ++n)
    for (const Operand& part : i.operands[n].parts)
      op.r.push_back(d.value(part, n == 0 || n == 3 ? Type::F32 : Type::B32));
  if (i.has("m16n8k16") && op.r.size() == 14)
    op.run = brain ? &mma<true, 16> : &mma<false, 16>;
  else if (i.has("m16n8k8") && op.r.size() == 11)
    op.run = brain ? &mma<true, 8> : &mma<false, 8>;
  else
    return false;
  op.target = i.has("m16n8k16") ? 16 : 8;
  op.kind = Class::Mma;
  op.flow = Flow::Converge;
  return true;
}

} // namespace attune::emulator
