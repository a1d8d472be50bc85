// ldmatrix and stmatrix: 8x8 matrices of 16-bit elements, between registers and rows of shared memory. Lane 8 i + r
// gives the address of row r of matrix i; lane l has elements 2 (l % 4) and the next of row l / 4, or of column l / 4
// with .trans. One wavefront per matrix if no bank repeats.
#include "runtime/emulator/exec/Access.h"
#include "runtime/emulator/exec/Fragments.h"
#include "runtime/emulator/exec/Matrix.h"

#include <cstring>

namespace attune::emulator::exec {

namespace {

/// Where the rows are; `op` is the address.
template <unsigned Matrices>
void findRows(Warp& warp, const Instr& instr, Slot op, Direction direction, SharedAccess what, Access& access) {
  addresses(warp, instr, op, access);
  for (unsigned i = 0; i < lanes && instr.wide_address; ++i)
    access.address[i] -= access.address[i] - shared_window < window_bytes ? shared_window : 0;
  warp.exec = Matrices == 4 ? all_lanes : (1u << (8 * Matrices)) - 1;
  access.of_warp = true;
  resolveShared(warp, 16, direction, what, access);
  warp.exec = all_lanes;
}

/// op: registers, address
template <unsigned Matrices, bool Transposed>
void loadMatrices(Warp& warp, const Instr& instr) {
  if (!wholeWarp(warp, "ldmatrix"))
    return;
  Access access;
  findRows<Matrices>(warp, instr, instr.op[Matrices], Direction::Read, SharedAccess::Ldmatrix, access);
  for (unsigned i = 0; i < Matrices; ++i) {
    Row rows[8];
    for (unsigned row = 0; row < 8; ++row)
      rows[row] = loadVector<Row>(access.host[8 * i + row]);
    if constexpr (Transposed)
      transposeRows(rows);
    std::memcpy(warp.write<std::uint32_t>(instr.op[i]), rows, sizeof(rows));
  }
}

/// op: address, registers
template <unsigned Matrices, bool Transposed>
void storeMatrices(Warp& warp, const Instr& instr) {
  if (!wholeWarp(warp, "stmatrix"))
    return;
  Access access;
  findRows<Matrices>(warp, instr, instr.op[0], Direction::Write, SharedAccess::Store, access);
  for (unsigned i = 0; i < Matrices; ++i) {
    Row rows[8];
    std::memcpy(rows, warp.read<std::uint32_t>(instr.op[1 + i]), sizeof(rows));
    if constexpr (Transposed)
      transposeRows(rows);
    for (unsigned row = 0; row < 8; ++row)
      std::memcpy(access.host[8 * i + row], &rows[row], sizeof(Row));
  }
}

template <bool Loads, unsigned Matrices, bool Transposed>
constexpr Handler move = Loads ? &loadMatrices<Matrices, Transposed> : &storeMatrices<Matrices, Transposed>;

template <bool Loads>
void decodeMove(Decode& decode) {
  decode.take("sync"), decode.take("aligned");
  if (!decode.take("m8n8"))
    decode.unsupported("this shape");
  const unsigned count = decode.take("x4") ? 4 : decode.take("x2") ? 2 : decode.take("x1") ? 1 : 0;
  const bool transposed = decode.take("trans");
  decode.takeOwnShared();
  if (!decode.take("b16"))
    decode.unsupported("elements of this type");
  decode.expectOperands(2, 2);
  const Operand &registers = decode.operand(Loads ? 0 : 1), &address = decode.operand(Loads ? 1 : 0);
  const bool vector = registers.kind == Operand::Kind::Vector;
  if (count == 0 || (vector ? registers.elements.size() : 1) != count)
    decode.unsupported("this number of matrices");
  if (!Loads)
    decode.address(address);
  for (unsigned i = 0; i < count; ++i) {
    const Operand& matrix = vector ? registers.elements[i] : registers;
    Loads ? decode.destination(matrix, {'b', 32}) : decode.source(matrix, {'b', 32});
  }
  if (Loads)
    decode.address(address);
  const Handler run = count == 4   ? (transposed ? move<Loads, 4, true> : move<Loads, 4, false>)
                      : count == 2 ? (transposed ? move<Loads, 2, true> : move<Loads, 2, false>)
                                   : (transposed ? move<Loads, 1, true> : move<Loads, 1, false>);
  decode.handler(run, Loads ? Class::Ldmatrix : Class::StoreShared);
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addMatrixMoveRules(Rules& rules) {
  rules["ldmatrix"] = &exec::decodeMove<true>;
  rules["stmatrix"] = &exec::decodeMove<false>;
}

} // namespace attune::emulator
