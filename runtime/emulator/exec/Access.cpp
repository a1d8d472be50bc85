#include "runtime/emulator/exec/Access.h"

#include "runtime/emulator/SharedChecks.h"
#include "runtime/emulator/exec/SharedPlaces.h"

#include <algorithm>
#include <cstring>

namespace attune::emulator::exec {

namespace {

std::string hex(std::uint64_t value) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), digits[value & 15]);
    value >>= 4;
  } while (value != 0);
  return "0x" + text;
}

bool misaligned(std::uint64_t address, unsigned bytes) { return (address & (bytes - 1)) != 0; }

const char* verb(Direction direction) {
  return direction == Direction::Read ? "read" : direction == Direction::Write ? "write" : "atomic access";
}

[[noreturn]] void stray(unsigned lane, std::uint64_t address, unsigned bytes, Direction direction,
                        const std::string& where) {
  throw Fault{std::string(misaligned(address, bytes) ? "misaligned " : "stray ") + verb(direction) + " of " +
                  std::to_string(bytes) + " bytes at " + hex(address) + ": " + where,
              static_cast<int>(lane)};
}

std::string describeShared(const Block& block, std::uint64_t address) {
  std::string where = "shared memory of this block has " + std::to_string(block.shared_bytes) + " bytes";
  for (const NamedRange& variable : block.launch.program->shared_variables)
    if (address >= variable.offset && address < variable.offset + variable.bytes + 256)
      where += ", offset " + std::to_string(address - variable.offset) + " of '" + variable.name + "' (" +
               std::to_string(variable.bytes) + " bytes)";
  return where;
}

SharedUse useOf(const Warp& warp, Direction direction) {
  if (direction == Direction::Both)
    return SharedUse::Atomic;
  const bool strong = warp.program->code[warp.pc() - 1].strong;
  return direction == Direction::Read ? (strong ? SharedUse::StrongRead : SharedUse::Read)
                                      : (strong ? SharedUse::Atomic : SharedUse::Write);
}

/// `together` is who makes this access: the lane, or all of a matrix instruction for which it names the address.
void sharedLane(Warp& warp, unsigned lane, std::uint32_t together, std::uint64_t address, unsigned bytes,
                Direction direction, Access& access) {
  Block* block = warp.block;
  std::uint64_t offset = address - block->shared_base;
  if (address >> rank_shift != block->rank && address >> rank_shift < block->peers.size()) {
    const SharedPlace place = placeOf(warp, address); // another block of the cluster
    block = place.block, offset = place.offset;
  }
  if (misaligned(offset, bytes) || offset > block->shared_bytes || block->shared_bytes - offset < bytes)
    stray(lane, address, bytes, direction, describeShared(*block, offset));
  access.host[lane] = block->shared + offset;
  const auto at = static_cast<std::uint32_t>(offset);
  checkUse(*block, warp, together, useOf(warp, direction), at, bytes);
}

void localLane(Warp& warp, unsigned lane, std::uint64_t offset, unsigned bytes, Direction direction, Access& access) {
  const std::size_t size = warp.program->local_bytes;
  if (misaligned(offset, bytes) || offset > size || size - offset < bytes)
    stray(lane, offset, bytes, direction, "local memory of a thread has " + std::to_string(size) + " bytes");
  access.host[lane] = warp.local + lane * size + offset;
}

void parameterLane(Warp& warp, unsigned lane, std::uint64_t offset, unsigned bytes, Direction direction,
                   Access& access) {
  const std::vector<std::byte>& parameters = warp.block->launch.parameters;
  if (misaligned(offset, bytes) || direction != Direction::Read || offset > parameters.size() ||
      parameters.size() - offset < bytes)
    stray(lane, offset, bytes, direction,
          "the kernel's parameters have " + std::to_string(parameters.size()) + " bytes and are read-only");
  access.host[lane] = const_cast<std::byte*>(parameters.data()) + offset; // a read: nobody writes through it
}

} // namespace

