#include "runtime/emulator/exec/Lanes.h"

namespace attune::emulator::exec {

namespace {

enum class Relation : std::uint8_t { Eq, Ne, Lt, Le, Gt, Ge, Num, Nan };

template <Relation R, class T>
bool related(T a, T b) {
  switch (R) {
  case Relation::Eq:
    return a == b;
  case Relation::Ne:
    return a < b || a > b; // false for NaN, as PTX's ordered ne
  case Relation::Lt:
    return a < b;
  case Relation::Le:
    return a <= b;
  case Relation::Gt:
    return a > b;
  case Relation::Ge:
    return a >= b;
  case Relation::Num:
    return a == a && b == b;
  case Relation::Nan:
    return a != a || b != b;
  }
  return false;
}

enum class Combine : std::uint8_t { None, And, Or, Xor };

/// What setp and set have in `detail`.
struct Detail {
  std::uint16_t unordered : 1, combine : 2, flush : 1, pair : 1, as_float : 1, as_half : 2, spare : 8;
};

template <class T>
auto comparable(T value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, Bfloat>)
    return toFloat(value);
  else
    return value;
}

template <class T, Relation R>
std::uint32_t compare(Warp& warp, Slot first, Slot second, Detail detail) {
  const auto* a = warp.read<Storage<T>>(first);
  const auto* b = warp.read<Storage<T>>(second);
  if constexpr (std::is_integral_v<T>) {
    return lanesWhere([=](unsigned i) {
      return R == Relation::Ne ? unpack<T>(a[i]) != unpack<T>(b[i]) : related<R>(unpack<T>(a[i]), unpack<T>(b[i]));
    });
  } else {
    const auto value = [detail](Storage<T> raw) {
      const T v = unpack<T>(raw);
      return comparable(detail.flush ? flush(v) : v);
    };
    std::uint32_t mask = lanesWhere([=](unsigned i) { return related<R>(value(a[i]), value(b[i])); });
    if (detail.unordered)
      mask |= lanesWhere([=](unsigned i) { return related<Relation::Nan>(value(a[i]), value(b[i])); });
    return mask;
  }
}

/// op: p, q, a, b, c. Without a third source only p and q are combined with nothing.
template <class T, Relation R>
void setPredicate(Warp& warp, const Instr& instr) {
  const auto detail = std::bit_cast<Detail>(instr.detail);
  const std::uint32_t mask = compare<T, R>(warp, instr.op[2], instr.op[3], detail);
  const auto combine = static_cast<Combine>(detail.combine);
  if (combine == Combine::None) {
    warp.setPredicate(instr.op[0], mask);
    if (detail.pair)
      warp.setPredicate(instr.op[1], ~mask);
    return;
  }
  const std::uint32_t other = warp.predicate(instr.op[4]);
  const auto combined = [&](std::uint32_t value) {
    return combine == Combine::And ? value & other : combine == Combine::Or ? value | other : value ^ other;
  };
  warp.setPredicate(instr.op[0], combined(mask));
  if (detail.pair)
    warp.setPredicate(instr.op[1], combined(~mask));
}

template <class T, Relation R>
void setValue(Warp& warp, const Instr& instr) {
  const auto detail = std::bit_cast<Detail>(instr.detail);
  std::uint32_t mask = compare<T, R>(warp, instr.op[1], instr.op[2], detail);
  const auto combine = static_cast<Combine>(detail.combine);
  if (combine != Combine::None) {
    const std::uint32_t other = warp.predicate(instr.op[3]);
    mask = combine == Combine::And ? mask & other : combine == Combine::Or ? mask | other : mask ^ other;
  }
  const std::uint32_t one = detail.as_half == 1   ? 0x3c00u
                            : detail.as_half == 2 ? 0x3f80u
                            : detail.as_float     ? 0x3f800000u
                                                  : 0xffffffffu;
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned i) { return ((mask >> i) & 1) != 0 ? one : 0u; });
}

template <bool Value, class T>
Handler forRelation(Relation relation) {
  switch (relation) {
  case Relation::Eq:
    return Value ? &setValue<T, Relation::Eq> : &setPredicate<T, Relation::Eq>;
  case Relation::Ne:
    return Value ? &setValue<T, Relation::Ne> : &setPredicate<T, Relation::Ne>;
  case Relation::Lt:
    return Value ? &setValue<T, Relation::Lt> : &setPredicate<T, Relation::Lt>;
  case Relation::Le:
    return Value ? &setValue<T, Relation::Le> : &setPredicate<T, Relation::Le>;
  case Relation::Gt:
    return Value ? &setValue<T, Relation::Gt> : &setPredicate<T, Relation::Gt>;
  case Relation::Ge:
    return Value ? &setValue<T, Relation::Ge> : &setPredicate<T, Relation::Ge>;
  case Relation::Num:
    return Value ? &setValue<T, Relation::Num> : &setPredicate<T, Relation::Num>;
  case Relation::Nan:
    return Value ? &setValue<T, Relation::Nan> : &setPredicate<T, Relation::Nan>;
  }
  return nullptr;
}

template <bool Value>
Handler forComparison(Type type, Relation relation) {
  if (type.kind == 'f' && type.bits == 16)
    return forRelation<Value, Half>(relation);
  if (type.kind == 'h')
    return forRelation<Value, Bfloat>(relation);
  if (type.kind == 'f')
    return type.bits == 64 ? forRelation<Value, double>(relation) : forRelation<Value, float>(relation);
  return forInteger(type, [&]<class T>(Tag<T>) -> Handler {
    if constexpr (sizeof(T) == 1)
      return nullptr;
    else
      return forRelation<Value, T>(relation);
  });
}

