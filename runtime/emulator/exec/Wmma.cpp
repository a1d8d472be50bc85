#include "runtime/emulator/exec/Access.h"
#include "runtime/emulator/exec/Matrix.h"

#include <algorithm>
#include <cstring>
#include <vector>

// wmma. PTX leaves open which lane holds which element of a fragment; here a fragment consists of the 8x8 blocks of
// mma.sync, so that wmma.mma is a few mma.sync of m16n8k16 and counts as those. Blocks of A are named by (m, k), of B
// by (n, k), of C by (m, n). A register of 16-bit elements is a block; two registers of f32 are one, the even columns
// and the odd ones. Fragments of f16 have eight registers whatever their shape; those left over repeat the first ones.

namespace attune::emulator::exec {

namespace {

struct Shape {
  unsigned m = 0, n = 0; ///< in blocks; k is two blocks
};

/// Where the blocks of a fragment are: four bits each in Instr::target, two of the row and two of the column.
struct Blocks {
  unsigned count = 0;
  std::uint32_t packed = 0;
  void add(unsigned row, unsigned column) { packed |= (row | column << 2) << (4 * count++); }
};

Blocks blocksOfA(Shape shape) { // in the order of mma.sync: 16 rows after the other, k below them
  Blocks blocks;
  for (unsigned row = 0; row < shape.m; row += 2)
    for (unsigned k = 0; k < 2; ++k)
      for (unsigned i = row; i < std::min(row + 2, shape.m); ++i)
        blocks.add(i, k);
  return blocks;
}

Blocks blocksOfB(Shape shape) {
  Blocks blocks;
  for (unsigned column = 0; column < shape.n; ++column)
    for (unsigned k = 0; k < 2; ++k)
      blocks.add(column, k);
  return blocks;
}

Blocks blocksOfC(Shape shape) {
  Blocks blocks;
  for (unsigned row = 0; row < shape.m; ++row)
    for (unsigned column = 0; column < shape.n; ++column)
      blocks.add(row, column);
  return blocks;
}

/// What loads and stores have in `detail`.
struct Detail {
  std::uint16_t space : 4, columns_first : 1, blocks : 4, spare : 7; ///< registers behind `blocks` repeat
};

/// The addresses of one block: a lane has two elements, neighbours in a row. `second` is where the other one lies.
template <class T>
struct Walk {
  Walk(Warp& warp, const Instr& instr, Slot address, Slot stride) : warp_(warp), instr_(instr) {
    addresses(warp, instr, address, base_);
    const auto detail = std::bit_cast<Detail>(instr.detail);
    space_ = static_cast<Space>(detail.space);
    const auto* steps = warp.read<std::uint32_t>(stride);
    for (unsigned i = 0; i < lanes; ++i) {
      row_step_[i] = detail.columns_first ? sizeof(T) : sizeof(T) * std::uint64_t{steps[i]};
      column_step_[i] = detail.columns_first ? sizeof(T) * std::uint64_t{steps[i]} : sizeof(T);
    }
    adjacent_ = !detail.columns_first;
  }

