#include "runtime/emulator/exec/Access.h"

#include <atomic>
#include <cstring>

namespace attune::emulator::exec {

namespace {

struct Exchange {
  template <class T>
  T operator()(T, T b, T) const {
    return b;
  }
};
struct CompareAndSwap {
  template <class T>
  T operator()(T old, T compare, T value) const {
    return std::memcmp(&old, &compare, sizeof(T)) == 0 ? value : old;
  }
};
struct AtomicAnd {
  template <class T>
  T operator()(T a, T b, T) const {
    return a & b;
  }
};
struct AtomicOr {
  template <class T>
  T operator()(T a, T b, T) const {
    return a | b;
  }
};
struct AtomicXor {
  template <class T>
  T operator()(T a, T b, T) const {
    return a ^ b;
  }
};
struct AtomicMin {
  template <class T>
  T operator()(T a, T b, T) const {
    return b < a ? b : a;
  }
};
struct AtomicMax {
  template <class T>
  T operator()(T a, T b, T) const {
    return a < b ? b : a;
  }
};
struct Increment {
  template <class T>
  T operator()(T a, T b, T) const {
    return a >= b ? T{0} : static_cast<T>(a + 1);
  }
};
struct Decrement {
  template <class T>
  T operator()(T a, T b, T) const {
    return a == 0 || a > b ? b : static_cast<T>(a - 1);
  }
};
struct AtomicAdd {
  template <class T>
  T operator()(T a, T b, T) const {
    if constexpr (std::is_floating_point_v<T>)
      return a + b;
    else
      return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + static_cast<std::make_unsigned_t<T>>(b));
  }
  template <class E>
  Pair<E> operator()(Pair<E> a, Pair<E> b, Pair<E>) const {
    const auto half = [](std::uint32_t x, std::uint32_t y) -> std::uint32_t {
      return fromFloat<E>(toFloat(E{static_cast<std::uint16_t>(x)}) + toFloat(E{static_cast<std::uint16_t>(y)})).bits;
    };
    return {half(a.bits, b.bits) | half(a.bits >> 16, b.bits >> 16) << 16};
  }
  Half operator()(Half a, Half b, Half) const { return toHalf(toFloat(a) + toFloat(b)); }
  Bfloat operator()(Bfloat a, Bfloat b, Bfloat) const { return toBfloat(toFloat(a) + toFloat(b)); }
};

/// op: old, address, operand, second operand; red has no old. Lanes go one after the other, other blocks in between.
template <class T, class Op, bool Reduce>
void atomic(Warp& warp, const Instr& instr) {
  constexpr unsigned first = Reduce ? 0 : 1;
  using Raw = std::conditional_t<sizeof(T) == 8, std::uint64_t,
                                 std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint16_t>>;
  Access access;
  addresses(warp, instr, instr.op[first], access);
  resolve(warp, static_cast<Space>(instr.detail), sizeof(T), Direction::Both, access);
  const auto* b = warp.read<Storage<T>>(instr.op[first + 1]);
  const auto* c = warp.read<Storage<T>>(instr.op[first + 2]);
  Storage<T> result[lanes] = {};
  for (std::uint32_t rest = warp.exec; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    std::atomic_ref<Raw> cell(*reinterpret_cast<Raw*>(access.host[lane]));
    Raw old = cell.load();
    while (!cell.compare_exchange_weak(
        old, std::bit_cast<Raw>(Op{}(std::bit_cast<T>(old), unpack<T>(b[lane]), unpack<T>(c[lane])))))
      ;
    result[lane] = old;
  }
  if constexpr (!Reduce)
    forLanes<Storage<T>>(warp, instr.op[0], [&](unsigned lane) { return result[lane]; });
}

template <class Op, bool Reduce>
Handler onIntegers(Type type) {
  return forInteger(type, []<class T>(Tag<T>) -> Handler {
    if constexpr (sizeof(T) < 4)
      return nullptr;
    else
      return &atomic<T, Op, Reduce>;
  });
}

template <bool Reduce>
Handler onFloats(Type type) {
  switch (type.kind) {
  case 'F':
    return &atomic<Pair<Half>, AtomicAdd, Reduce>;
  case 'H':
    return &atomic<Pair<Bfloat>, AtomicAdd, Reduce>;
  case 'h':
    return &atomic<Bfloat, AtomicAdd, Reduce>;
  default:
    return type.bits == 64   ? &atomic<double, AtomicAdd, Reduce>
           : type.bits == 32 ? &atomic<float, AtomicAdd, Reduce>
                             : &atomic<Half, AtomicAdd, Reduce>;
  }
}

template <bool Reduce>
void decodeAtomic(Decode& decode) {
  decode.takeCacheHints();
  decode.take("noftz");
  const Space space = decode.takeSpace();
  using Choose = Handler (*)(Type);
  static constexpr std::pair<const char*, Choose> operations[] = {
      {"exch", &onIntegers<Exchange, Reduce>}, {"cas", &onIntegers<CompareAndSwap, Reduce>},
      {"and", &onIntegers<AtomicAnd, Reduce>}, {"or", &onIntegers<AtomicOr, Reduce>},
      {"xor", &onIntegers<AtomicXor, Reduce>}, {"min", &onIntegers<AtomicMin, Reduce>},
      {"max", &onIntegers<AtomicMax, Reduce>}, {"inc", &onIntegers<Increment, Reduce>},
      {"dec", &onIntegers<Decrement, Reduce>}, {"add", &onIntegers<AtomicAdd, Reduce>}};
  Choose choose = nullptr;
  bool swap = false;
  for (const auto& [name, of] : operations) {
    if (decode.take(name)) {
      choose = of;
      swap = std::string_view(name) == "cas";
      if (std::string_view(name) == "add" && (decode.peek("f32") || decode.peek("f64") || decode.peek("f16x2") ||
                                              decode.peek("bf16x2") || decode.peek("f16") || decode.peek("bf16")))
        choose = &onFloats<Reduce>;
      break;
    }
  }
  const Type type = decode.takeType();
  const std::size_t first = Reduce ? 0 : 1;
  const Handler run = choose != nullptr ? choose(type) : nullptr;
  if (run == nullptr)
    decode.unsupported("this operation or type");
  decode.expectOperands(first + (swap ? 3 : 2), first + (swap ? 4 : 3));
  if (!Reduce)
    decode.destination(decode.operand(0), type);
  decode.address(decode.operand(first));
  decode.source(decode.operand(first + 1), type);
  decode.source(decode.operand(first + (swap ? 2 : 1)), type);
  decode.instr.detail = static_cast<std::uint16_t>(space);
  decode.handler(run, Class::Atomic);
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addAtomicRules(Rules& rules) {
  rules["atom"] = &exec::decodeAtomic<false>;
  rules["red"] = &exec::decodeAtomic<true>;
}

} // namespace attune::emulator
