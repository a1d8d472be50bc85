// Integer arithmetic, logic, comparison and selection (PTX ISA, "Integer Arithmetic", "Comparison and Selection", "Logic and Shift").
#include "runtime/emulator/exec/Elementwise.h"

#include <algorithm>

namespace attune::emulator {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

template <class T> using Unsigned = std::make_unsigned_t<T>;
template <class T> using Wide = std::conditional_t<sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, std::int64_t, u64>,
                                                   std::conditional_t<std::is_signed_v<T>, std::int32_t, u32>>;
template <class T> T wrap(Unsigned<T> value) { return static_cast<T>(value); }

template <class T> T mulHigh(T a, T b) {
  if constexpr (sizeof(T) == 8) {
    __extension__ using Product = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
    return static_cast<T>((static_cast<Product>(a) * static_cast<Product>(b)) >> 64);
  } else {
    return static_cast<T>((static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b)) >> (8 * sizeof(T)));
  }
}
template <class T> T mulLow(T a, T b) { return static_cast<T>(static_cast<u64>(a) * static_cast<u64>(b)); }

template <class T> Handler integerHandler(const Instruction& i) {
  const std::string& o = i.opcode;
  if (o == "add") return lanewise<T(T, T)>([](T a, T b) { return static_cast<T>(static_cast<u64>(a) + static_cast<u64>(b)); });
  if (o == "sub") return lanewise<T(T, T)>([](T a, T b) { return static_cast<T>(static_cast<u64>(a) - static_cast<u64>(b)); });
  if (o == "min") return lanewise<T(T, T)>([](T a, T b) { return a < b ? a : b; });
  if (o == "max") return lanewise<T(T, T)>([](T a, T b) { return a > b ? a : b; });
  if (o == "div") return lanewise<T(T, T)>([](T a, T b) { return b == 0 ? static_cast<T>(-1) : std::is_signed_v<T> && b == static_cast<T>(-1) ? static_cast<T>(0 - static_cast<u64>(a)) : static_cast<T>(a / b); });
  if (o == "rem") return lanewise<T(T, T)>([](T a, T b) { return b == 0 ? a : (std::is_signed_v<T> && b == static_cast<T>(-1)) ? T(0) : static_cast<T>(a % b); });
  if (o == "abs") return lanewise<T(T)>([](T a) { return a < T(0) ? static_cast<T>(0 - static_cast<u64>(a)) : a; });
  if (o == "neg") return lanewise<T(T)>([](T a) { return static_cast<T>(0 - static_cast<u64>(a)); });
  if (o == "and") return lanewise<T(T, T)>([](T a, T b) { return static_cast<T>(a & b); });
  if (o == "or") return lanewise<T(T, T)>([](T a, T b) { return static_cast<T>(a | b); });
  if (o == "xor") return lanewise<T(T, T)>([](T a, T b) { return static_cast<T>(a ^ b); });
  if (o == "not") return lanewise<T(T)>([](T a) { return static_cast<T>(~a); });
  if (o == "shl") return lanewise<T(T, u32)>([](T a, u32 b) { return b >= 8 * sizeof(T) ? T(0) : static_cast<T>(static_cast<u64>(a) << b); });
  if (o == "shr") return lanewise<T(T, u32)>([](T a, u32 b) { return static_cast<T>(b >= 8 * sizeof(T) ? (a < T(0) ? T(-1) : T(0)) : static_cast<T>(a >> b)); });
  if (o == "popc") return lanewise<u32(T)>([](T a) { return static_cast<u32>(std::popcount(static_cast<Unsigned<T>>(a))); });
  if (o == "clz") return lanewise<u32(T)>([](T a) { return static_cast<u32>(std::countl_zero(static_cast<Unsigned<T>>(a))); });
  if (o == "mul" || o == "mad") {
    const bool mad = o == "mad";
    if (i.has("hi"))
      return mad ? lanewise<T(T, T, T)>([](T a, T b, T c) { return static_cast<T>(static_cast<u64>(mulHigh(a, b)) + static_cast<u64>(c)); })
                 : lanewise<T(T, T)>([](T a, T b) { return mulHigh(a, b); });
    if (i.has("wide")) {
      if constexpr (sizeof(T) <= 4 && sizeof(T) >= 2) {
        using W = Wide<T>;
        return mad ? lanewise<W(T, T, W)>([](T a, T b, W c) { return static_cast<W>(static_cast<u64>(W(a) * W(b)) + static_cast<u64>(c)); })
                   : lanewise<W(T, T)>([](T a, T b) { return static_cast<W>(W(a) * W(b)); });
      }
    }
    return mad ? lanewise<T(T, T, T)>([](T a, T b, T c) { return static_cast<T>(static_cast<u64>(mulLow(a, b)) + static_cast<u64>(c)); })
               : lanewise<T(T, T)>([](T a, T b) { return mulLow(a, b); });
  }
  if (o == "bfe") return lanewise<T(T, u32, u32)>([](T a, u32 position, u32 length) {
    position &= 255, length &= 255;
    constexpr u32 bits = 8 * sizeof(T);
    if (length == 0) return T(0);
    const u64 sign_at = std::min(position + length - 1, bits - 1);
    const bool sign = std::is_signed_v<T> && (static_cast<u64>(static_cast<Unsigned<T>>(a)) >> sign_at & 1);
    u64 field = position >= bits ? 0 : static_cast<u64>(static_cast<Unsigned<T>>(a)) >> position;
    const u32 taken = position >= bits ? 0 : std::min(length, bits - position);
    if (taken < 64) field &= (u64{1} << taken) - 1;
    if (sign && taken < 64) field |= ~u64{0} << taken;
    return static_cast<T>(field); });
  if (o == "bfi") return lanewise<T(T, T, u32, u32)>([](T a, T b, u32 position, u32 length) {
    position &= 255, length &= 255;
    const u64 ones = length >= 64 ? ~u64{0} : (u64{1} << length) - 1;
    const u64 field = position >= 64 ? 0 : ones << position;
    const u64 shifted = position >= 64 ? 0 : static_cast<u64>(static_cast<Unsigned<T>>(a)) << position;
    return static_cast<T>((static_cast<u64>(static_cast<Unsigned<T>>(b)) & ~field) | (shifted & field)); });
  if (o == "brev") return lanewise<T(T)>([](T a) {
    u64 from = static_cast<u64>(static_cast<Unsigned<T>>(a)), to = 0;
    for (u32 n = 0; n < 8 * sizeof(T); ++n, from >>= 1) to = to << 1 | (from & 1);
    return static_cast<T>(to); });
  return nullptr;
}

