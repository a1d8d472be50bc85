#include "runtime/emulator/exec/Lanes.h"

#include <algorithm>

namespace attune::emulator::exec {

namespace {

struct And {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a | b);
  }
};
struct Xor {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a ^ b);
  }
};
struct Not {
  template <class T>
  T operator()(T a) const {
    return static_cast<T>(~a);
  }
};
struct LogicalNot {
  template <class T>
  T operator()(T a) const {
    return static_cast<T>(a == 0);
  }
};
struct ShiftLeft {
  template <class T>
  T operator()(T a, std::uint32_t n) const {
    return n >= 8 * sizeof(T) ? T{0} : static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) << n);
  }
};
struct ShiftRight {
  template <class T>
  T operator()(T a, std::uint32_t n) const {
    constexpr std::uint32_t most = 8 * sizeof(T) - 1;
    if constexpr (std::is_signed_v<T>)
      return static_cast<T>(a >> (n > most ? most : n));
    else
      return n > most ? T{0} : static_cast<T>(a >> n);
  }
};
struct PopulationCount {
  template <class T>
  std::uint32_t operator()(T a) const {
    return static_cast<std::uint32_t>(std::popcount(a));
  }
};
struct LeadingZeros {
  template <class T>
  std::uint32_t operator()(T a) const {
    return static_cast<std::uint32_t>(std::countl_zero(a));
  }
};
struct Reverse {
  template <class T>
  T operator()(T a) const {
    T result = 0;
    for (unsigned i = 0; i < 8 * sizeof(T); ++i)
      result = static_cast<T>(result | ((a >> i) & 1) << (8 * sizeof(T) - 1 - i));
    return result;
  }
};
/// Position of the highest bit that differs from the sign; ~0 if there is none.
struct FindLeading {
  template <class T>
  std::uint32_t operator()(T a) const {
    using U = std::make_unsigned_t<T>;
    const U bits = static_cast<U>(std::is_signed_v<T> && a < 0 ? ~a : a);
    return bits == 0 ? ~0u : static_cast<std::uint32_t>(std::bit_width(bits)) - 1;
  }
};
struct FindLeadingAsShift {
  template <class T>
  std::uint32_t operator()(T a) const {
    const std::uint32_t at = FindLeading{}(a);
    return at == ~0u ? at : static_cast<std::uint32_t>(8 * sizeof(T) - 1) - at;
  }
};

template <class T, class Op>
void shift(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<Storage<T>>(instr.op[1]);
  const auto* n = warp.read<std::uint32_t>(instr.op[2]);
  forLanes<T>(warp, instr.op[0], [=](unsigned i) -> T { return Op{}(unpack<T>(a[i]), n[i]); });
}

template <class T>
void extractField(Warp& warp, const Instr& instr) {
  constexpr std::uint32_t width = 8 * sizeof(T);
  using U = std::make_unsigned_t<T>;
  const auto* a = warp.read<Storage<T>>(instr.op[1]);
  const auto* b = warp.read<std::uint32_t>(instr.op[2]);
  const auto* c = warp.read<std::uint32_t>(instr.op[3]);
  forLanes<T>(warp, instr.op[0], [=](unsigned i) -> T {
    const std::uint32_t position = b[i] & 0xff, length = c[i] & 0xff;
    const T value = unpack<T>(a[i]);
    const U shifted = position >= width ? static_cast<U>(value < 0 ? ~U{0} : U{0}) : static_cast<U>(value >> position);
    if (length == 0)
      return 0;
    if (length >= width)
      return static_cast<T>(shifted);
    const U mask = static_cast<U>((U{1} << length) - 1);
    // sign bit of the field, which lies at the top of the value if the field reaches beyond it
    const std::uint32_t top = std::min(position + length - 1, width - 1);
    const bool negative = std::is_signed_v<T> && ((static_cast<U>(value) >> top) & 1) != 0;
    return static_cast<T>(negative ? shifted | ~mask : shifted & mask);
  });
}

