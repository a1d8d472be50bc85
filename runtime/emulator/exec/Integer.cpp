#include "runtime/emulator/exec/Arithmetic.h"
#include "runtime/emulator/exec/Lanes.h"

namespace attune::emulator::exec {

namespace {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

// Arithmetic wraps: it is done in an unsigned type that is at least 32 bits wide.
template <class T>
using Work = std::make_unsigned_t<std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>>;
template <class T>
Work<T> work(T value) {
  return static_cast<Work<T>>(value);
}

struct Add {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(work(a) + work(b));
  }
};
struct Subtract {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(work(a) - work(b));
  }
};
struct MultiplyLow {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(work(a) * work(b));
  }
};
struct MultiplyHigh {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (sizeof(T) == 8) {
      using Wide = std::conditional_t<std::is_signed_v<T>, Int128, Uint128>;
      return static_cast<T>((Wide{a} * Wide{b}) >> 64);
    } else {
      using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
      return static_cast<T>((Wide{a} * Wide{b}) >> (8 * sizeof(T)));
    }
  }
};
template <class T>
using Wider = std::conditional_t<sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>,
                                 std::conditional_t<std::is_signed_v<T>, std::int32_t, std::uint32_t>>;
struct MultiplyWide {
  template <class T>
  Wider<T> operator()(T a, T b) const {
    return static_cast<Wider<T>>(work(static_cast<Wider<T>>(a)) * work(static_cast<Wider<T>>(b)));
  }
};
template <class Multiply>
struct ThenAdd {
  template <class T, class C>
  C operator()(T a, T b, C c) const {
    return Add{}(static_cast<C>(Multiply{}(a, b)), c);
  }
};
struct Multiply24 {
  template <class T>
  static std::int64_t full(T a, T b) {
    const auto cut = [](T v) -> std::int64_t {
      return std::is_signed_v<T> ? static_cast<std::int32_t>(work(v) << 8) >> 8
                                 : static_cast<std::int64_t>(work(v) & 0xffffff);
    };
    return cut(a) * cut(b);
  }
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(full(a, b));
  }
};
struct Divide {
  template <class T>
  T operator()(T a, T b) const {
    if (b == 0)
      return static_cast<T>(-1); // PTX: unspecified
    if constexpr (std::is_signed_v<T>)
      if (b == -1)
        return Subtract{}(T{0}, a);
    return static_cast<T>(a / b);
  }
};
struct Remainder {
  template <class T>
  T operator()(T a, T b) const {
    if (b == 0)
      return a;
    if constexpr (std::is_signed_v<T>)
      if (b == -1)
        return 0;
    return static_cast<T>(a % b);
  }
};
struct Minimum {
  template <class T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct Maximum {
  template <class T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};
struct Negate {
  template <class T>
  T operator()(T a) const {
    return static_cast<T>(0 - work(a));
  }
};
struct Absolute {
  template <class T>
  T operator()(T a) const {
    return static_cast<T>(a < 0 ? 0 - work(a) : work(a));
  }
};
struct SaturatingAdd {
  std::int32_t operator()(std::int32_t a, std::int32_t b) const {
    const std::int64_t sum = std::int64_t{a} + b;
    return static_cast<std::int32_t>(std::min<std::int64_t>(std::max<std::int64_t>(sum, INT32_MIN), INT32_MAX));
  }
};
struct SaturatingSubtract {
  std::int32_t operator()(std::int32_t a, std::int32_t b) const {
    const std::int64_t sum = std::int64_t{a} - b;
    return static_cast<std::int32_t>(std::min<std::int64_t>(std::max<std::int64_t>(sum, INT32_MIN), INT32_MAX));
  }
};
struct AbsoluteDifferenceAdd {
  template <class T>
  T operator()(T a, T b, T c) const {
    return static_cast<T>(work(c) + (a < b ? work(b) - work(a) : work(a) - work(b)));
  }
};

template <class Op>
Handler integerBinary(Type type) {
  return forInteger(type, []<class T>(Tag<T>) -> Handler { return &binary<T, Op>; });
}

/// add.cc, addc, sub.cc, subc: the carry is a register of the decoder, named below.
template <class T, bool Sub, bool In>
void withCarry(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<T>(instr.op[2]);
  const auto* b = warp.read<T>(instr.op[3]);
  const std::uint32_t carry_in = In ? warp.predicate(instr.op[4]) : 0;
  T result[lanes];
  std::uint32_t carry = 0;
  for (unsigned i = 0; i < lanes; ++i) {
    const Uint128 x = a[i], y = b[i], c = has(carry_in, i);
    const Uint128 sum = Sub ? x - y - c : x + y + c;
    result[i] = static_cast<T>(sum);
    carry |= static_cast<std::uint32_t>((sum >> (8 * sizeof(T))) & 1) << i;
  }
  forLanes<T>(warp, instr.op[0], [&](unsigned i) { return result[i]; });
  warp.setPredicate(instr.op[1], carry);
}

} // namespace

void carryArithmetic(Decode& decode, bool subtract, bool carry_in) {
  decode.take("cc");
  const Type type = decode.takeType();
  decode.expectOperands(3, 3);
  decode.destination(decode.operand(0), type);
  decode.carryFlag(true);
  decode.sources(1, 2, type);
  if (carry_in)
    decode.carryFlag(false);
  const auto choose = [&]<class T>(Tag<T>) -> Handler {
    if (subtract)
      return carry_in ? &withCarry<T, true, true> : &withCarry<T, true, false>;
    return carry_in ? &withCarry<T, false, true> : &withCarry<T, false, false>;
  };
  decode.handler(type.bits == 64 ? choose(Tag<std::uint64_t>{}) : choose(Tag<std::uint32_t>{}), Class::Alu);
}

