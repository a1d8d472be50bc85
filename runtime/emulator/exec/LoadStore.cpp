#include "runtime/emulator/exec/Access.h"

#include <cstring>

namespace attune::emulator::exec {

namespace {

/// Elements of type T, `Count` per lane. Integers extend into wider registers.
template <class T, unsigned Count>
void load(Warp& warp, const Instr& instr) {
  Access access;
  addresses(warp, instr, instr.op[Count], access);
  resolve(warp, static_cast<Space>(instr.detail), sizeof(T) * Count, Direction::Read, access);
  T value[Count][lanes] = {};
  for (std::uint32_t rest = warp.exec; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    T element[Count];
    std::memcpy(element, access.host[lane], sizeof(element));
    for (unsigned i = 0; i < Count; ++i)
      value[i][lane] = element[i];
  }
  for (unsigned i = 0; i < Count; ++i) {
    if ((instr.wide >> i & 1) != 0)
      forLanes<std::uint64_t>(warp, instr.op[i],
                              [&](unsigned lane) { return static_cast<std::uint64_t>(value[i][lane]); });
    else
      forLanes<std::uint32_t>(warp, instr.op[i],
                              [&](unsigned lane) { return static_cast<std::uint32_t>(value[i][lane]); });
  }
}

template <class T, unsigned Count>
void store(Warp& warp, const Instr& instr) {
  Access access;
  addresses(warp, instr, instr.op[0], access);
  resolve(warp, static_cast<Space>(instr.detail), sizeof(T) * Count, Direction::Write, access);
  for (std::uint32_t rest = warp.exec; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    T element[Count];
    for (unsigned i = 0; i < Count; ++i)
      element[i] = (instr.wide >> i & 1) != 0 ? static_cast<T>(warp.read<std::uint64_t>(instr.op[1 + i])[lane])
                                              : static_cast<T>(warp.read<std::uint32_t>(instr.op[1 + i])[lane]);
    std::memcpy(access.host[lane], element, sizeof(element));
  }
}

/// Kernel parameters: the same bytes for all threads.
template <class T, unsigned Count>
void loadParameter(Warp& warp, const Instr& instr) {
  Access access;
  addresses(warp, instr, instr.op[Count], access);
  const std::vector<std::byte>& bytes = warp.block->launch.parameters;
  T value[Count][lanes] = {};
  for (std::uint32_t rest = warp.exec; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    if (access.address[lane] > bytes.size() || bytes.size() - access.address[lane] < sizeof(T) * Count)
      throw Fault{"read beyond the kernel's parameters (" + std::to_string(bytes.size()) + " bytes)",
                  static_cast<int>(lane)};
    for (unsigned i = 0; i < Count; ++i)
      std::memcpy(&value[i][lane], bytes.data() + access.address[lane] + i * sizeof(T), sizeof(T));
  }
  for (unsigned i = 0; i < Count; ++i) {
    if ((instr.wide >> i & 1) != 0)
      forLanes<std::uint64_t>(warp, instr.op[i],
                              [&](unsigned lane) { return static_cast<std::uint64_t>(value[i][lane]); });
    else
      forLanes<std::uint32_t>(warp, instr.op[i],
                              [&](unsigned lane) { return static_cast<std::uint32_t>(value[i][lane]); });
  }
}

enum class Kind : std::uint8_t { Load, Store, Parameter };

template <Kind K, class T>
Handler counted(unsigned count) {
  const auto choose = []<unsigned Count>(std::integral_constant<unsigned, Count>) -> Handler {
    if constexpr (sizeof(T) * Count > 16)
      return nullptr;
    else
      return K == Kind::Load ? &load<T, Count> : K == Kind::Store ? &store<T, Count> : &loadParameter<T, Count>;
  };
  switch (count) {
  case 1:
    return choose(std::integral_constant<unsigned, 1>{});
  case 2:
    return choose(std::integral_constant<unsigned, 2>{});
  case 4:
    return choose(std::integral_constant<unsigned, 4>{});
  default:
    return nullptr;
  }
}

template <Kind K>
Handler forAccess(Type type, unsigned count) {
  if (type.kind == 'f' || type.kind == 'h' || type.kind == 'F' || type.kind == 'H')
    type.kind = 'b';
  return forInteger(type, [&]<class T>(Tag<T>) -> Handler { return counted<K, T>(count); });
}

Class categoryOf(Space space, bool is_load) {
  switch (space) {
  case Space::Global:
  case Space::Const:
    return is_load ? Class::LoadGlobal : Class::StoreGlobal;
  case Space::Shared:
    return is_load ? Class::LoadShared : Class::StoreShared;
  case Space::Local:
    return is_load ? Class::LoadLocal : Class::StoreLocal;
  case Space::Param:
    return Class::LoadParam;
  default:
    return is_load ? Class::LoadGeneric : Class::StoreGeneric;
  }
}

/// The space of the variable that an address names, where it names one: a kernel's parameters are not those of calls.
Space settled(Decode& decode, const Operand& address, Space space) {
  if (space != Space::Param)
    return space;
  return decode.spaceOfName(address) == Space::Local ? Space::Local : Space::Param;
}

void decodeAccess(Decode& decode, bool is_load) {
  const bool policy = decode.takeCacheHints();
  Space space = decode.takeSpace();
  const unsigned count = decode.take("v2") ? 2 : decode.take("v4") ? 4 : 1;
  const Type type = decode.takeType();
  decode.expectOperands(2, policy ? 3 : 2);
  const Operand& address = decode.operand(is_load ? 1 : 0);
  const Operand& data = decode.operand(is_load ? 0 : 1);
  space = settled(decode, address, space);
  if (count > 1 && (data.kind != Operand::Kind::Vector || data.elements.size() != count))
    decode.unsupported("this vector");
  const auto element = [&](unsigned i) -> const Operand& { return count > 1 ? data.elements[i] : data; };
  Handler run = nullptr;
  if (is_load) {
    for (unsigned i = 0; i < count; ++i)
      decode.anyDestination(element(i), type);
    decode.address(address);
    run = space == Space::Param ? forAccess<Kind::Parameter>(type, count) : forAccess<Kind::Load>(type, count);
  } else {
    decode.address(address);
    for (unsigned i = 0; i < count; ++i) {
      decode.anySource(element(i), type);
      const std::size_t width = decode.widthOf(element(i));
      decode.instr.wide |= static_cast<std::uint8_t>(width == 64 || (width == 0 && type.bits == 64) ? 1 << i : 0);
    }
    run = space == Space::Param ? nullptr : forAccess<Kind::Store>(type, count);
  }
  if (run == nullptr)
    decode.unsupported("this type or space");
  decode.instr.detail = static_cast<std::uint16_t>(space);
  decode.handler(run, categoryOf(space, is_load));
}

} // namespace

void copyLocal(Warp& warp, const Instr& instr) {
  for (std::uint32_t rest = warp.exec; rest != 0; rest &= rest - 1) {
    std::byte* local = warp.local + static_cast<std::size_t>(std::countr_zero(rest)) * warp.program->local_bytes;
    std::memcpy(local + instr.target, local + instr.immediate, instr.detail);
  }
}

} // namespace attune::emulator::exec

namespace attune::emulator {

void addLoadStoreRules(Rules& rules) {
  rules["ld"] = [](Decode& decode) { exec::decodeAccess(decode, true); };
  rules["ldu"] = rules["ld"];
  rules["st"] = [](Decode& decode) { exec::decodeAccess(decode, false); };
  const Rule ignored = [](Decode& decode) { // hints
    for (const std::string& suffix : decode.statement.suffix)
      decode.take(suffix);
  };
  rules["prefetch"] = rules["prefetchu"] = rules["applypriority"] = rules["discard"] = ignored;
}

} // namespace attune::emulator