std::string describeGlobal(const Warp& warp, std::uint64_t address) {
  const Launch& launch = warp.block->launch;
  std::string where = launch.global->describe(address);
  const std::size_t there = launch.memory->find(address, 1), early = warp.memory->find(address, 1);
  const bool hidden = there != early, frozen = !hidden && there != MemoryView::nowhere &&
                                               (*launch.memory)[there].read_only != (*warp.memory)[early].read_only;
  if (hidden || frozen)
    where += std::string(", which the kernel before this one may still be ") + (hidden ? "writing" : "reading") +
             ": griddepcontrol.wait comes first";
  return where;
}

namespace {

void globalLane(Warp& warp, unsigned lane, std::uint64_t address, unsigned bytes, Direction direction, Access& access) {
  const MemoryView& memory = *warp.memory;
  if (warp.recent >= memory.size() || !memory[warp.recent].contains(address, bytes)) {
    warp.recent = memory.find(address, bytes);
    if (warp.recent == MemoryView::nowhere)
      stray(lane, address, bytes, direction, describeGlobal(warp, address));
  }
  const Buffer& buffer = memory[warp.recent];
  if (misaligned(address, bytes) || (buffer.read_only && direction != Direction::Read))
    stray(lane, address, bytes, direction, describeGlobal(warp, address));
  access.host[lane] = buffer.data.get() + (address - buffer.base);
}

/// host = data + lane * stride + (address - base) for all lanes in exec at once. False if one of them is misaligned or
/// not inside; the slow way then finds out which. Bit 63 of `outside` is set by an offset behind `last` and by one that
/// wrapped; lanes that are not in exec count as offset 0.
template <bool Whole>
bool placeAll(std::byte* data, std::size_t stride, std::uint64_t base, std::uint64_t last, unsigned bytes,
              std::uint32_t exec, Access& access) {
  std::uint64_t outside = 0, low_bits = 0;
  for (unsigned i = 0; i < lanes; ++i) {
    const std::uint64_t counts = Whole ? ~std::uint64_t{0} : 0 - std::uint64_t{(exec >> i) & 1};
    const std::uint64_t offset = (access.address[i] - base) & counts;
    outside |= (last - offset) | offset;
    low_bits |= access.address[i] & counts;
    access.host[i] = data + i * stride + offset;
  }
  return (outside >> 63) == 0 && !misaligned(low_bits, bytes);
}

bool place(std::byte* data, std::size_t stride, std::uint64_t base, std::uint64_t length, unsigned bytes,
           std::uint32_t exec, Access& access) {
  if (length < bytes)
    return false;
  return exec == all_lanes ? placeAll<true>(data, stride, base, length - bytes, bytes, exec, access)
                           : placeAll<false>(data, stride, base, length - bytes, bytes, exec, access);
}

/// All lanes in one buffer, which `warp.recent` becomes; true also of the direction.
bool placeInOneBuffer(Warp& warp, unsigned bytes, Direction direction, Access& access) {
  const MemoryView& memory = *warp.memory;
  const std::uint64_t first = access.address[std::countr_zero(warp.exec)];
  if (warp.recent >= memory.size() || !memory[warp.recent].contains(first, bytes)) {
    const std::size_t found = memory.find(first, bytes);
    if (found == MemoryView::nowhere)
      return false;
    warp.recent = found;
  }
  const Buffer& buffer = memory[warp.recent];
  return !(buffer.read_only && direction != Direction::Read) &&
         place(buffer.data.get(), 0, buffer.base, buffer.bytes, bytes, warp.exec, access);
}

void account(Warp& warp, std::size_t buffer, unsigned bytes, Direction direction, std::uint32_t which,
             const Access& access) {
  const Traffic traffic{static_cast<std::uint64_t>(std::popcount(which)) * bytes,
                        warp.block->count_memory ? sectors(access.address, which) : 0};
  const auto add = [&](Traffic& to) { to.bytes += traffic.bytes, to.sectors += traffic.sectors; };
  if (direction != Direction::Write)
    add(warp.tally->reads[buffer]);
  if (direction != Direction::Read)
    add(warp.tally->writes[buffer]);
}

/// Bytes and sectors of each of the buffers that the warp touched.
void accountGlobal(Warp& warp, unsigned bytes, Direction direction, const Access& access) {
  const MemoryView& memory = *warp.memory;
  std::uint32_t left = warp.exec;
  while (left != 0) {
    const auto first = static_cast<unsigned>(std::countr_zero(left));
    const std::size_t index = memory[warp.recent].contains(access.address[first], bytes)
                                  ? warp.recent
                                  : memory.find(access.address[first], bytes);
    std::uint32_t here = 0;
    for (std::uint32_t rest = left; rest != 0; rest &= rest - 1) {
      const auto lane = static_cast<unsigned>(std::countr_zero(rest));
      here |= memory[index].contains(access.address[lane], bytes) ? 1u << lane : 0;
    }
    account(warp, index, bytes, direction, here, access);
    left &= ~here;
  }
}

void accountShared(Warp& warp, unsigned bytes, SharedAccess kind, const std::uint64_t* address, std::uint32_t exec) {
  const Wavefronts counted = wavefronts(address, exec, bytes);
  Wavefronts& total = warp.tally->shared[static_cast<std::size_t>(kind)];
  total.taken += counted.taken;
  total.minimum += counted.minimum;
}

template <class F>
void each(std::uint32_t exec, F f) {
  for (; exec != 0; exec &= exec - 1)
    f(static_cast<unsigned>(std::countr_zero(exec)));
}

} // namespace

