#include "runtime/emulator/exec/Access.h"
#include "runtime/emulator/exec/Fragments.h"

namespace attune::emulator::exec {

namespace {

/// ldmatrix the other way. op: address, registers. Lane 8 i + r gives the address of row r of matrix i.
template <unsigned Matrices, bool Transposed>
void storeMatrices(Warp& warp, const Instr& instr) {
  if (!warp.converge(all_lanes))
    return;
  if (warp.exec != all_lanes)
    throw Fault{"stmatrix needs all 32 lanes, and " + std::to_string(std::popcount(warp.exec)) + " are here"};
  Access access;
  addresses(warp, instr, instr.op[0], access);
  for (unsigned i = 0; i < lanes && instr.wide_address; ++i)
    access.address[i] -= access.address[i] - shared_window < window_bytes ? shared_window : 0;
  warp.exec = Matrices == 4 ? all_lanes : (1u << (8 * Matrices)) - 1;
  resolveShared(warp, 16, Direction::Write, SharedAccess::Store, access);
  warp.exec = all_lanes;
  for (unsigned i = 0; i < Matrices; ++i) {
    Row rows[8];
    std::memcpy(rows, warp.read<std::uint32_t>(instr.op[1 + i]), sizeof(rows));
    if constexpr (Transposed)
      transposeRows(rows);
    for (unsigned row = 0; row < 8; ++row)
      std::memcpy(access.host[8 * i + row], &rows[row], sizeof(Row));
  }
}

void decodeStoreMatrix(Decode& decode) {
  decode.take("sync"), decode.take("aligned");
  if (!decode.take("m8n8"))
    decode.unsupported("this shape");
  const unsigned count = decode.take("x4") ? 4 : decode.take("x2") ? 2 : decode.take("x1") ? 1 : 0;
  const bool transposed = decode.take("trans");
  if (!decode.take("shared"))
    decode.take("shared::cta");
  decode.take("b16");
  decode.expectOperands(2, 2);
  const Operand& from = decode.operand(1);
  if (count == 0 || (from.kind == Operand::Kind::Vector ? from.elements.size() : 1) != count)
    decode.unsupported("this number of matrices");
  decode.address(decode.operand(0));
  for (unsigned i = 0; i < count; ++i)
    decode.source(from.kind == Operand::Kind::Vector ? from.elements[i] : from, {'b', 32});
  const Handler run = count == 4   ? (transposed ? &storeMatrices<4, true> : &storeMatrices<4, false>)
                      : count == 2 ? (transposed ? &storeMatrices<2, true> : &storeMatrices<2, false>)
                                   : (transposed ? &storeMatrices<1, true> : &storeMatrices<1, false>);
  decode.handler(run, Class::StoreShared);
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addStoreMatrixRules(Rules& rules) { rules["stmatrix"] = &exec::decodeStoreMatrix; }

} // namespace attune::emulator
