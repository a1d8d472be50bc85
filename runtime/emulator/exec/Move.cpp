#include "runtime/emulator/exec/Move.h"

#include "runtime/emulator/exec/Clusters.h"
#include "runtime/emulator/exec/Lanes.h"

#include <cstring>

namespace attune::emulator::exec {

namespace {

template <class T>
void move(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<T>(instr.op[1]);
  forLanes<T>(warp, instr.op[0], [=](unsigned i) { return a[i]; });
}

void movePredicate(Warp& warp, const Instr& instr) { warp.setPredicate(instr.op[0], warp.predicate(instr.op[1])); }

/// Parts of `bits` bits each between one wide register and several narrow ones.
template <class Wide, unsigned Parts>
void split(Warp& warp, const Instr& instr) {
  constexpr unsigned bits = sizeof(Wide) * 8 / Parts;
  Wide source[lanes];
  std::memcpy(source, warp.read<Wide>(instr.op[Parts]), sizeof(source));
  for (unsigned part = 0; part < Parts; ++part)
    forLanes<std::uint32_t>(warp, instr.op[part], [&](unsigned i) {
      return static_cast<std::uint32_t>(source[i] >> (part * bits) &
                                        (bits == 32 ? 0xffffffffu : (1u << (bits & 31)) - 1));
    });
}

template <class Wide, unsigned Parts>
void join(Warp& warp, const Instr& instr) {
  constexpr unsigned bits = sizeof(Wide) * 8 / Parts;
  const std::uint32_t* parts[Parts];
  for (unsigned part = 0; part < Parts; ++part)
    parts[part] = warp.read<std::uint32_t>(instr.op[part + 1]);
  Wide made[lanes];
  for (unsigned i = 0; i < lanes; ++i) {
    made[i] = 0;
    for (unsigned part = 0; part < Parts; ++part)
      made[i] |= static_cast<Wide>(Wide{parts[part][i]} & ((Wide{1} << bits) - 1)) << (part * bits);
  }
  forLanes<Wide>(warp, instr.op[0], [&](unsigned i) { return made[i]; });
}

/// mov, which also splits and joins registers: mov.b64 {%r1, %r2}, %rd1.
void decodeMove(Decode& decode) {
  Type type = decode.takeType();
  decode.expectOperands(2, 2);
  const Operand& to = decode.operand(0);
  const Operand& from = decode.operand(1);
  const bool splits = to.kind == Operand::Kind::Vector;
  if (splits || from.kind == Operand::Kind::Vector) {
    const Operand& vector = splits ? to : from;
    const std::size_t parts = vector.elements.size();
    const Type part{'b', parts == 0 ? 0 : type.bits / static_cast<unsigned>(parts)};
    for (const Operand& element : vector.elements)
      splits ? decode.destination(element, part) : void();
    if (splits) {
      decode.source(from, type);
    } else {
      decode.destination(to, type);
      for (const Operand& element : vector.elements)
        decode.source(element, part);
    }
    Handler run = nullptr;
    if (type.bits == 64 && parts == 2)
      run = splits ? &split<std::uint64_t, 2> : &join<std::uint64_t, 2>;
    else if (type.bits == 64 && parts == 4)
      run = splits ? &split<std::uint64_t, 4> : &join<std::uint64_t, 4>;
    else if (type.bits == 32 && parts == 2)
      run = splits ? &split<std::uint32_t, 2> : &join<std::uint32_t, 2>;
    else if (type.bits == 32 && parts == 4)
      run = splits ? &split<std::uint32_t, 4> : &join<std::uint32_t, 4>;
    else
      decode.unsupported("these parts");
    decode.handler(run, Class::Alu);
    return;
  }
  const std::size_t width = decode.widthOf(to);
  if (width == 1 && type.bits != 1)
    decode.unsupported("a predicate");
  if (type.bits == 8)
    type.bits = 16;
  decode.destination(to, type);
  if (from.kind == Operand::Kind::Name && decode.isSpecial(from.name)) {
    decode.instr.category = Class::Alu;
    if (!specialRegister(from.name, decode.instr))
      decode.unsupported("special register '" + from.name + "'");
    return;
  }
  decode.source(from, type);
  decode.handler(type.bits == 1    ? &movePredicate
                 : type.bits == 64 ? &move<std::uint64_t>
                                   : &move<std::uint32_t>,
                 Class::Alu);
}

template <std::uint64_t Window, bool ToGeneric>
void convertAddress(Warp& warp, const Instr& instr) {
  const auto* wide = warp.read<std::uint64_t>(instr.op[1]);
  forLanes<std::uint64_t>(warp, instr.op[0],
                          [=](unsigned i) { return ToGeneric ? wide[i] + Window : wide[i] - Window; });
}

/// cvta: global and const addresses are generic ones; shared and local memory are windows.
void decodeConvertAddress(Decode& decode) {
  const bool to_space = decode.take("to");
  const Space space = decode.takeSpace();
  const Type type = decode.takeType();
  if (type.bits != 64)
    decode.unsupported("this type");
  decode.expectOperands(2, 2);
  decode.destination(decode.operand(0), type);
  decode.source(decode.operand(1), type);
  Handler run = &move<std::uint64_t>;
  if (space == Space::Shared)
    run = to_space ? &convertAddress<shared_window, false> : &convertAddress<shared_window, true>;
  else if (space == Space::Param)
    run = to_space ? &convertAddress<param_window, false> : &convertAddress<param_window, true>;
  else if (space == Space::Local)
    run = to_space ? &convertAddress<local_window, false> : &convertAddress<local_window, true>;
  decode.handler(run, Class::Alu);
}

void isSpace(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<std::uint64_t>(instr.op[1]);
  const Space asked = static_cast<Space>(instr.detail);
  warp.setPredicate(instr.op[0], lanesWhere([=](unsigned i) {
                      const Space space = a[i] - shared_window < window_bytes  ? Space::Shared
                                          : a[i] - param_window < window_bytes ? Space::Param
                                          : a[i] - local_window < window_bytes ? Space::Local
                                                                               : Space::Global;
                      return space == asked;
                    }));
}

void decodeIsSpace(Decode& decode) {
  decode.instr.detail = static_cast<std::uint16_t>(decode.takeSpace());
  decode.expectOperands(2, 2);
  decode.destination(decode.operand(0), {'p', 1});
  decode.source(decode.operand(1), {'b', 64});
  decode.handler(&isSpace, Class::Alu);
}

// Special registers.

template <class F>
void special(Warp& warp, const Instr& instr, F f) {
  if (instr.wide != 0)
    forLanes<std::uint64_t>(warp, instr.op[0], [&](unsigned i) { return static_cast<std::uint64_t>(f(i)); });
  else
    forLanes<std::uint32_t>(warp, instr.op[0], [&](unsigned i) { return static_cast<std::uint32_t>(f(i)); });
}

unsigned component(const Dim3& value, unsigned which) { return which == 0 ? value.x : which == 1 ? value.y : value.z; }

void threadIndex(Warp& warp, const Instr& instr) {
  const Dim3 size = warp.block->launch.config.block;
  const unsigned first = warp.index * 32, which = instr.detail;
  const unsigned divisor = which == 0 ? 1 : which == 1 ? size.x : size.x * size.y;
  const unsigned modulus = component(size, which);
  special(warp, instr, [=](unsigned i) { return (first + i) / divisor % modulus; });
}
void blockSize(Warp& warp, const Instr& instr) {
  const unsigned value = component(warp.block->launch.config.block, instr.detail);
  special(warp, instr, [=](unsigned) { return value; });
}
void blockIndex(Warp& warp, const Instr& instr) {
  const unsigned value = component(warp.block->position, instr.detail);
  special(warp, instr, [=](unsigned) { return value; });
}
void gridSize(Warp& warp, const Instr& instr) {
  const unsigned value = component(warp.block->launch.config.grid, instr.detail);
  special(warp, instr, [=](unsigned) { return value; });
}
void laneIndex(Warp& warp, const Instr& instr) {
  special(warp, instr, [](unsigned i) { return i; });
}
template <int Compare> // -2 <, -1 <=, 0 ==, 1 >=, 2 >
void laneMask(Warp& warp, const Instr& instr) {
  special(warp, instr, [](unsigned i) {
    const std::uint32_t bit = 1u << i;
    return Compare == 0    ? bit
           : Compare == -2 ? bit - 1
           : Compare == -1 ? bit | (bit - 1)
           : Compare == 2  ? ~(bit | (bit - 1))
                           : ~(bit - 1);
  });
}
void constantValue(Warp& warp, const Instr& instr) {
  special(warp, instr, [&](unsigned) { return instr.immediate; });
}
void warpIndex(Warp& warp, const Instr& instr) {
  special(warp, instr, [&](unsigned) { return warp.index; });
}
void warpCount(Warp& warp, const Instr& instr) {
  const Dim3 size = warp.block->launch.config.block;
  special(warp, instr, [&](unsigned) { return (size.x * size.y * size.z + 31) / 32; });
}
void clockValue(Warp& warp, const Instr& instr) {
  special(warp, instr, [&](unsigned) { return ++warp.clock; });
}
void dynamicShared(Warp& warp, const Instr& instr) {
  special(warp, instr, [&](unsigned) {
    return instr.detail != 0 ? warp.block->launch.config.dynamic_shared : warp.block->shared_bytes;
  });
}

} // namespace

void invertPredicate(Warp& warp, const Instr& instr) { warp.setPredicate(instr.op[0], ~warp.predicate(instr.op[1])); }

bool specialRegister(const std::string& name, Instr& made) {
  if (clusterRegister(name, made))
    return true;
  const std::size_t dot = name.find('.');
  const std::string base = name.substr(0, dot);
  if (dot != std::string::npos && dot + 2 == name.size()) {
    const char axis = name[dot + 1];
    made.detail = axis == 'y' ? 1 : axis == 'z' ? 2 : 0;
    made.run = base == "%tid"      ? &threadIndex
               : base == "%ntid"   ? &blockSize
               : base == "%ctaid"  ? &blockIndex
               : base == "%nctaid" ? &gridSize
                                   : nullptr;
    return made.run != nullptr && axis >= 'x' && axis <= 'z';
  }
  static const std::unordered_map<std::string, Handler> simple = {{"%laneid", &laneIndex},
                                                                  {"%warpid", &warpIndex},
                                                                  {"%nwarpid", &warpCount},
                                                                  {"%lanemask_eq", &laneMask<0>},
                                                                  {"%lanemask_lt", &laneMask<-2>},
                                                                  {"%lanemask_le", &laneMask<-1>},
                                                                  {"%lanemask_gt", &laneMask<2>},
                                                                  {"%lanemask_ge", &laneMask<1>},
                                                                  {"%clock", &clockValue},
                                                                  {"%clock64", &clockValue},
                                                                  {"%clock_hi", &constantValue},
                                                                  {"%globaltimer", &clockValue},
                                                                  {"%globaltimer_lo", &clockValue},
                                                                  {"%smid", &constantValue},
                                                                  {"%nsmid", &constantValue},
                                                                  {"%gridid", &constantValue},
                                                                  {"%dynamic_smem_size", &dynamicShared},
                                                                  {"%total_smem_size", &dynamicShared},
                                                                  {"WARP_SZ", &constantValue}};
  const auto found = simple.find(name);
  if (found == simple.end())
    return false;
  made.run = found->second;
  made.detail = name == "%dynamic_smem_size";
  made.immediate = name == "WARP_SZ" ? 32 : name == "%nsmid" ? 1 : 0;
  return true;
}

} // namespace attune::emulator::exec

namespace attune::emulator {

void addMoveRules(Rules& rules) {
  rules["mov"] = &exec::decodeMove;
  rules["cvta"] = &exec::decodeConvertAddress;
  rules["isspacep"] = &exec::decodeIsSpace;
  rules["createpolicy"] = [](Decode& decode) { // a cache policy changes no result
    for (const std::string& suffix : decode.statement.suffix)
      decode.take(suffix);
    decode.destination(decode.operand(0), {'b', 64});
    decode.handler(&exec::constantValue, Class::Other);
  };
}

} // namespace attune::emulator