template <class T> Handler comparison(const std::string& how) {
  if (how == "eq") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a == b}; });
  if (how == "ne") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a != b}; });
  if (how == "lt" || how == "lo") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a < b}; });
  if (how == "le" || how == "ls") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a <= b}; });
  if (how == "gt" || how == "hi") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a > b}; });
  if (how == "ge" || how == "hs") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a >= b}; });
  return nullptr;
}

template <class T> Handler floatComparison(const std::string& how) {
  if (how == "eq") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a == b}; });
  if (how == "ne") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a < b || a > b}; });
  if (how == "lt") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a < b}; });
  if (how == "le") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a <= b}; });
  if (how == "gt") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a > b}; });
  if (how == "ge") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a >= b}; });
  if (how == "equ") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{!(a < b || a > b)}; });
  if (how == "neu") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{!(a == b)}; });
  if (how == "ltu") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{!(a >= b)}; });
  if (how == "leu") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{!(a > b)}; });
  if (how == "gtu") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{!(a <= b)}; });
  if (how == "geu") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{!(a < b)}; });
  if (how == "num") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a == a && b == b}; });
  if (how == "nan") return lanewise<Bit(T, T)>([](T a, T b) { return Bit{a != a || b != b}; });
  return nullptr;
}

bool selectSetp(const Instruction& i, Decoder& d, Op& op) {
  const Type type = i.type();
  Handler compare = nullptr;
  const std::string& how = i.modifiers.at(0);
  if (type == Type::F32) compare = floatComparison<float>(how);
  else if (type == Type::F64) compare = floatComparison<double>(how);
  else withInteger(type, [&](auto t) { compare = comparison<decltype(t)>(how); });
  if (!compare || i.has("and") || i.has("or") || i.has("xor") || i.operands.size() != 3)
    return false;
  op.r = {d.predicate(i.operands[0]), d.value(i.operands[1], type), d.value(i.operands[2], type)};
  op.run = compare;
  return true;
}

