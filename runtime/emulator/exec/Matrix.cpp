#include "runtime/emulator/exec/Access.h"

#include <cstring>
#ifdef __FMA__
#  include <immintrin.h>
#endif

namespace attune::emulator::exec {

namespace {

void requireWholeWarp(const Warp& warp, const char* what) {
  if (warp.exec != all_lanes)
    throw Fault{std::string(what) + " needs all 32 lanes, and " + std::to_string(std::popcount(warp.exec)) +
                " are here"};
}

/// 8x8 matrices of 16-bit elements. Lane 8 i + r gives the address of row r of matrix i; lane l receives elements
/// 2 (l % 4) and the next of row l / 4, or of column l / 4 with .trans. One wavefront per matrix if no bank repeats.
template <unsigned Matrices, bool Transposed>
void loadMatrices(Warp& warp, const Instr& instr) {
  if (!warp.converge(all_lanes))
    return;
  requireWholeWarp(warp, "ldmatrix");
  Access access;
  addresses(warp, instr, instr.op[Matrices], access);
  for (unsigned i = 0; i < lanes && instr.wide_address; ++i)
    access.address[i] -= access.address[i] - shared_window < window_bytes ? shared_window : 0;
  warp.exec = Matrices == 4 ? all_lanes : (1u << (8 * Matrices)) - 1;
  resolveShared(warp, 16, Direction::Read, SharedAccess::Ldmatrix, access);
  warp.exec = all_lanes;
  std::uint16_t matrix[Matrices][8][8];
  for (unsigned i = 0; i < Matrices; ++i)
    for (unsigned row = 0; row < 8; ++row)
      std::memcpy(matrix[i][row], access.host[8 * i + row], 16);
  for (unsigned i = 0; i < Matrices; ++i) {
    if constexpr (Transposed) {
      forLanes<std::uint32_t>(warp, instr.op[i], [&](unsigned lane) {
        const unsigned row = lane / 4, column = lane % 4 * 2;
        return matrix[i][column][row] | std::uint32_t{matrix[i][column + 1][row]} << 16;
      });
    } else {
      std::memcpy(warp.write<std::uint32_t>(instr.op[i]), matrix[i], sizeof(matrix[i]));
    }
  }
}

void decodeLoadMatrix(Decode& decode) {
  decode.take("sync"), decode.take("aligned");
  if (!decode.take("m8n8"))
    decode.unsupported("this shape");
  const unsigned count = decode.take("x4") ? 4 : decode.take("x2") ? 2 : decode.take("x1") ? 1 : 0;
  const bool transposed = decode.take("trans");
  if (!decode.take("shared"))
    decode.take("shared::cta");
  decode.takeType();
  decode.expectOperands(2, 2);
  const Operand& to = decode.operand(0);
  if (count == 0 || (to.kind == Operand::Kind::Vector ? to.elements.size() : 1) != count)
    decode.unsupported("this number of matrices");
  for (unsigned i = 0; i < count; ++i)
    decode.destination(to.kind == Operand::Kind::Vector ? to.elements[i] : to, {'b', 32});
  decode.address(decode.operand(1));
  const Handler run = count == 4   ? (transposed ? &loadMatrices<4, true> : &loadMatrices<4, false>)
                      : count == 2 ? (transposed ? &loadMatrices<2, true> : &loadMatrices<2, false>)
                                   : (transposed ? &loadMatrices<1, true> : &loadMatrices<1, false>);
  decode.handler(run, Class::Ldmatrix);
}

// mma.sync m16n8k16 and m16n8k8. One register of a fragment of A or B, read over the lanes, *is* an 8x8 matrix in row
// order (lane 4 r + c holds elements 2 c, 2 c + 1 of row r), so fragments become rows of f32 without any shuffle.

/// rows[r][0..8) = the 8x8 matrix in `slot`.
template <class Element>
void widen(const Warp& warp, Slot slot, float* rows, unsigned stride) {
  alignas(32) std::uint16_t halves[64];
  alignas(32) float wide[64];
  std::memcpy(halves, warp.read<std::uint32_t>(slot), sizeof(halves));
  for (unsigned i = 0; i < 64; ++i)
    wide[i] = toFloat(Element{halves[i]});
  for (unsigned row = 0; row < 8; ++row)
    std::memcpy(rows + row * stride, wide + row * 8, 8 * sizeof(float));
}

/// c[16][8] += a[16][K] * b[8][K]^T, k ascending, every step fused: f32 accumulation in order, rounded once per step.
template <unsigned K>
void multiplyAccumulate(float (&c)[16][8], const float (&a)[16][K], const float (&b)[8][K]) {
  alignas(32) float across[K][8];
  for (unsigned k = 0; k < K; ++k)
    for (unsigned n = 0; n < 8; ++n)
      across[k][n] = b[n][k];
#ifdef __FMA__
  for (unsigned row = 0; row < 16; row += 8) { // eight independent sums hide the latency of the fused operation
    __m256 sum[8];
    for (unsigned i = 0; i < 8; ++i)
      sum[i] = _mm256_load_ps(c[row + i]);
    for (unsigned k = 0; k < K; ++k) {
      const __m256 column = _mm256_load_ps(across[k]);
      for (unsigned i = 0; i < 8; ++i)
        sum[i] = _mm256_fmadd_ps(_mm256_broadcast_ss(&a[row + i][k]), column, sum[i]);
    }
    for (unsigned i = 0; i < 8; ++i)
      _mm256_store_ps(c[row + i], sum[i]);
  }
#else
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned k = 0; k < K; ++k)
      for (unsigned n = 0; n < 8; ++n)
        c[row][n] = std::fma(a[row][k], across[k][n], c[row][n]);
#endif
}

/// op: D, A (K / 4 registers), B (K / 8), C. D and C are four registers of f32, or two of f16 pairs.
template <class Element, unsigned K, bool HalfSum>
void multiply(Warp& warp, const Instr& instr) {
  if (!warp.converge(all_lanes))
    return;
  requireWholeWarp(warp, "mma.sync");
  constexpr unsigned d = HalfSum ? 2 : 4, a_at = d, b_at = a_at + K / 4, c_at = b_at + K / 8;
  alignas(32) float a[16][K], b[8][K], c[16][8];
  for (unsigned half = 0; half < K / 8; ++half) {
    widen<Element>(warp, instr.op[a_at + 2 * half], &a[0][8 * half], K);
    widen<Element>(warp, instr.op[a_at + 2 * half + 1], &a[8][8 * half], K);
    widen<Element>(warp, instr.op[b_at + half], &b[0][8 * half], K);
  }
  if constexpr (HalfSum) {
    widen<Half>(warp, instr.op[c_at], &c[0][0], 8);
    widen<Half>(warp, instr.op[c_at + 1], &c[8][0], 8);
  } else {
    for (unsigned part = 0; part < 2; ++part) {
      const auto* even = warp.read<float>(instr.op[c_at + 2 * part]);
      const auto* odd = warp.read<float>(instr.op[c_at + 2 * part + 1]);
      float* rows = &c[8 * part][0];
      for (unsigned lane = 0; lane < lanes; ++lane)
        rows[2 * lane] = even[lane], rows[2 * lane + 1] = odd[lane];
    }
  }
  multiplyAccumulate<K>(c, a, b);
  for (unsigned part = 0; part < 2; ++part) {
    const float* rows = &c[8 * part][0];
    if constexpr (HalfSum) {
      forLanes<std::uint32_t>(warp, instr.op[part], [=](unsigned lane) {
        return toHalf(rows[2 * lane]).bits | std::uint32_t{toHalf(rows[2 * lane + 1]).bits} << 16;
      });
    } else {
      auto* even = warp.write<float>(instr.op[2 * part]);
      auto* odd = warp.write<float>(instr.op[2 * part + 1]);
      for (unsigned lane = 0; lane < lanes; ++lane)
        even[lane] = canonical(rows[2 * lane]), odd[lane] = canonical(rows[2 * lane + 1]);
    }
  }
}

void decodeMultiply(Decode& decode) {
  decode.take("sync"), decode.take("aligned");
  const bool k16 = decode.take("m16n8k16");
  if (!k16 && !decode.take("m16n8k8"))
    decode.unsupported("this shape");
  if (!decode.take("row") || !decode.take("col"))
    decode.unsupported("this layout");
  const Type d = decode.takeType(), a = decode.takeType(), b = decode.takeType(), c = decode.takeType();
  const bool half = a.kind == 'f' && a.bits == 16, bfloat = a.kind == 'h';
  if (!(half || bfloat) || b.kind != a.kind || b.bits != a.bits || c.kind != d.kind || c.bits != d.bits ||
      d.kind != 'f' || !(d.bits == 32 || (d.bits == 16 && half)))
    decode.unsupported("these types");
  decode.expectOperands(4, 4);
  const std::size_t sums = d.bits == 16 ? 2 : 4, counts[] = {sums, k16 ? 4u : 2u, k16 ? 2u : 1u, sums};
  for (std::size_t i = 0; i < 4; ++i) {
    const Operand& fragment = decode.operand(i);
    const bool vector = fragment.kind == Operand::Kind::Vector;
    if ((vector ? fragment.elements.size() : 1) != counts[i])
      decode.unsupported("a fragment of this size");
    for (std::size_t j = 0; j < counts[i]; ++j) {
      const Operand& element = vector ? fragment.elements[j] : fragment;
      i == 0 ? decode.destination(element, {'b', 32}) : decode.source(element, {'b', 32});
    }
  }
  Handler run = nullptr;
  if (d.bits == 16)
    run = k16 ? &multiply<Half, 16, true> : &multiply<Half, 8, true>;
  else if (half)
    run = k16 ? &multiply<Half, 16, false> : &multiply<Half, 8, false>;
  else
    run = k16 ? &multiply<Bfloat, 16, false> : &multiply<Bfloat, 8, false>;
  decode.instr.flops = 2 * 16 * 8 * (k16 ? 16 : 8);
  decode.handler(run, Class::Mma);
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addMatrixRules(Rules& rules) {
  rules["ldmatrix"] = &exec::decodeLoadMatrix;
  rules["mma"] = &exec::decodeMultiply;
}

} // namespace attune::emulator
