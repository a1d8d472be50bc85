#pragma once

#include "runtime/emulator/Block.h"
#include "runtime/emulator/Decode.h"
#include "runtime/emulator/Warp.h"
#include "runtime/emulator/exec/Numbers.h"

#include <type_traits>

// A register may be source and destination, but then lane by lane.
#ifdef __clang__
#  define ATTUNE_LANES_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#  define ATTUNE_LANES_INDEPENDENT _Pragma("GCC ivdep")
#endif

/// Loops over the lanes of a warp, for handlers. A register holds 32 lanes of 32 or 64 bits; narrower values lie in the
/// low bits of a 32-bit lane.
namespace attune::emulator::exec {

constexpr unsigned lanes = 32;
constexpr std::uint32_t all_lanes = ~0u;

template <class T>
using Storage = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

template <class T>
T unpack(Storage<T> raw) {
  if constexpr (sizeof(T) == sizeof(raw))
    return std::bit_cast<T>(raw);
  else if constexpr (sizeof(T) == 2)
    return std::bit_cast<T>(static_cast<std::uint16_t>(raw));
  else
    return std::bit_cast<T>(static_cast<std::uint8_t>(raw));
}
template <class T>
Storage<T> pack(T value) {
  if constexpr (sizeof(T) == sizeof(Storage<T>))
    return std::bit_cast<Storage<T>>(value);
  else if constexpr (sizeof(T) == 2)
    return std::bit_cast<std::uint16_t>(value);
  else
    return std::bit_cast<std::uint8_t>(value);
}

inline bool has(std::uint32_t mask, unsigned lane) { return ((mask >> lane) & 1) != 0; }

/// out[lane] = f(lane) for the lanes in exec. f also runs for the others, so it may not trap.
template <class T, class F>
void forLanes(Warp& warp, Slot slot, F f) {
  auto* out = warp.write<Storage<T>>(slot);
  const std::uint32_t exec = warp.exec;
  if (exec == all_lanes) [[likely]] {
    ATTUNE_LANES_INDEPENDENT
    for (unsigned i = 0; i < lanes; ++i)
      out[i] = pack<T>(f(i));
  } else {
    ATTUNE_LANES_INDEPENDENT
    for (unsigned i = 0; i < lanes; ++i)
      out[i] = ((exec >> i) & 1) != 0 ? pack<T>(f(i)) : out[i];
  }
}

/// A predicate from f(lane) for all lanes.
template <class F>
std::uint32_t lanesWhere(F f) {
  alignas(32) std::uint32_t bits[lanes];
  for (unsigned i = 0; i < lanes; ++i)
    bits[i] = f(i) ? 1u << i : 0u;
  std::uint32_t mask = 0;
  for (unsigned i = 0; i < lanes; ++i)
    mask |= bits[i];
  return mask;
}

// Handlers of plain operations. Op is a callable type; To is the type of its result.

template <class T, class Op, class To = T>
void unary(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<Storage<T>>(instr.op[1]);
  forLanes<To>(warp, instr.op[0], [=](unsigned i) -> To { return Op{}(unpack<T>(a[i])); });
}

template <class T, class Op, class To = T>
void binary(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<Storage<T>>(instr.op[1]);
  const auto* b = warp.read<Storage<T>>(instr.op[2]);
  forLanes<To>(warp, instr.op[0], [=](unsigned i) -> To { return Op{}(unpack<T>(a[i]), unpack<T>(b[i])); });
}

template <class T, class Op, class To = T, class Third = To>
void ternary(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<Storage<T>>(instr.op[1]);
  const auto* b = warp.read<Storage<T>>(instr.op[2]);
  const auto* c = warp.read<Storage<Third>>(instr.op[3]);
  forLanes<To>(warp, instr.op[0],
               [=](unsigned i) -> To { return Op{}(unpack<T>(a[i]), unpack<T>(b[i]), unpack<Third>(c[i])); });
}

template <class T>
struct Tag {
  using type = T;
};

/// Calls make(Tag<T>) for the integer type; nullptr for any other.
template <class Make>
Handler forInteger(Type type, Make make) {
  const bool is_signed = type.kind == 's';
  if (type.kind == 'f' || type.kind == 'p' || type.kind == 'h' || type.kind == 'F' || type.kind == 'H')
    return nullptr;
  switch (type.bits) {
  case 8:
    return is_signed ? make(Tag<std::int8_t>{}) : make(Tag<std::uint8_t>{});
  case 16:
    return is_signed ? make(Tag<std::int16_t>{}) : make(Tag<std::uint16_t>{});
  case 32:
    return is_signed ? make(Tag<std::int32_t>{}) : make(Tag<std::uint32_t>{});
  case 64:
    return is_signed ? make(Tag<std::int64_t>{}) : make(Tag<std::uint64_t>{});
  default:
    return nullptr;
  }
}

/// The same for bits alone: unsigned, whatever the letter.
template <class Make>
Handler forBits(Type type, Make make) {
  switch (type.bits) {
  case 16:
    return make(Tag<std::uint16_t>{});
  case 32:
    return make(Tag<std::uint32_t>{});
  case 64:
    return make(Tag<std::uint64_t>{});
  default:
    return nullptr;
  }
}

/// destination, then `number` sources of the type; then the handler.
inline void plain(Decode& decode, Type type, unsigned number, Handler run, Class category = Class::Alu) {
  decode.expectOperands(number + 1, number + 1);
  if (run == nullptr)
    decode.unsupported("this type");
  decode.destination(decode.operand(0), type);
  decode.sources(1, number, type);
  decode.handler(run, category);
}

} // namespace attune::emulator::exec