void addresses(const Warp& warp, const Instr& instr, Slot operand, Access& access) {
  const auto offset = static_cast<std::uint64_t>(instr.immediate);
  if (instr.wide_address) {
    const auto* base = warp.read<std::uint64_t>(operand);
    for (unsigned i = 0; i < lanes; ++i)
      access.address[i] = base[i] + offset;
  } else {
    const auto* base = warp.read<std::uint32_t>(operand);
    for (unsigned i = 0; i < lanes; ++i)
      access.address[i] = static_cast<std::uint32_t>(base[i] + static_cast<std::uint32_t>(offset));
  }
}

void resolveShared(Warp& warp, unsigned bytes, Direction direction, SharedAccess kind, Access& access) {
  const Block& block = *warp.block;
  if (block.races || block.proxy ||
      !place(block.shared, 0, block.shared_base, block.shared_bytes, bytes, warp.exec, access))
    eachLane(warp, [&](unsigned lane) {
      sharedLane(warp, lane, access.of_warp ? whole_warp : warp.together(), access.address[lane], bytes, direction,
                 access);
    });
  if (warp.block->count_memory)
    accountShared(warp, bytes, kind, access.address, warp.exec);
}

void resolve(Warp& warp, Space space, unsigned bytes, Direction direction, Access& access) {
  const SharedAccess kind = direction == Direction::Read ? SharedAccess::Load : SharedAccess::Store;
  switch (space) {
  case Space::Global:
  case Space::Const:
    if (placeInOneBuffer(warp, bytes, direction, access)) {
      account(warp, warp.recent, bytes, direction, warp.exec, access);
      return;
    }
    each(warp.exec, [&](unsigned lane) { globalLane(warp, lane, access.address[lane], bytes, direction, access); });
    accountGlobal(warp, bytes, direction, access);
    return;
  case Space::Shared:
    return resolveShared(warp, bytes, direction, kind, access);
  case Space::Local: {
    const std::size_t size = warp.program->local_bytes;
    if (!place(warp.local, size, 0, size, bytes, warp.exec, access))
      each(warp.exec, [&](unsigned lane) { localLane(warp, lane, access.address[lane], bytes, direction, access); });
    return;
  }
  case Space::Param:
    each(warp.exec, [&](unsigned lane) { parameterLane(warp, lane, access.address[lane], bytes, direction, access); });
    return;
  default:
    break;
  }
  // Generic: each lane by its window, the rest as global memory
  const std::uint32_t all = warp.exec;
  const auto inside = [&](DevicePtr window) {
    return all & lanesWhere([&](unsigned lane) { return access.address[lane] - window < window_bytes; });
  };
  const std::uint32_t shared = inside(shared_window), local = inside(local_window), parameter = inside(param_window);
  const auto part = [&](std::uint32_t which, Space of, DevicePtr window) {
    if (which == 0)
      return;
    each(which, [&](unsigned lane) { access.address[lane] -= window; });
    warp.exec = which;
    resolve(warp, of, bytes, direction, access);
    warp.exec = all;
  };
  part(shared, Space::Shared, shared_window);
  part(local, Space::Local, local_window);
  part(parameter, Space::Param, param_window);
  part(all & ~shared & ~local & ~parameter, Space::Global, 0);
}