/// mad.lo.cc, mad.hi.cc and madc: a * b through a temporary, then the carry addition.
void carryMultiplyAdd(Decode& decode, bool carry_in) {
  const bool high = decode.take("hi");
  if (!high)
    decode.take("lo");
  decode.take("cc");
  const Type type = decode.takeType();
  decode.expectOperands(4, 4);
  const Handler multiply = high ? integerBinary<MultiplyHigh>(type) : integerBinary<MultiplyLow>(type);
  if (multiply == nullptr || type.bits < 32)
    decode.unsupported("this type");
  const Slot product = decode.temporary(type.bits);
  decode.sources(1, 2, type);
  decode.instr.op = {product, decode.instr.op[0], decode.instr.op[1]};
  decode.instr.writes = 1, decode.instr.operands = 3;
  decode.handler(multiply, Class::Alu);
  decode.emit();
  decode.destination(decode.operand(0), type);
  decode.carryFlag(true);
  decode.instr.op[decode.instr.operands++] = product;
  decode.source(decode.operand(3), type);
  if (carry_in)
    decode.carryFlag(false);
  const auto choose = [&]<class T>(Tag<T>) -> Handler {
    return carry_in ? &withCarry<T, false, true> : &withCarry<T, false, false>;
  };
  decode.handler(type.bits == 64 ? choose(Tag<std::uint64_t>{}) : choose(Tag<std::uint32_t>{}), Class::Alu);
}

namespace {

/// mul and mad of integers.
void multiply(Decode& decode, Type type, bool add) {
  const unsigned number = add ? 3 : 2;
  if (decode.take("wide")) {
    const Handler run = forInteger(type, [&]<class T>(Tag<T>) -> Handler {
      if constexpr (sizeof(T) == 8 || sizeof(T) == 1)
        return nullptr;
      else
        return add ? &ternary<T, ThenAdd<MultiplyWide>, Wider<T>> : &binary<T, MultiplyWide, Wider<T>>;
    });
    if (run == nullptr)
      decode.unsupported("this type");
    const Type wide{type.kind, type.bits * 2};
    decode.expectOperands(number + 1, number + 1);
    decode.destination(decode.operand(0), wide);
    decode.sources(1, 2, type);
    if (add)
      decode.source(decode.operand(3), wide);
    return decode.handler(run, Class::Alu);
  }
  const bool high = decode.take("hi");
  decode.take("lo");
  plain(decode, type, number, forInteger(type, [&]<class T>(Tag<T>) -> Handler {
          if (add)
            return high ? &ternary<T, ThenAdd<MultiplyHigh>> : &ternary<T, ThenAdd<MultiplyLow>>;
          return high ? &binary<T, MultiplyHigh> : &binary<T, MultiplyLow>;
        }));
}

} // namespace

void integerArithmetic(Decode& decode, Type type) {
  const std::string& op = decode.statement.opcode;
  const bool saturate = decode.take("sat");
  if (saturate && (type.kind != 's' || type.bits != 32))
    decode.unsupported(".sat");
  if (op == "add")
    return plain(decode, type, 2, saturate ? &binary<std::int32_t, SaturatingAdd> : integerBinary<Add>(type));
  if (op == "sub")
    return plain(decode, type, 2, saturate ? &binary<std::int32_t, SaturatingSubtract> : integerBinary<Subtract>(type));
  if (op == "mul" || op == "mad")
    return multiply(decode, type, op == "mad");
  if (op == "div")
    return plain(decode, type, 2, integerBinary<Divide>(type));
  if (op == "min")
    return plain(decode, type, 2, integerBinary<Minimum>(type));
  if (op == "max")
    return plain(decode, type, 2, integerBinary<Maximum>(type));
  if (op == "neg")
    return plain(decode, type, 1, forInteger(type, []<class T>(Tag<T>) -> Handler { return &unary<T, Negate>; }));
  if (op == "abs")
    return plain(decode, type, 1, forInteger(type, []<class T>(Tag<T>) -> Handler { return &unary<T, Absolute>; }));
  decode.unsupported("this type");
}

} // namespace attune::emulator::exec

namespace attune::emulator {

void addIntegerRules(Rules& rules) {
  using namespace exec;
  rules["rem"] = [](Decode& decode) {
    const Type type = decode.takeType();
    plain(decode, type, 2, integerBinary<Remainder>(type));
  };
  rules["mul24"] = [](Decode& decode) {
    if (!decode.take("lo"))
      decode.unsupported("this part");
    const Type type = decode.takeType();
    plain(decode, type, 2, integerBinary<Multiply24>(type));
  };
  rules["mad24"] = [](Decode& decode) {
    if (!decode.take("lo"))
      decode.unsupported("this part");
    const Type type = decode.takeType();
    plain(decode, type, 3,
          forInteger(type, []<class T>(Tag<T>) -> Handler { return &ternary<T, ThenAdd<Multiply24>>; }));
  };
  rules["sad"] = [](Decode& decode) {
    const Type type = decode.takeType();
    plain(decode, type, 3,
          forInteger(type, []<class T>(Tag<T>) -> Handler { return &ternary<T, AbsoluteDifferenceAdd>; }));
  };
  rules["addc"] = [](Decode& decode) { carryArithmetic(decode, false, true); };
  rules["subc"] = [](Decode& decode) { carryArithmetic(decode, true, true); };
  rules["madc"] = [](Decode& decode) { carryMultiplyAdd(decode, true); };
}

} // namespace attune::emulator