bool selectPredicate(const Instruction& i, Decoder& d, Op& op) {
  if (i.type() != Type::Pred)
    return false;
  if (i.opcode == "mov" && i.operands.at(1).kind == Operand::Kind::Integer) {
    op.r = {d.predicate(i.operands[0])};
    op.immediate = i.operands[1].bits != 0;
    op.run = [](Warp& w, const Op& o) {
      u32& p = w.predicate(o.r[0]);
      p = o.immediate ? p | w.mask : p & ~w.mask;
    };
    return true;
  }
  for (const Operand& o : i.operands)
    op.r.push_back(d.predicate(o));
  if (i.opcode == "and") op.run = lanewise<Bit(Bit, Bit)>([](Bit a, Bit b) { return Bit{a.value && b.value}; });
  else if (i.opcode == "or") op.run = lanewise<Bit(Bit, Bit)>([](Bit a, Bit b) { return Bit{a.value || b.value}; });
  else if (i.opcode == "xor") op.run = lanewise<Bit(Bit, Bit)>([](Bit a, Bit b) { return Bit{a.value != b.value}; });
  else if (i.opcode == "not") op.run = lanewise<Bit(Bit)>([](Bit a) { return Bit{!a.value}; });
  else if (i.opcode == "mov") op.run = lanewise<Bit(Bit)>([](Bit a) { return a; });
  return op.run != nullptr;
}

u32 permute(u32 a, u32 b, u32 selector) {
  const u64 bytes = static_cast<u64>(b) << 32 | a;
  u32 d = 0;
  for (u32 n = 0; n < 4; ++n) {
    const u32 pick = selector >> (4 * n) & 15;
    u32 byte = static_cast<u32>(bytes >> (8 * (pick & 7))) & 255;
    if (pick & 8) byte = byte & 128 ? 255 : 0;
    d |= byte << (8 * n);
  }
  return d;
}

} // namespace

