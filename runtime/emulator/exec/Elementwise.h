#pragma once

#include "runtime/emulator/Warp.h"

#include <bit>
#include <cstdint>
#include <type_traits>
#include <utility>

// Instructions that do the same thing in every lane. A handler is made from a signature and a captureless lambda:
// lanewise<float(float, float)>([](float a, float b) { return a + b; }).

namespace attune::emulator {

/// A predicate as source or destination of a lanewise function.
struct Bit {
  bool value;
};

template <class T> using Storage = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

template <class T> inline T fromStorage(Storage<T> s) {
  if constexpr (std::is_floating_point_v<T>)
    return std::bit_cast<T>(s);
  else
    return static_cast<T>(s);
}
template <class T> inline Storage<T> toStorage(T value) {
  if constexpr (std::is_floating_point_v<T>)
    return std::bit_cast<Storage<T>>(value);
  else
    return static_cast<Storage<T>>(static_cast<std::make_unsigned_t<T>>(value));
}

template <class T> inline T source(Warp& w, const Op& op, std::size_t n, int l) {
  if constexpr (std::is_same_v<T, Bit>)
    return {(w.predicate(op.r[n]) >> l & 1) != 0};
  else
    return fromStorage<T>(w.lane<Storage<T>>(op.r[n])[l]);
}

template <class F, class D, class... A, std::size_t... N> void runLanewise(Warp& w, const Op& op, std::index_sequence<N...>) {
  if constexpr (std::is_same_v<D, Bit>) {
    std::uint32_t bits = 0;
    for (int l = 0; l < 32; ++l)
      bits |= static_cast<std::uint32_t>(F{}(source<A>(w, op, N + 1, l)...).value) << l;
    std::uint32_t& d = w.predicate(op.r[0]);
    d = (d & ~w.mask) | (bits & w.mask);
  } else {
    Storage<D>* d = w.lane<Storage<D>>(op.r[0]);
    if (w.mask == all_lanes) {
#pragma GCC ivdep
      for (int l = 0; l < 32; ++l)
        d[l] = toStorage<D>(F{}(source<A>(w, op, N + 1, l)...));
    } else {
      for (int l = 0; l < 32; ++l)
        if (w.mask >> l & 1)
          d[l] = toStorage<D>(F{}(source<A>(w, op, N + 1, l)...));
    }
  }
}

template <class F, class D, class... A> void lanewiseHandler(Warp& w, const Op& op) {
  runLanewise<F, D, A...>(w, op, std::index_sequence_for<A...>());
}

template <class Signature, class F> struct MakeLanewise;
template <class D, class... A, class F> struct MakeLanewise<D(A...), F> {
  static constexpr Handler value = &lanewiseHandler<F, D, A...>;
};

template <class Signature, class F> Handler lanewise(F) { return MakeLanewise<Signature, F>::value; }

/// Calls f with a value of the C++ type that stands for a PTX integer type; false if it is none.
template <class F> bool withInteger(Type type, F&& f) {
  switch (type) {
  case Type::U8: case Type::B8: f(std::uint8_t()); return true;
  case Type::U16: case Type::B16: f(std::uint16_t()); return true;
  case Type::U32: case Type::B32: f(std::uint32_t()); return true;
  case Type::U64: case Type::B64: f(std::uint64_t()); return true;
  case Type::S8: f(std::int8_t()); return true;
  case Type::S16: f(std::int16_t()); return true;
  case Type::S32: f(std::int32_t()); return true;
  case Type::S64: f(std::int64_t()); return true;
  default: return false;
  }
}

} // namespace attune::emulator
