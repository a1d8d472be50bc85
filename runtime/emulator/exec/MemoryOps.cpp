// ld, st, atom, red, cp.async (PTX ISA, "Data Movement and Conversion", "Parallel Synchronization and Communication").
#include "runtime/emulator/exec/Elementwise.h"

#include <cstring>
#include <mutex>

namespace attune::emulator {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

enum class Space { Generic, Global, Shared, Local, Parameter };

Space spaceOf(const Instruction& i) {
  for (const std::string& m : i.modifiers) {
    if (m == "global" || m == "const") return Space::Global;
    if (m.starts_with("shared")) return Space::Shared;
    if (m == "local") return Space::Local;
    if (m == "param") return Space::Parameter;
  }
  return Space::Generic;
}

int vectorOf(const Instruction& i) { return i.has("v4") ? 4 : i.has("v2") ? 2 : 1; }

/// Adds the operand's base to op.r (a register or a constant) and its offset to op.immediate; the base is read as 32 or 64 bits.
bool selectAddress(const Operand& address, Space space, Decoder& d, Op& op, bool& wide) {
  if (address.kind != Operand::Kind::Address)
    return false;
  wide = space != Space::Shared && space != Space::Local;
  Operand base;
  if (address.name.empty()) {
    base.kind = Operand::Kind::Integer;
  } else if (address.name.front() == '%') {
    base.kind = Operand::Kind::Register;
    base.name = address.name;
    const auto found = d.entry().registers.find(address.name);
    wide = found != d.entry().registers.end() && bytesOf(found->second) == 8;
  } else {
    base.kind = Operand::Kind::Symbol;
    base.name = address.name;
  }
  op.r.push_back(d.value(base, wide ? Type::U64 : Type::U32));
  op.immediate = static_cast<std::int64_t>(address.bits);
  return true;
}

template <bool Wide> u64 addressOf(Warp& w, const Op& op, u32 place, int l) {
  if constexpr (Wide)
    return w.lane<u64>(place)[l] + static_cast<u64>(op.immediate);
  else
    return static_cast<u64>(static_cast<u32>(w.lane<u32>(place)[l] + static_cast<u32>(op.immediate)));
}

template <Space S> std::byte* resolve(Warp& w, u64 address, std::size_t bytes, int l, bool write) {
  if constexpr (S == Space::Global) return w.global(address, bytes, l, write);
  else if constexpr (S == Space::Shared) return w.sharedAt(address, bytes, l);
  else if constexpr (S == Space::Local) return w.localAt(address, bytes, l);
  else return w.generic(address, bytes, l, write);
}

/// Counts the 32-byte sectors that the lanes touch together.
void countGlobal(Warp& w, const u64 (&addresses)[32], int bytes, bool write) {
  u64 sectors[64];
  int count = 0;
  u64 useful = 0;
  for (int l = 0; l < 32; ++l) {
    if (!(w.mask >> l & 1))
      continue;
    useful += static_cast<u64>(bytes);
    const u64 sector = addresses[l] / 32;
    bool known = false;
    for (int n = count; n-- > 0 && !known;)
      known = sectors[n] == sector;
    if (!known)
      sectors[count++] = sector;
  }
  if (count == 0)
    return;
  const int first = std::countr_zero(w.mask);
  auto& where = (write ? w.block.traffic.written : w.block.traffic.read)[w.block.memory.find(addresses[first], 1)];
  where.bytes += useful;
  where.sectors += static_cast<u64>(count);
}

template <Space S> void count(Warp& w, const u64 (&addresses)[32], int bytes, bool write) {
  if (!w.block.options.counters)
    return;
  if constexpr (S == Space::Shared)
    w.countShared(addresses, bytes);
  if constexpr (S == Space::Global)
    countGlobal(w, addresses, bytes, write);
  if constexpr (S == Space::Generic)
    if (w.mask && addresses[std::countr_zero(w.mask)] >= global_window)
      countGlobal(w, addresses, bytes, write);
}

/// op.r: V destinations, then the address.
template <class T, int V, Space S, bool Wide> void load(Warp& w, const Op& op) {
  u64 addresses[32];
  for (int l = 0; l < 32; ++l)
    if (w.mask >> l & 1) {
      addresses[l] = addressOf<Wide>(w, op, op.r[V], l);
      T value[V];
      std::memcpy(value, resolve<S>(w, addresses[l], sizeof(T) * V, l, false), sizeof(T) * V);
      for (int v = 0; v < V; ++v)
        w.lane<Storage<T>>(op.r[v])[l] = toStorage<T>(value[v]);
    }
  count<S>(w, addresses, sizeof(T) * V, false);
}

/// op.r: the address, then V sources.
template <class T, int V, Space S, bool Wide> void store(Warp& w, const Op& op) {
  u64 addresses[32];
  for (int l = 0; l < 32; ++l)
    if (w.mask >> l & 1) {
      addresses[l] = addressOf<Wide>(w, op, op.r[0], l);
      T value[V];
      for (int v = 0; v < V; ++v)
        value[v] = fromStorage<T>(w.lane<Storage<T>>(op.r[1 + v])[l]);
      std::memcpy(resolve<S>(w, addresses[l], sizeof(T) * V, l, true), value, sizeof(T) * V);
    }
  count<S>(w, addresses, sizeof(T) * V, true);
}

template <class T, int V> void loadParameter(Warp& w, const Op& op) {
  T value[V];
  if (static_cast<u64>(op.immediate) + sizeof value > w.block.parameters.size())
    w.trap("read beyond the kernel's parameters");
  std::memcpy(value, w.block.parameters.data() + op.immediate, sizeof value);
  for (int v = 0; v < V; ++v)
    for (int l = 0; l < 32; ++l)
      if (w.mask >> l & 1)
        w.lane<Storage<T>>(op.r[v])[l] = toStorage<T>(value[v]);
}

template <class T, int V, Space S> Handler pick(bool is_load, bool wide) {
  if (is_load)
    return wide ? &load<T, V, S, true> : &load<T, V, S, false>;
  return wide ? &store<T, V, S, true> : &store<T, V, S, false>;
}

template <class T, int V> Handler pick(Space space, bool is_load, bool wide) {
  switch (space) {
  case Space::Global: return pick<T, V, Space::Global>(is_load, wide);
  case Space::Shared: return pick<T, V, Space::Shared>(is_load, wide);
  case Space::Local: return pick<T, V, Space::Local>(is_load, wide);
  case Space::Generic: return pick<T, V, Space::Generic>(is_load, wide);
  case Space::Parameter: return is_load ? &loadParameter<T, V> : nullptr;
  }
  return nullptr;
}

/// Memory is untyped: floats move as bits.
Type bitsType(Type type) {
  switch (type) {
  case Type::F16: case Type::BF16: return Type::B16;
  case Type::F32: case Type::F16x2: case Type::BF16x2: return Type::B32;
  case Type::F64: return Type::B64;
  default: return type;
  }
}

bool selectLoadStore(const Instruction& i, Decoder& d, Op& op) {
  const bool is_load = i.opcode == "ld" || i.opcode == "ldu";
  const Space space = spaceOf(i);
  const Type type = bitsType(i.type());
  const int width = vectorOf(i);
  const Operand& address = i.operands.at(is_load ? 1 : 0);
  const Operand& data = i.operands.at(is_load ? 0 : 1);
  bool wide = false;
  if (space == Space::Parameter) {
    const Variable* v = d.find(address.name);
    if (!v || !is_load)
      return false;
    op.immediate = static_cast<std::int64_t>(v->offset + address.bits);
  } else if (!is_load && !selectAddress(address, space, d, op, wide)) {
    return false;
  }
  const std::vector<Operand> parts = data.kind == Operand::Kind::Vector ? data.parts : std::vector<Operand>{data};
  if (parts.size() != static_cast<std::size_t>(width))
    return false;
  for (const Operand& part : parts)
    op.r.push_back(d.value(part, type));
  if (is_load && space != Space::Parameter && !selectAddress(address, space, d, op, wide))
    return false;
  withInteger(type, [&](auto t) {
    using T = decltype(t);
    op.run = width == 1 ? pick<T, 1>(space, is_load, wide) : width == 2 ? pick<T, 2>(space, is_load, wide) : pick<T, 4>(space, is_load, wide);
  });
  op.kind = space == Space::Shared ? (is_load ? Class::LoadShared : Class::StoreShared)
            : space == Space::Global || space == Space::Generic ? (is_load ? Class::LoadGlobal : Class::StoreGlobal)
                                                                : Class::Other;
  return op.run != nullptr;
}

/// Lands in shared memory when it is waited for. op.r: destination, source [, bytes to read]; op.target: bytes.
template <bool WideDestination> void copyAsync(Warp& w, const Op& op) {
  PendingCopy copy{};
  copy.lanes = w.mask;
  copy.bytes = static_cast<u32>(op.target);
  u64 to[32] = {}, from[32] = {};
  for (int l = 0; l < 32; ++l)
    if (w.mask >> l & 1) {
      if constexpr (WideDestination) to[l] = w.lane<u64>(op.r[0])[l];
      else to[l] = w.lane<u32>(op.r[0])[l];
      copy.destination[l] = static_cast<u32>(to[l]);
      copy.source[l] = from[l] = w.lane<u64>(op.r[1])[l];
      copy.read_of[l] = op.r.size() > 2 ? std::min(w.lane<u32>(op.r[2])[l], copy.bytes) : copy.bytes;
    }
  w.issue(copy);
  if (w.block.options.counters) {
    w.countShared(to, op.target);
    const u32 all = w.mask;
    for (int l = 0; l < 32; ++l)
      if (copy.read_of[l] == 0)
        w.mask &= ~(1u << l);
    countGlobal(w, from, op.target, false);
    w.mask = all;
  }
}

bool selectCopyAsync(const Instruction& i, Decoder& d, Op& op) {
  if (!i.has("async") || i.has("bulk"))
    return false;
  op.kind = Class::CopyAsync;
  if (i.has("commit_group")) {
    op.kind = Class::Other;
    op.run = [](Warp& w, const Op&) { w.commit(); };
    return true;
  }
  if (i.has("wait_group") || i.has("wait_all")) {
    op.kind = Class::Other;
    op.immediate = i.has("wait_all") ? -1 : static_cast<std::int64_t>(i.operands.at(0).bits);
    op.run = [](Warp& w, const Op& o) { w.wait(o.immediate < 0 ? 0 : static_cast<u32>(o.immediate), o.immediate < 0); };
    return true;
  }
  if (!i.has("shared") || i.operands.size() < 3 || i.operands[2].kind != Operand::Kind::Integer)
    return false;
  bool wide_to = false, wide_from = false;
  if (!selectAddress(i.operands[0], Space::Shared, d, op, wide_to) || op.immediate != 0)
    return false;
  if (!selectAddress(i.operands[1], Space::Global, d, op, wide_from) || op.immediate != 0)
    return false;
  op.target = static_cast<int>(i.operands[2].bits);
  if (i.operands.size() > 3 && !i.has("L2::cache_hint"))
    op.r.push_back(d.value(i.operands[3], Type::U32));
  op.run = wide_to ? &copyAsync<true> : &copyAsync<false>;
  return true;
}

std::mutex atomics; // one atomic operation of the device at a time

template <class T, class F> void atomic(Warp& w, const Op& op) {
  // op.r: destination (or the address again), address, b [, c]; op.target: has a destination
  const std::scoped_lock lock(atomics);
  for (int l = 0; l < 32; ++l)
    if (w.mask >> l & 1) {
      const u64 address = (op.wide_address ? w.lane<u64>(op.r[1])[l] : w.lane<u32>(op.r[1])[l]) + static_cast<u64>(op.immediate);
      std::byte* at = op.shared ? w.sharedAt(address, sizeof(T), l) : w.generic(address, sizeof(T), l, true);
      T old;
      std::memcpy(&old, at, sizeof old);
      const T b = fromStorage<T>(w.lane<Storage<T>>(op.r[2])[l]);
      const T c = op.r.size() > 3 ? fromStorage<T>(w.lane<Storage<T>>(op.r[3])[l]) : T();
      const T now = F{}(old, b, c);
      std::memcpy(at, &now, sizeof now);
      if (op.target > 0)
        w.lane<Storage<T>>(op.r[0])[l] = toStorage<T>(old);
    }
}

template <class T> Handler atomicHandler(const Instruction& i) {
  if (i.has("add")) return &atomic<T, decltype([](T a, T b, T) { return static_cast<T>(a + b); })>;
  if (i.has("min")) return &atomic<T, decltype([](T a, T b, T) { return a < b ? a : b; })>;
  if (i.has("max")) return &atomic<T, decltype([](T a, T b, T) { return a > b ? a : b; })>;
  if (i.has("exch")) return &atomic<T, decltype([](T, T b, T) { return b; })>;
  if (i.has("cas")) return &atomic<T, decltype([](T a, T b, T c) { return a == b ? c : a; })>;
  if constexpr (std::is_integral_v<T>) {
    if (i.has("and")) return &atomic<T, decltype([](T a, T b, T) { return static_cast<T>(a & b); })>;
    if (i.has("or")) return &atomic<T, decltype([](T a, T b, T) { return static_cast<T>(a | b); })>;
    if (i.has("xor")) return &atomic<T, decltype([](T a, T b, T) { return static_cast<T>(a ^ b); })>;
    if (i.has("inc")) return &atomic<T, decltype([](T a, T b, T) { return a >= b ? T(0) : static_cast<T>(a + 1); })>;
    if (i.has("dec")) return &atomic<T, decltype([](T a, T b, T) { return a == 0 || a > b ? b : static_cast<T>(a - 1); })>;
  }
  return nullptr;
}

bool selectAtomic(const Instruction& i, Decoder& d, Op& op) {
  const bool returns = i.opcode == "atom";
  const Type type = i.type();
  const Space space = spaceOf(i);
  if (space == Space::Local || space == Space::Parameter)
    return false;
  const std::size_t at = returns ? 1 : 0;
  bool wide = false;
  op.r.push_back(returns ? d.value(i.operands.at(0), type) : 0);
  if (!selectAddress(i.operands.at(at), space, d, op, wide))
    return false;
  for (std::size_t n = at + 1; n < i.operands.size(); ++n)
    op.r.push_back(d.value(i.operands[n], type));
  op.target = returns ? 1 : 0;
  op.wide_address = wide;
  op.shared = space == Space::Shared;
  if (type == Type::F32) op.run = atomicHandler<float>(i);
  else if (type == Type::F64) op.run = atomicHandler<double>(i);
  else withInteger(type, [&](auto t) { op.run = atomicHandler<decltype(t)>(i); });
  op.kind = op.shared ? Class::StoreShared : Class::StoreGlobal;
  return op.run != nullptr;
}

} // namespace

bool selectMemory(const Instruction& i, Decoder& d, Op& op) {
  if (i.opcode == "ld" || i.opcode == "st" || i.opcode == "ldu")
    return selectLoadStore(i, d, op);
  if (i.opcode == "cp")
    return selectCopyAsync(i, d, op);
  if (i.opcode == "atom" || i.opcode == "red")
    return selectAtomic(i, d, op);
  if (i.opcode == "prefetch" || i.opcode == "prefetchu" || i.opcode == "createpolicy" || i.opcode == "discard") {
    op.kind = Class::Other;
    return true;
  }
  return false;
}

} // namespace attune::emulator