Relation takeRelation(Decode& decode, bool& unordered) {
  static constexpr std::pair<const char*, Relation> ordered[] = {
      {"eq", Relation::Eq}, {"ne", Relation::Ne}, {"lt", Relation::Lt},   {"le", Relation::Le},
      {"gt", Relation::Gt}, {"ge", Relation::Ge}, {"lo", Relation::Lt},   {"ls", Relation::Le},
      {"hi", Relation::Gt}, {"hs", Relation::Ge}, {"num", Relation::Num}, {"nan", Relation::Nan}};
  static constexpr std::pair<const char*, Relation> either[] = {{"equ", Relation::Eq}, {"neu", Relation::Ne},
                                                                {"ltu", Relation::Lt}, {"leu", Relation::Le},
                                                                {"gtu", Relation::Gt}, {"geu", Relation::Ge}};
  for (const auto& [name, relation] : ordered)
    if (decode.take(name))
      return relation;
  unordered = true;
  for (const auto& [name, relation] : either)
    if (decode.take(name))
      return relation;
  decode.unsupported("this comparison");
}

Detail takeDetail(Decode& decode, Relation& relation) {
  bool unordered = false;
  relation = takeRelation(decode, unordered);
  const Combine combine = decode.take("and")   ? Combine::And
                          : decode.take("or")  ? Combine::Or
                          : decode.take("xor") ? Combine::Xor
                                               : Combine::None;
  Detail detail{};
  detail.unordered = unordered;
  detail.combine = static_cast<std::uint16_t>(combine) & 3;
  detail.flush = decode.take("ftz");
  return detail;
}

void decodeSetPredicate(Decode& decode) {
  Relation relation{};
  Detail detail = takeDetail(decode, relation);
  const Type type = decode.takeType();
  const bool combined = detail.combine != 0;
  decode.expectOperands(combined ? 4 : 3, combined ? 4 : 3);
  const Operand& to = decode.operand(0);
  const bool pair = to.kind == Operand::Kind::Pair;
  detail.pair = pair;
  if (pair) {
    decode.destination(to.elements[0], {'p', 1});
    decode.destination(to.elements[1], {'p', 1});
  } else {
    decode.destination(to, {'p', 1});
    decode.instr.op[1] = decode.instr.op[0];
    decode.instr.operands = decode.instr.writes = 2;
  }
  decode.sources(1, 2, type);
  if (combined)
    decode.source(decode.operand(3), {'p', 1});
  decode.instr.detail = std::bit_cast<std::uint16_t>(detail);
  const Handler run = forComparison<false>(type, relation);
  if (run == nullptr)
    decode.unsupported("this type");
  decode.handler(run, Class::Alu);
}

void decodeSetValue(Decode& decode) {
  Relation relation{};
  Detail detail = takeDetail(decode, relation);
  const Type to = decode.takeType();
  const Type type = decode.takeType();
  detail.as_float = to.kind == 'f';
  detail.as_half = to.kind == 'f' && to.bits == 16 ? 1 : to.kind == 'h' ? 2 : 0;
  const bool combined = detail.combine != 0;
  decode.expectOperands(combined ? 4 : 3, combined ? 4 : 3);
  decode.destination(decode.operand(0), to);
  decode.sources(1, 2, type);
  if (combined)
    decode.source(decode.operand(3), {'p', 1});
  decode.instr.detail = std::bit_cast<std::uint16_t>(detail);
  const Handler run = to.bits > 32 || to.kind == 'F' || to.kind == 'H' ? nullptr : forComparison<true>(type, relation);
  if (run == nullptr)
    decode.unsupported("this type");
  decode.handler(run, Class::Alu);
}

template <class T>
void select(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<T>(instr.op[1]);
  const auto* b = warp.read<T>(instr.op[2]);
  const std::uint32_t mask = warp.predicate(instr.op[3]);
  forLanes<T>(warp, instr.op[0], [=](unsigned i) { return ((mask >> i) & 1) != 0 ? a[i] : b[i]; });
}

template <class T, bool Float>
void selectBySign(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<T>(instr.op[1]);
  const auto* b = warp.read<T>(instr.op[2]);
  const auto* c = warp.read<std::uint32_t>(instr.op[3]);
  forLanes<T>(warp, instr.op[0], [=](unsigned i) {
    const bool first = Float ? std::bit_cast<float>(c[i]) >= 0.0f : static_cast<std::int32_t>(c[i]) >= 0;
    return first ? a[i] : b[i];
  });
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addCompareRules(Rules& rules) {
  using namespace exec;
  rules["setp"] = &decodeSetPredicate;
  rules["set"] = &decodeSetValue;
  rules["selp"] = [](Decode& decode) {
    const Type type = decode.takeType();
    decode.expectOperands(4, 4);
    decode.destination(decode.operand(0), type);
    decode.sources(1, 2, type);
    decode.source(decode.operand(3), {'p', 1});
    decode.handler(type.bits == 64 ? &select<std::uint64_t> : &select<std::uint32_t>, Class::Alu);
  };
  rules["slct"] = [](Decode& decode) {
    decode.take("ftz");
    const Type type = decode.takeType(), by = decode.takeType();
    if (by.bits != 32 || type.bits < 16)
      decode.unsupported("this type");
    decode.expectOperands(4, 4);
    decode.destination(decode.operand(0), type);
    decode.sources(1, 2, type);
    decode.source(decode.operand(3), by);
    const bool real = by.kind == 'f';
    decode.handler(type.bits == 64 ? (real ? &selectBySign<std::uint64_t, true> : &selectBySign<std::uint64_t, false>)
                                   : (real ? &selectBySign<std::uint32_t, true> : &selectBySign<std::uint32_t, false>),
                   Class::Alu);
  };
}

} // namespace attune::emulator
