#include "runtime/emulator/exec/Access.h"
#include "runtime/emulator/exec/BulkDecode.h"

#include <cstring>

namespace attune::emulator::exec {

namespace {

/// Calls f(lane) for the lanes in `exec`.
template <class F>
void each(std::uint32_t exec, F f) {
  if (exec == all_lanes) {
    for (unsigned lane = 0; lane < lanes; ++lane)
      f(lane);
    return;
  }
  for (; exec != 0; exec &= exec - 1)
    f(static_cast<unsigned>(std::countr_zero(exec)));
}

// `Count` elements of type T per lane, in registers that hold lanes of type Register. Integers extend into wider ones.

template <class T, unsigned Count, class Register>
void load(Warp& warp, const Instr& instr) {
  Access access;
  addresses(warp, instr, instr.op[Count], access);
  resolve(warp, static_cast<Space>(instr.detail), sizeof(T) * Count, Direction::Read, access);
  Register* out[Count];
  for (unsigned i = 0; i < Count; ++i)
    out[i] = warp.write<Register>(instr.op[i]);
  each(warp.exec, [&](unsigned lane) {
    T element[Count];
    std::memcpy(element, access.host[lane], sizeof(element));
    for (unsigned i = 0; i < Count; ++i)
      out[i][lane] = static_cast<Register>(element[i]); // NOLINT(bugprone-signed-char-misuse): ld.s8 keeps the sign
  });
}

template <class T, unsigned Count, class Register>
void store(Warp& warp, const Instr& instr) {
  Access access;
  addresses(warp, instr, instr.op[0], access);
  resolve(warp, static_cast<Space>(instr.detail), sizeof(T) * Count, Direction::Write, access);
  const Register* in[Count];
  for (unsigned i = 0; i < Count; ++i)
    in[i] = warp.read<Register>(instr.op[1 + i]);
  each(warp.exec, [&](unsigned lane) {
    T element[Count];
    for (unsigned i = 0; i < Count; ++i)
      element[i] = static_cast<T>(in[i][lane]);
    std::memcpy(access.host[lane], element, sizeof(element));
  });
}

/// Kernel parameters: the same bytes for all threads.
template <class T, unsigned Count, class Register>
void loadParameter(Warp& warp, const Instr& instr) {
  Access access;
  addresses(warp, instr, instr.op[Count], access);
  const std::vector<std::byte>& bytes = warp.block->launch.parameters;
  each(warp.exec, [&](unsigned lane) {
    if (access.address[lane] > bytes.size() || bytes.size() - access.address[lane] < sizeof(T) * Count)
      throw Fault{"read beyond the kernel's parameters (" + std::to_string(bytes.size()) + " bytes)",
                  static_cast<int>(lane)};
    T element[Count];
    std::memcpy(element, bytes.data() + access.address[lane], sizeof(element));
    for (unsigned i = 0; i < Count; ++i)
      // NOLINTNEXTLINE(bugprone-signed-char-misuse): ld.s8 keeps the sign
      warp.write<Register>(instr.op[i])[lane] = static_cast<Register>(element[i]);
  });
}

enum class Kind : std::uint8_t { Load, Store, Parameter };

template <Kind K, class T, class Register>
Handler counted(unsigned count) {
  const auto choose = []<unsigned Count>(std::integral_constant<unsigned, Count>) -> Handler {
    if constexpr (sizeof(T) * Count > 16)
      return nullptr;
    else
      return K == Kind::Load    ? &load<T, Count, Register>
             : K == Kind::Store ? &store<T, Count, Register>
                                : &loadParameter<T, Count, Register>;
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
Handler forAccess(Type type, unsigned count, bool wide_registers) {
  if (type.kind == 'f' || type.kind == 'h' || type.kind == 'F' || type.kind == 'H')
    type.kind = 'b';
  return forInteger(type, [&]<class T>(Tag<T>) -> Handler {
    if constexpr (sizeof(T) == 8)
      return counted<K, T, std::uint64_t>(count);
    else
      return wide_registers ? counted<K, T, std::uint64_t>(count) : counted<K, T, std::uint32_t>(count);
  });
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
  const bool braces = data.kind == Operand::Kind::Vector; // some compilers write them around one register, too
  if ((braces ? data.elements.size() : 1) != count)
    decode.unsupported("this vector");
  const auto element = [&](unsigned i) -> const Operand& { return braces ? data.elements[i] : data; };
  unsigned wide = 0;
  for (unsigned i = 0; i < count; ++i) {
    const std::size_t width = decode.widthOf(element(i));
    wide += width == 64 || (width == 0 && type.bits == 64) ? 1 : 0;
  }
  if (wide != 0 && wide != count)
    decode.unsupported("registers of two widths");
  Handler run = nullptr;
  if (is_load) {
    for (unsigned i = 0; i < count; ++i)
      decode.anyDestination(element(i), type);
    decode.address(address);
    run = space == Space::Param ? forAccess<Kind::Parameter>(type, count, wide != 0)
                                : forAccess<Kind::Load>(type, count, wide != 0);
  } else {
    decode.address(address);
    for (unsigned i = 0; i < count; ++i)
      decode.anySource(element(i), type);
    run = space == Space::Param ? nullptr : forAccess<Kind::Store>(type, count, wide != 0);
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
  rules["prefetch"] = [](Decode& decode) {
    if (decode.take("tensormap")) {
      decode.take("param"), decode.take("const");
      decode.expectOperands(1, 1);
      decode.address(decode.operand(0));
      return decode.handler(exec::tensorMapPrefetch(), Class::Other);
    }
    for (const std::string& suffix : decode.statement.suffix) // a hint
      decode.take(suffix);
  };
  const Rule ignored = [](Decode& decode) { // hints
    for (const std::string& suffix : decode.statement.suffix)
      decode.take(suffix);
  };
  rules["prefetchu"] = rules["applypriority"] = rules["discard"] = ignored;
}

} // namespace attune::emulator