bool selectArithmetic(const Instruction& i, Decoder& d, Op& op) {
  if (i.opcode == "setp")
    return selectSetp(i, d, op);
  const Type type = i.type();
  if (type == Type::Pred && i.opcode != "vote" && i.opcode != "shfl")
    return selectPredicate(i, d, op);
  if (i.opcode == "mov" && i.operands.size() == 2 && i.operands[1].kind == Operand::Kind::Vector) { // {a, b} -> wider
    d.values(i, op, bytesOf(type) == 8 && i.operands[1].parts.size() == 2 ? Type::B32 : Type::B16, 1);
    op.r.insert(op.r.begin(), d.value(i.operands[0], type));
    if (op.r.size() != 3)
      return false;
    op.run = bytesOf(type) == 8 ? lanewise<u64(u32, u32)>([](u32 a, u32 b) { return static_cast<u64>(b) << 32 | a; })
                                : lanewise<u32(u32, u32)>([](u32 a, u32 b) { return (b & 0xffff) << 16 | (a & 0xffff); });
    return true;
  }
  if (i.opcode == "mov" && i.operands[0].kind == Operand::Kind::Vector) {
    if (i.operands[0].parts.size() != 2)
      return false;
    const Type part = bytesOf(type) == 8 ? Type::B32 : Type::B16;
    op.r = {d.value(i.operands[0].parts[0], part), d.value(i.operands[0].parts[1], part), d.value(i.operands[1], type)};
    if (bytesOf(type) == 8)
      op.run = [](Warp& w, const Op& o) {
        for (int l = 0; l < 32; ++l)
          if (w.mask >> l & 1) {
            const u64 from = w.lane<u64>(o.r[2])[l];
            w.lane<u32>(o.r[0])[l] = static_cast<u32>(from), w.lane<u32>(o.r[1])[l] = static_cast<u32>(from >> 32);
          }
      };
    else
      op.run = [](Warp& w, const Op& o) {
        for (int l = 0; l < 32; ++l)
          if (w.mask >> l & 1) {
            const u32 from = w.lane<u32>(o.r[2])[l];
            w.lane<u32>(o.r[0])[l] = from & 0xffff, w.lane<u32>(o.r[1])[l] = from >> 16;
          }
      };
    return true;
  }
  if (i.opcode == "mov") {
    op.r = {d.value(i.operands.at(0), type), d.value(i.operands.at(1), type)};
    op.run = bytesOf(type) == 8 ? lanewise<u64(u64)>([](u64 a) { return a; }) : lanewise<u32(u32)>([](u32 a) { return a; });
    return true;
  }
  if (i.opcode == "selp") {
    op.r = {d.value(i.operands.at(0), type), d.value(i.operands.at(1), type), d.value(i.operands.at(2), type), d.predicate(i.operands.at(3))};
    op.run = bytesOf(type) == 8 ? lanewise<u64(u64, u64, Bit)>([](u64 a, u64 b, Bit p) { return p.value ? a : b; })
                                : lanewise<u32(u32, u32, Bit)>([](u32 a, u32 b, Bit p) { return p.value ? a : b; });
    return true;
  }
  if (i.opcode == "lop3") {
    for (std::size_t n = 0; n < 4; ++n)
      op.r.push_back(d.value(i.operands.at(n), type));
    op.immediate = static_cast<std::int64_t>(i.operands.at(4).bits);
    op.run = [](Warp& w, const Op& o) {
      const u32 table = static_cast<u32>(o.immediate);
      for (int l = 0; l < 32; ++l)
        if (w.mask >> l & 1) {
          const u32 a = w.lane<u32>(o.r[1])[l], b = w.lane<u32>(o.r[2])[l], c = w.lane<u32>(o.r[3])[l];
          u32 result = 0;
          for (u32 n = 0; n < 8; ++n)
            if (table >> n & 1)
              result |= (n & 4 ? a : ~a) & (n & 2 ? b : ~b) & (n & 1 ? c : ~c);
          w.lane<u32>(o.r[0])[l] = result;
        }
    };
    return true;
  }
  if (i.opcode == "prmt" && i.modifiers.size() == 1) {
    d.values(i, op, type);
    op.run = lanewise<u32(u32, u32, u32)>([](u32 a, u32 b, u32 c) { return permute(a, b, c); });
    return true;
  }
  if (i.opcode == "shf") {
    d.values(i, op, Type::B32);
    if (i.has("l"))
      op.run = i.has("wrap") ? lanewise<u32(u32, u32, u32)>([](u32 a, u32 b, u32 c) { return static_cast<u32>((static_cast<u64>(b) << 32 | a) << (c & 31) >> 32); })
                             : lanewise<u32(u32, u32, u32)>([](u32 a, u32 b, u32 c) { return c >= 32 ? a : static_cast<u32>((static_cast<u64>(b) << 32 | a) << c >> 32); });
    else
      op.run = i.has("wrap") ? lanewise<u32(u32, u32, u32)>([](u32 a, u32 b, u32 c) { return static_cast<u32>((static_cast<u64>(b) << 32 | a) >> (c & 31)); })
                             : lanewise<u32(u32, u32, u32)>([](u32 a, u32 b, u32 c) { return c >= 32 ? b : static_cast<u32>((static_cast<u64>(b) << 32 | a) >> c); });
    return true;
  }
  Handler run = nullptr;
  withInteger(type, [&](auto t) { run = integerHandler<decltype(t)>(i); });
  if (!run)
    return false;
  const bool is_shift = i.opcode == "shl" || i.opcode == "shr", is_field = i.opcode == "bfe" || i.opcode == "bfi";
  const bool wide = i.has("wide");
  const Type wider = bytesOf(type) == 4 ? Type::B64 : Type::B32;
  for (std::size_t n = 0; n < i.operands.size(); ++n) {
    const bool counts = (is_shift && n == 2) || (is_field && n + 2 >= i.operands.size()) || ((i.opcode == "popc" || i.opcode == "clz") && n == 0);
    op.r.push_back(d.value(i.operands[n], counts ? Type::U32 : wide && (n == 0 || n == 3) ? wider : type));
  }
  op.run = run;
  return true;
}

} // namespace attune::emulator