template <class T>
void insertField(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<T>(instr.op[1]);
  const auto* b = warp.read<T>(instr.op[2]);
  const auto* c = warp.read<std::uint32_t>(instr.op[3]);
  const auto* d = warp.read<std::uint32_t>(instr.op[4]);
  constexpr std::uint32_t width = 8 * sizeof(T);
  forLanes<T>(warp, instr.op[0], [=](unsigned i) -> T {
    const std::uint32_t position = c[i] & 0xff, length = d[i] & 0xff;
    if (position >= width)
      return b[i];
    const T field = length >= width ? ~T{0} : (T{1} << length) - 1;
    const T mask = static_cast<T>(field << position);
    return static_cast<T>((b[i] & ~mask) | ((a[i] << position) & mask));
  });
}

std::uint32_t permuteBytes(std::uint32_t a, std::uint32_t b, std::uint32_t selector, unsigned mode) {
  const std::uint64_t bytes = a | std::uint64_t{b} << 32;
  const std::uint32_t low = selector & 3;
  static constexpr std::uint16_t patterns[7][4] = {{0, 0, 0, 0},
                                                   {0x3210, 0x4321, 0x5432, 0x6543},  // f4e
                                                   {0x5670, 0x6701, 0x7012, 0x0123},  // b4e
                                                   {0x0000, 0x1111, 0x2222, 0x3333},  // rc8
                                                   {0x3210, 0x3211, 0x3222, 0x3333},  // ecl
                                                   {0x0000, 0x1110, 0x2210, 0x3210},  // ecr
                                                   {0x1010, 0x3232, 0x1010, 0x3232}}; // rc16
  const std::uint32_t pattern = mode == 0 ? selector : patterns[mode][low];
  std::uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const std::uint32_t nibble = (pattern >> (4 * i)) & 15;
    std::uint32_t byte = static_cast<std::uint32_t>(bytes >> (8 * (nibble & 7))) & 0xff;
    if ((nibble & 8) != 0)
      byte = (byte & 0x80) != 0 ? 0xff : 0;
    result |= byte << (8 * i);
  }
  return result;
}

void permute(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<std::uint32_t>(instr.op[1]);
  const auto* b = warp.read<std::uint32_t>(instr.op[2]);
  const auto* c = warp.read<std::uint32_t>(instr.op[3]);
  forLanes<std::uint32_t>(warp, instr.op[0], [&](unsigned i) { return permuteBytes(a[i], b[i], c[i], instr.detail); });
}

/// Any function of three bits, given by its truth table.
void logic3(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<std::uint32_t>(instr.op[1]);
  const auto* b = warp.read<std::uint32_t>(instr.op[2]);
  const auto* c = warp.read<std::uint32_t>(instr.op[3]);
  std::uint32_t term[8];
  for (unsigned i = 0; i < 8; ++i)
    term[i] = ((instr.detail >> i) & 1) != 0 ? ~0u : 0;
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned i) {
    const std::uint32_t x = a[i], y = b[i], z = c[i];
    const std::uint32_t without = (~y & ((~z & term[0]) | (z & term[1]))) | (y & ((~z & term[2]) | (z & term[3])));
    const std::uint32_t with = (~y & ((~z & term[4]) | (z & term[5]))) | (y & ((~z & term[6]) | (z & term[7])));
    return (~x & without) | (x & with);
  });
}

template <bool Left, bool Wrap>
void funnelShift(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<std::uint32_t>(instr.op[1]);
  const auto* b = warp.read<std::uint32_t>(instr.op[2]);
  const auto* c = warp.read<std::uint32_t>(instr.op[3]);
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned i) {
    const std::uint32_t n = Wrap ? c[i] & 31 : std::min(c[i], 32u);
    const std::uint64_t both = std::uint64_t{b[i]} << 32 | a[i];
    return static_cast<std::uint32_t>(Left ? (both << n) >> 32 : both >> n);
  });
}