namespace {

/// One bit per lane, for the banks that it takes in its phase: as many bits as lanes if no two lanes meet.
template <unsigned Unit>
std::uint32_t banksTaken(const std::uint64_t* address, std::uint32_t exec) {
  using Four [[gnu::vector_size(32)]] = std::uint64_t; // GCC 12 leaves the loop over single lanes as it is
  constexpr std::uint64_t units = 128 / Unit, shift = std::countr_zero(Unit);
  Four taken{};
  for (std::uint64_t i = 0; i < lanes; i += 4) {
    const Four lane = {i, i + 1, i + 2, i + 3};
    Four at;
    std::memcpy(&at, address + i, sizeof(at));
    taken |= ((Four{} + exec) >> lane & 1) << (((at >> shift) & (units - 1)) | (lane & ~(units - 1)));
  }
  return static_cast<std::uint32_t>(taken[0] | taken[1] | taken[2] | taken[3]);
}

/// The unit of conflict is what one lane takes: 1, 2 or 4 neighbouring banks.
template <unsigned Unit>
Wavefronts wavefrontsOf(const std::uint64_t* address, std::uint32_t exec) {
  constexpr unsigned units = 128 / Unit, shift = std::countr_zero(Unit);
  const bool conflict_free = std::popcount(banksTaken<Unit>(address, exec)) == std::popcount(exec);
  Wavefronts total;
#pragma GCC unroll 4
  for (unsigned phase = 0; phase < lanes / units; ++phase) {
    const std::uint32_t members = exec & ((units == 32 ? all_lanes : (1u << units % 32) - 1) << (phase * units));
    if (conflict_free) {
      total.taken += members != 0 ? 1 : 0;
      total.minimum += members != 0 ? 1 : 0;
      continue;
    }
    std::uint64_t seen[lanes];
    std::uint8_t depth[lanes] = {};
    unsigned count = 0, deepest = 0;
    each(members, [&](unsigned lane) {
      const std::uint64_t word = address[lane] >> shift;
      for (unsigned i = count; i-- > 0;)
        if (seen[i] == word)
          return;
      seen[count++] = word;
      deepest = std::max<unsigned>(deepest, ++depth[word & (units - 1)]);
    });
    total.taken += deepest;
    total.minimum += (count + units - 1) / units;
  }
  return total;
}

} // namespace

Wavefronts wavefronts(const std::uint64_t* address, std::uint32_t exec, unsigned bytes) {
  return bytes == 16  ? wavefrontsOf<16>(address, exec)
         : bytes == 8 ? wavefrontsOf<8>(address, exec)
                      : wavefrontsOf<4>(address, exec);
}

std::uint64_t sectors(const std::uint64_t* address, std::uint32_t exec) {
  if (exec == all_lanes) { // addresses mostly ascend: then a new sector is one that its neighbour does not have
    std::uint64_t changes = 1, descents = 0;
    for (unsigned i = 1; i < lanes; ++i) {
      const std::uint64_t step = address[i] / 32 - address[i - 1] / 32;
      changes += step != 0 ? 1 : 0;
      descents |= step;
    }
    if ((descents >> 63) == 0)
      return changes;
  }
  std::uint64_t seen[lanes];
  unsigned count = 0;
  each(exec, [&](unsigned lane) {
    const std::uint64_t sector = address[lane] / 32;
    for (unsigned i = count; i-- > 0;)
      if (seen[i] == sector)
        return;
    seen[count++] = sector;
  });
  return count;
}

} // namespace attune::emulator::exec