  /// Calls touch(lane, first, second) with the places of both elements, after all checks.
  template <class F>
  void block(unsigned which, Direction direction, F touch) {
    const unsigned row = instr_.target >> (4 * which) & 3, column = instr_.target >> (4 * which + 2) & 3;
    Access first;
    for (unsigned i = 0; i < lanes; ++i)
      first.address[i] =
          base_.address[i] + (8 * row + i / 4) * row_step_[i] + (8 * column + i % 4 * 2) * column_step_[i];
    Access second = first;
    resolve(warp_, space_, adjacent_ ? 2 * sizeof(T) : sizeof(T), direction, first);
    if (!adjacent_) {
      for (unsigned i = 0; i < lanes; ++i)
        second.address[i] += column_step_[i];
      resolve(warp_, space_, sizeof(T), direction, second);
    }
    for (unsigned i = 0; i < lanes; ++i)
      touch(i, first.host[i], adjacent_ ? first.host[i] + sizeof(T) : second.host[i]);
  }

private:
  Warp& warp_;
  const Instr& instr_;
  Access base_;
  Space space_ = Space::Generic;
  std::uint64_t row_step_[lanes], column_step_[lanes];
  bool adjacent_ = true;
};

template <class T>
T get(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

/// op: the registers, address, stride in elements
template <class T>
void loadTile(Warp& warp, const Instr& instr) {
  if (!wholeWarp(warp, "wmma.load"))
    return;
  constexpr std::size_t per_block = sizeof(T) / 2;
  const unsigned blocks = std::bit_cast<Detail>(instr.detail).blocks;
  Walk<T> walk(warp, instr, instr.op[instr.writes], instr.op[instr.writes + 1u]);
  for (unsigned i = 0; i < instr.writes / per_block; ++i) {
    auto* out = warp.write<std::uint32_t>(instr.op[i * per_block]);
    auto* odd = warp.write<std::uint32_t>(instr.op[i * per_block + per_block - 1]);
    if (i >= blocks) {
      std::memcpy(out, warp.read<std::uint32_t>(instr.op[i - blocks]), lanes * sizeof(*out));
      continue;
    }
    walk.block(i, Direction::Read, [&](unsigned lane, const std::byte* first, const std::byte* second) {
      if constexpr (sizeof(T) == 2)
        out[lane] = get<T>(first) | std::uint32_t{get<T>(second)} << 16;
      else
        out[lane] = get<T>(first), odd[lane] = get<T>(second);
    });
  }
}

/// op: address, stride in elements, the registers
template <class T>
void storeTile(Warp& warp, const Instr& instr) {
  if (!wholeWarp(warp, "wmma.store"))
    return;
  constexpr std::size_t per_block = sizeof(T) / 2;
  Walk<T> walk(warp, instr, instr.op[0], instr.op[1]);
  for (unsigned i = 0; i < (instr.operands - 2u) / per_block; ++i) {
    const auto* in = warp.read<std::uint32_t>(instr.op[2 + i * per_block]);
    const auto* odd = warp.read<std::uint32_t>(instr.op[2 + i * per_block + per_block - 1]);
    walk.block(i, Direction::Write, [&](unsigned lane, std::byte* first, std::byte* second) {
      const T even_value = static_cast<T>(in[lane]);
      const T odd_value = static_cast<T>(sizeof(T) == 2 ? in[lane] >> 16 : odd[lane]);
      std::memcpy(first, &even_value, sizeof(T));
      std::memcpy(second, &odd_value, sizeof(T));
    });
  }
}

Shape takeShape(Decode& decode) {
  decode.take("sync"), decode.take("aligned");
  if (decode.take("m16n16k16"))
    return {2, 2};
  if (decode.take("m32n8k16"))
    return {4, 1};
  if (decode.take("m8n32k16"))
    return {1, 4};
  decode.unsupported("this shape");
}

/// The registers of a fragment, which may be one alone.
std::vector<Operand> registersOf(Decode& decode, const Operand& fragment, std::size_t number) {
  const bool vector = fragment.kind == Operand::Kind::Vector;
  std::vector<Operand> list = vector ? fragment.elements : std::vector<Operand>{fragment};
  if (list.size() != number)
    decode.unsupported("a fragment of " + std::to_string(list.size()) + " registers");
  return list;
}

bool isHalf(Type type) { return type.kind == 'f' && type.bits == 16; }

/// op: address and stride. Without one, rows lie behind each other.
void addressAndStride(Decode& decode, std::size_t at, unsigned row_length) {
  decode.address(decode.operand(at));
  Operand whole;
  whole.value = row_length;
  const bool given = decode.count() > 2;
  decode.source(given ? decode.operand(2) : whole, {'u', 32});
}

void decodeTile(Decode& decode, bool is_load) {
  const bool a = decode.take("a"), b = !a && decode.take("b");
  if (!a && !b && !decode.take(is_load ? "c" : "d"))
    decode.unsupported("this matrix");
  const bool by_columns = decode.take("col");
  if (!by_columns && !decode.take("row"))
    decode.unsupported("this layout");
  const Shape shape = takeShape(decode);
  const Space space = decode.takeSpace();
  const Type type = decode.takeType();
  const bool product = a || b;
  if (!(isHalf(type) || (product ? type.kind == 'h' : type.kind == 'f' && type.bits == 32)))
    decode.unsupported("this type");
  const Blocks blocks = a ? blocksOfA(shape) : b ? blocksOfB(shape) : blocksOfC(shape);
  decode.expectOperands(2, 3);
  const std::size_t number = product ? (isHalf(type) ? 8 : blocks.count) : isHalf(type) ? 4 : 8;
  const std::vector<Operand> registers = registersOf(decode, decode.operand(is_load ? 0 : 1), number);
  const unsigned rows = 8 * (b ? 2 : shape.m), columns = a ? 16 : 8 * shape.n;
  if (is_load)
    for (const Operand& element : registers)
      decode.destination(element, {'b', 32});
  addressAndStride(decode, is_load ? 1 : 0, by_columns ? rows : columns);
  if (!is_load)
    for (const Operand& element : registers)
      decode.source(element, {'b', 32});
  Detail detail{};
  detail.space = static_cast<std::uint16_t>(space) & 15;
  detail.columns_first = by_columns != b; // blocks of B are transposed
  detail.blocks = blocks.count & 15;
  decode.instr.detail = std::bit_cast<std::uint16_t>(detail);
  decode.instr.target = blocks.packed;
  const Class category = space == Space::Global   ? (is_load ? Class::LoadGlobal : Class::StoreGlobal)
                         : space == Space::Shared ? (is_load ? Class::LoadShared : Class::StoreShared)
                         : is_load                ? Class::LoadGeneric
                                                  : Class::StoreGeneric;
  if (type.bits == 32)
    decode.handler(is_load ? &loadTile<std::uint32_t> : &storeTile<std::uint32_t>, category);
  else
    decode.handler(is_load ? &loadTile<std::uint16_t> : &storeTile<std::uint16_t>, category);
}

/// wmma.mma: an mma.sync for each 16 rows and 8 columns. Of a fragment of 8 rows the others are zero.
void decodeProduct(Decode& decode) {
  const Shape shape = takeShape(decode);
  for (unsigned i = 0; i < 2; ++i) // the layouts of A and B, which only wmma.load needs
    if (!decode.take("row"))
      decode.take("col");
  const Type first = decode.takeType(), second = decode.takeType();
  const bool halves = first.bits == 32 || isHalf(first); // .d.c of f16 operands, or .d.a.b.c
  const bool bfloat = second.kind == 'h';
  if (bfloat)
    decode.takeType(), decode.takeType();
  if (!halves || first.kind != 'f' || !(bfloat || (second.kind == 'f' && second.bits == first.bits)))
    decode.unsupported("these types");
  const bool half_sum = first.bits == 16;
  const std::size_t per_block = half_sum ? 1 : 2;
  decode.expectOperands(4, 4);
  const auto d = registersOf(decode, decode.operand(0), 4 * per_block),
             c = registersOf(decode, decode.operand(3), 4 * per_block);
  const auto a = registersOf(decode, decode.operand(1), bfloat ? std::size_t{2} * shape.m : 8),
             b = registersOf(decode, decode.operand(2), bfloat ? std::size_t{2} * shape.n : 8);
  for (std::size_t i = 0; i < d.size(); ++i) { // D is written in parts
    const auto same = [&](const std::vector<Operand>& list) {
      for (std::size_t j = 0; j < list.size(); ++j)
        if (list[j].name == d[i].name && !(&list == &c && i == j))
          decode.unsupported("a result that is an operand too");
    };
    same(a), same(b), same(c);
  }
  Operand zero, sink;
  sink.kind = Operand::Kind::Name, sink.name = "_";
  for (unsigned row = 0; row < shape.m; row += 2)
    for (unsigned column = 0; column < shape.n; ++column) {
      const bool lower = row + 1 < shape.m;
      const auto sums = [&](const std::vector<Operand>& list, bool writes) {
        for (unsigned i = row; i < row + 2; ++i)
          for (unsigned part = 0; part < per_block; ++part) {
            const Operand& element = i < shape.m ? list[(i * shape.n + column) * per_block + part]
                                     : writes    ? sink
                                                 : zero;
            writes ? decode.destination(element, {'b', 32}) : decode.source(element, {'b', 32});
          }
      };
      sums(d, true);
      for (unsigned k = 0; k < 2; ++k) {
        decode.source(a[lower ? 2 * row + 2 * k : k], {'b', 32});
        decode.source(lower ? a[2 * row + 2 * k + 1] : zero, {'b', 32});
      }
      for (unsigned k = 0; k < 2; ++k)
        decode.source(b[2 * column + k], {'b', 32});
      sums(c, false);
      decode.instr.flops = 2 * (lower ? 16 : 8) * 8 * 16;
      decode.handler(productOf(bfloat, half_sum), Class::Mma);
      decode.emit();
    }
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addWmmaRules(Rules& rules) {
  rules["wmma"] = [](Decode& decode) {
    if (decode.take("mma"))
      return exec::decodeProduct(decode);
    const bool is_load = decode.take("load");
    if (!is_load && !decode.take("store"))
      decode.unsupported("this form");
    exec::decodeTile(decode, is_load);
  };
}

} // namespace attune::emulator