/// fns: the offset-th set bit from a base, upwards or downwards.
void findSet(Warp& warp, const Instr& instr) {
  const auto* mask = warp.read<std::uint32_t>(instr.op[1]);
  const auto* base = warp.read<std::uint32_t>(instr.op[2]);
  const auto* offset = warp.read<std::uint32_t>(instr.op[3]);
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned i) {
    auto left = static_cast<std::int32_t>(offset[i]);
    auto at = static_cast<std::int32_t>(base[i] & 31);
    const std::int32_t step = left < 0 ? -1 : 1;
    if (left == 0)
      return has(mask[i], static_cast<unsigned>(at)) ? static_cast<std::uint32_t>(at) : ~0u;
    for (; at >= 0 && at < 32; at += step)
      if (has(mask[i], static_cast<unsigned>(at))) {
        left -= step;
        if (left == 0)
          return static_cast<std::uint32_t>(at);
      }
    return ~0u;
  });
}

/// dp4a: four products of bytes and a sum.
template <class A, class B>
void dotBytes(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<std::uint32_t>(instr.op[1]);
  const auto* b = warp.read<std::uint32_t>(instr.op[2]);
  const auto* c = warp.read<std::uint32_t>(instr.op[3]);
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned i) {
    std::uint32_t sum = c[i];
    for (unsigned byte = 0; byte < 4; ++byte)
      sum += static_cast<std::uint32_t>(static_cast<A>(a[i] >> (8 * byte)) * static_cast<B>(b[i] >> (8 * byte)));
    return sum;
  });
}

template <int Op> // 0 and, 1 or, 2 xor
void predicateLogic(Warp& warp, const Instr& instr) {
  const std::uint32_t a = warp.predicate(instr.op[1]), b = warp.predicate(instr.op[2]);
  warp.setPredicate(instr.op[0], Op == 0 ? a & b : Op == 1 ? a | b : a ^ b);
}

template <class Op, int Logic>
void decodeLogic(Decode& decode) {
  const Type type = decode.takeType();
  if (type.kind == 'p')
    return plain(decode, type, 2, &predicateLogic<Logic>);
  plain(decode, type, 2, forBits(type, []<class T>(Tag<T>) -> Handler { return &binary<T, Op>; }));
}

template <class Op>
void decodeShift(Decode& decode) {
  const Type type = decode.takeType();
  const Handler run = forInteger(type, []<class T>(Tag<T>) -> Handler {
    if constexpr (sizeof(T) == 1)
      return nullptr;
    else
      return &shift<T, Op>;
  });
  if (run == nullptr)
    decode.unsupported("this type");
  decode.expectOperands(3, 3);
  decode.destination(decode.operand(0), type);
  decode.source(decode.operand(1), type);
  decode.source(decode.operand(2), {'u', 32});
  decode.handler(run, Class::Alu);
}

/// One source of the type, a 32-bit result.
template <class Op, bool Signed = false>
void decodeCount(Decode& decode) {
  const Type type = decode.takeType();
  if (type.bits < 32)
    decode.unsupported("this type");
  decode.expectOperands(2, 2);
  decode.destination(decode.operand(0), {'u', 32});
  decode.source(decode.operand(1), type);
  const auto choose = []<class T>(Tag<T>) -> Handler { return &unary<T, Op, std::uint32_t>; };
  if constexpr (Signed)
    decode.handler(forInteger(type, choose), Class::Alu);
  else
    decode.handler(forBits(type, choose), Class::Alu);
}

template <class F>
void decodeField(Decode& decode, Type type, unsigned values, F run) {
  decode.expectOperands(values + 3, values + 3);
  decode.destination(decode.operand(0), type);
  decode.sources(1, values, type);
  decode.sources(1 + values, 2, {'u', 32});
  decode.handler(run, Class::Alu);
}

