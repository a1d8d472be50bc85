#include "runtime/emulator/exec/BulkReductions.h"

#include <atomic>
#include <cstring>

namespace attune::emulator::exec {

namespace {

struct Add {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, Bfloat>)
      return fromFloat<T>(toFloat(a) + toFloat(b));
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + static_cast<std::make_unsigned_t<T>>(b));
    else
      return flush(flush(a) + flush(b)); // f32, as PTX says; f64 stays
  }
};
struct Increment {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b) const { return a >= b ? 0 : a + 1; }
};
struct Decrement {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b) const { return a == 0 || a > b ? b : a - 1; }
};
template <bool Max>
struct Extreme {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, Bfloat>)
      return (toFloat(a) < toFloat(b)) == Max ? b : a;
    else
      return (a < b) == Max ? b : a;
  }
};
struct And {
  template <class T>
  T operator()(T a, T b) const {
    return a & b;
  }
};
struct Or {
  template <class T>
  T operator()(T a, T b) const {
    return a | b;
  }
};
struct Xor {
  template <class T>
  T operator()(T a, T b) const {
    return a ^ b;
  }
};

template <class T, class Op>
void reduce(std::byte* global, const std::byte* data, std::uint32_t bytes) {
  using Raw = std::conditional_t<sizeof(T) == 8, std::uint64_t,
                                 std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint16_t>>;
  for (std::uint32_t at = 0; at + sizeof(T) <= bytes; at += sizeof(T)) {
    std::atomic_ref<Raw> cell(*reinterpret_cast<Raw*>(global + at));
    T value;
    std::memcpy(&value, data + at, sizeof(T));
    Raw old = cell.load();
    while (!cell.compare_exchange_weak(old, std::bit_cast<Raw>(Op{}(std::bit_cast<T>(old), value))))
      ;
  }
}

template <class Op>
BulkReduction onNumbers(std::string_view type) {
  if (type == "u32")
    return &reduce<std::uint32_t, Op>;
  if (type == "s32")
    return &reduce<std::int32_t, Op>;
  if (type == "u64")
    return &reduce<std::uint64_t, Op>;
  if (type == "s64")
    return &reduce<std::int64_t, Op>;
  if (type == "f16")
    return &reduce<Half, Op>;
  if (type == "bf16")
    return &reduce<Bfloat, Op>;
  return nullptr;
}
template <class Op>
BulkReduction onBits(std::string_view type) {
  if (type == "b32")
    return &reduce<std::uint32_t, Op>;
  return type == "b64" ? &reduce<std::uint64_t, Op> : nullptr;
}

} // namespace

BulkReduction bulkReduction(std::string_view operation, std::string_view type) {
  if (operation == "add")
    return type == "f32"   ? &reduce<float, Add>
           : type == "f64" ? &reduce<double, Add>
           : type == "s64" ? nullptr
                           : onNumbers<Add>(type);
  if (operation == "min")
    return onNumbers<Extreme<false>>(type);
  if (operation == "max")
    return onNumbers<Extreme<true>>(type);
  if (operation == "inc")
    return type == "u32" ? &reduce<std::uint32_t, Increment> : nullptr;
  if (operation == "dec")
    return type == "u32" ? &reduce<std::uint32_t, Decrement> : nullptr;
  if (operation == "and")
    return onBits<And>(type);
  if (operation == "or")
    return onBits<Or>(type);
  return operation == "xor" ? onBits<Xor>(type) : nullptr;
}

} // namespace attune::emulator::exec