void decodePermute(Decode& decode) {
  static constexpr const char* modes[] = {"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
  const Type type = decode.takeType();
  for (std::uint16_t i = 0; i < 6; ++i)
    if (decode.take(modes[i]))
      decode.instr.detail = i + 1;
  plain(decode, type, 3, type.bits == 32 ? &permute : nullptr);
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addBitRules(Rules& rules) {
  using namespace exec;
  rules["and"] = &decodeLogic<And, 0>;
  rules["or"] = &decodeLogic<Or, 1>;
  rules["xor"] = &decodeLogic<Xor, 2>;
  rules["not"] = [](Decode& decode) {
    const Type type = decode.takeType();
    if (type.kind == 'p') {
      decode.expectOperands(2, 2);
      decode.destination(decode.operand(0), type);
      decode.source(decode.operand(1), type);
      return decode.handler(
          [](Warp& warp, const Instr& instr) { warp.setPredicate(instr.op[0], ~warp.predicate(instr.op[1])); },
          Class::Alu);
    }
    plain(decode, type, 1, forBits(type, []<class T>(Tag<T>) -> Handler { return &unary<T, Not>; }));
  };
  rules["cnot"] = [](Decode& decode) {
    const Type type = decode.takeType();
    plain(decode, type, 1, forBits(type, []<class T>(Tag<T>) -> Handler { return &unary<T, LogicalNot>; }));
  };
  rules["shl"] = &decodeShift<ShiftLeft>;
  rules["shr"] = &decodeShift<ShiftRight>;
  rules["popc"] = &decodeCount<PopulationCount>;
  rules["clz"] = &decodeCount<LeadingZeros>;
  rules["bfind"] = [](Decode& decode) {
    decode.take("shiftamt") ? decodeCount<FindLeadingAsShift, true>(decode) : decodeCount<FindLeading, true>(decode);
  };
  rules["brev"] = [](Decode& decode) {
    const Type type = decode.takeType();
    plain(decode, type, 1,
          type.bits < 32 ? nullptr : forBits(type, []<class T>(Tag<T>) -> Handler { return &unary<T, Reverse>; }));
  };
  rules["bfe"] = [](Decode& decode) {
    const Type type = decode.takeType();
    if (type.bits < 32)
      decode.unsupported("this type");
    decodeField(decode, type, 1, forInteger(type, []<class T>(Tag<T>) -> Handler { return &extractField<T>; }));
  };
  rules["bfi"] = [](Decode& decode) {
    const Type type = decode.takeType();
    if (type.bits < 32)
      decode.unsupported("this type");
    decodeField(decode, type, 2, type.bits == 64 ? &insertField<std::uint64_t> : &insertField<std::uint32_t>);
  };
  rules["prmt"] = &decodePermute;
  rules["lop3"] = [](Decode& decode) {
    const Type type = decode.takeType();
    decode.expectOperands(5, 5);
    decode.destination(decode.operand(0), type);
    decode.sources(1, 3, type);
    decode.instr.detail = static_cast<std::uint16_t>(decode.constantOf(decode.operand(4)) & 0xff);
    if (type.bits != 32)
      decode.unsupported("this type");
    decode.handler(&logic3, Class::Alu);
  };
  rules["shf"] = [](Decode& decode) {
    const bool left = decode.take("l");
    if (!left && !decode.take("r"))
      decode.unsupported("this direction");
    const bool wrap = decode.take("wrap");
    if (!wrap)
      decode.take("clamp");
    const Type type = decode.takeType();
    plain(decode, type, 3,
          type.bits != 32 ? nullptr
          : left          ? (wrap ? &funnelShift<true, true> : &funnelShift<true, false>)
                          : (wrap ? &funnelShift<false, true> : &funnelShift<false, false>));
  };
  rules["fns"] = [](Decode& decode) {
    const Type type = decode.takeType();
    plain(decode, type, 3, type.bits == 32 ? &findSet : nullptr);
  };
  rules["dp4a"] = [](Decode& decode) {
    const Type a = decode.takeType(), b = decode.takeType();
    const bool s = a.kind == 's', t = b.kind == 's';
    plain(decode, {'b', 32}, 3,
          s ? (t ? &dotBytes<std::int8_t, std::int8_t> : &dotBytes<std::int8_t, std::uint8_t>)
            : (t ? &dotBytes<std::uint8_t, std::int8_t> : &dotBytes<std::uint8_t, std::uint8_t>));
  };
}

} // namespace attune::emulator
