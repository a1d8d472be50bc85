#include "runtime/emulator/TensorMaps.h"
#include "runtime/emulator/exec/Access.h"
#include "runtime/emulator/exec/BulkDecode.h"
#include "runtime/emulator/exec/BulkReductions.h"
#include "runtime/emulator/exec/SharedPlaces.h"

namespace attune::emulator::exec {

namespace {

std::uint64_t addressOf(const Warp& warp, const Instr& instr, const BulkForm::Address& address, unsigned lane) {
  const Slot slot = instr.op[address.op];
  const std::uint64_t base = address.wide ? warp.read<std::uint64_t>(slot)[lane] : warp.read<std::uint32_t>(slot)[lane];
  return base + static_cast<std::uint64_t>(address.offset);
}

/// A tensor map lies in the kernel's parameters, or in global or constant memory.
TiledTensor mapAt(const Warp& warp, std::uint64_t address) {
  const Launch& launch = warp.block->launch;
  if (address % 64 != 0)
    throw Fault{"a tensor map that is not 64-byte aligned"};
  if (address - param_window < window_bytes) {
    if (address - param_window + sizeof(TensorMap) > launch.parameters.size())
      throw Fault{"a tensor map beyond the kernel's parameters"};
    return unpackTensorMap(launch.parameters.data() + (address - param_window));
  }
  const std::size_t buffer = warp.memory->find(address, sizeof(TensorMap));
  if (buffer == MemoryView::nowhere)
    throw Fault{"a tensor map that is neither in the kernel's parameters nor in global memory (is the parameter "
                "__grid_constant__?)"};
  const Buffer& holder = (*warp.memory)[buffer];
  return unpackTensorMap(holder.data.get() + (address - holder.base));
}

/// Bytes and sectors of the rows that a box has in global memory; neighbouring rows may share a sector.
void account(Warp& warp, const std::vector<BoxRow>& rows, std::uint32_t box_bytes, bool reads, bool writes) {
  std::uint64_t last = ~std::uint64_t{0};
  for (const BoxRow& row : rows) {
    const std::uint64_t first = row.address / 32, end = (row.address + row.bytes - 1) / 32;
    const std::uint64_t sectors = end - first + (first != last);
    last = end;
    for (const bool writing : {false, true}) {
      if (!(writing ? writes : reads))
        continue;
      Traffic& traffic = (writing ? warp.tally->writes : warp.tally->reads)[row.buffer];
      traffic.bytes += row.bytes, traffic.sectors += warp.block->count_memory ? sectors : 0;
    }
  }
  if (!warp.block->count_memory)
    return;
  Wavefronts& waves = warp.tally->shared[static_cast<std::size_t>(SharedAccess::Bulk)];
  waves.taken += (box_bytes + 127) / 128, waves.minimum += (box_bytes + 127) / 128;
}

/// A plain copy as a box of one row.
BulkBox plainBox(const Warp& warp, std::uint32_t offset, std::uint64_t address, std::uint32_t bytes, bool writes,
                 std::vector<BoxRow>& rows) {
  if (bytes == 0 || bytes % 16 != 0 || offset % 16 != 0 || address % 16 != 0)
    throw Fault{"a bulk copy of " + std::to_string(bytes) + " bytes, offset " + std::to_string(offset) +
                " of shared memory, address " + std::to_string(address) + ": all must be multiples of 16"};
  const std::size_t buffer = warp.memory->find(address, bytes);
  if (buffer == MemoryView::nowhere || (writes && (*warp.memory)[buffer].read_only))
    throw Fault{"a bulk copy of " + std::to_string(bytes) +
                " bytes is not inside one buffer that allows it: it begins " + describeGlobal(warp, address)};
  const Buffer& holder = (*warp.memory)[buffer];
  rows.push_back({buffer, address, bytes});
  BulkBox box;
  box.offset = offset, box.bytes = bytes;
  box.pieces.push_back({holder.data.get() + (address - holder.base), 0, bytes});
  return box;
}

/// What the plain form calls the elements of a tensor map.
std::string_view typeOf(Element element, bool bitwise) {
  switch (element) {
  case Element::BF16:
    return "bf16";
  case Element::F16:
    return "f16";
  case Element::F32:
    return "f32";
  case Element::I32:
    return bitwise ? "b32" : "s32";
  case Element::U8:
  case Element::E4M3:
    break;
  }
  return {};
}

BulkReduction reductionOf(Element element, std::string_view operation) {
  const bool bitwise = operation == "and" || operation == "or" || operation == "xor";
  const BulkReduction made = bulkReduction(operation, typeOf(element, bitwise));
  if (made == nullptr)
    throw Fault{"a reduction ." + std::string(operation) + " that the tensor map's elements do not have"};
  return made;
}

struct Transfer {
  BulkBox box;
  BulkReduction reduction = nullptr;
  std::vector<BoxRow> rows;
};

Transfer transferOf(Warp& warp, const Instr& instr, const BulkForm& form, unsigned lane, std::uint32_t offset) {
  Transfer made;
  made.reduction = form.reduction;
  if (form.tensor) {
    const TiledTensor tensor = mapAt(warp, addressOf(warp, instr, form.map, lane));
    std::int32_t coordinates[5];
    for (unsigned i = 0; i < form.rank; ++i)
      coordinates[i] = warp.read<std::int32_t>(instr.op[form.coordinates + i])[lane];
    made.reduction = form.operation.empty() ? nullptr : reductionOf(tensor.element, form.operation);
    made.box = boxOf(tensor, {coordinates, form.rank}, offset, warp, form.kind == BulkForm::Kind::Store, made.rows);
    return made;
  }
  const std::uint32_t bytes = warp.read<std::uint32_t>(instr.op[form.size])[lane];
  const bool writes = form.kind == BulkForm::Kind::Store;
  made.box = plainBox(warp, offset, addressOf(warp, instr, writes ? form.destination : form.source, lane), bytes,
                      writes, made.rows);
  return made;
}

/// From another block's, or this one's, shared memory.
void loadFromShared(Warp& warp, const Instr& instr, const BulkForm& form, unsigned lane, SharedPlace to,
                    SharedPlace barrier) {
  const SharedPlace from = placeOf(warp, addressOf(warp, instr, form.source, lane));
  const std::uint32_t bytes = warp.read<std::uint32_t>(instr.op[form.size])[lane];
  if (from.block != warp.block || to.block == warp.block)
    throw Fault{"a bulk copy between shared memories goes from this block's to another one's"};
  if (std::uint64_t{from.offset} + bytes > from.block->shared_bytes || bytes == 0 || bytes % 16 != 0 ||
      from.offset % 16 != 0 || to.offset % 16 != 0)
    throw Fault{"a bulk copy of " + std::to_string(bytes) + " bytes from offset " + std::to_string(from.offset) +
                " of shared memory to offset " + std::to_string(to.offset) +
                ": all must be multiples of 16, and inside of it"};
  const std::uint32_t clock = warp.block->clockOfCopies(signalOf(barrier.offset));
  const Stamp reader{clock, warp.block->clocks->now(clock)};
  warp.block->proxy->shadow.asyncRead(warp.block->clocks->moment(warp.thread(), 1u << lane), reader, from.offset, bytes,
                                      "a bulk copy");
  BulkBox box;
  box.offset = to.offset, box.bytes = bytes;
  box.pieces.push_back({from.block->shared + from.offset, 0, bytes});
  warp.block->proxy->copies.load(warp, std::move(box), 1u << to.block->rank, barrier.offset);
}

void load(Warp& warp, const Instr& instr) {
  const BulkForm& form = warp.program->bulk_forms[instr.target];
  eachLane(warp, [&](unsigned lane) {
    const SharedPlace to = placeOf(warp, addressOf(warp, instr, form.destination, lane));
    const SharedPlace barrier = placeOf(warp, addressOf(warp, instr, form.barrier, lane));
    if (to.block != barrier.block)
      throw Fault{"a bulk copy to one block with the mbarrier of another"};
    std::uint32_t ranks = 1u << to.block->rank;
    if (form.multicast)
      ranks = warp.read<std::uint32_t>(instr.op[form.mask])[lane] & 0xffff;
    if (ranks == 0 || ranks >> warp.block->peers.size() != 0)
      throw Fault{"a multicast to blocks (mask " + std::to_string(ranks) + ") that are not all in the cluster"};
    if (form.from_shared)
      return loadFromShared(warp, instr, form, lane, to, barrier);
    Transfer transfer = transferOf(warp, instr, form, lane, to.offset);
    account(warp, transfer.rows, transfer.box.bytes * static_cast<unsigned>(std::popcount(ranks)), true, false);
    warp.block->proxy->copies.load(warp, std::move(transfer.box), ranks, barrier.offset);
  });
}

void store(Warp& warp, const Instr& instr) {
  const BulkForm& form = warp.program->bulk_forms[instr.target];
  eachLane(warp, [&](unsigned lane) {
    const SharedPlace from = placeOf(warp, addressOf(warp, instr, form.source, lane));
    if (from.block != warp.block)
      throw Fault{"a bulk store from the shared memory of another block"};
    Transfer transfer = transferOf(warp, instr, form, lane, from.offset);
    account(warp, transfer.rows, transfer.box.bytes, false, true);
    warp.block->proxy->copies.store(warp, lane, std::move(transfer.box), transfer.reduction);
  });
}

/// Nothing but its checks.
void prefetch(Warp& warp, const Instr& instr) {
  const BulkForm& form = warp.program->bulk_forms[instr.target];
  eachLane(warp, [&](unsigned lane) { transferOf(warp, instr, form, lane, 0); });
}

void prefetchMap(Warp& warp, const Instr& instr) {
  Access access;
  addresses(warp, instr, instr.op[0], access);
  eachLane(warp, [&](unsigned lane) { mapAt(warp, access.address[lane]); });
}

void commit(Warp& warp, const Instr&) { warp.block->proxy->copies.commit(warp); }
void wait(Warp& warp, const Instr& instr) { warp.block->proxy->copies.wait(warp, instr.target, instr.detail != 0); }

} // namespace

Handler bulkHandler(BulkForm::Kind kind) {
  return kind == BulkForm::Kind::Load ? &load : kind == BulkForm::Kind::Store ? &store : &prefetch;
}
Handler bulkCommit() { return &commit; }
Handler bulkWait() { return &wait; }
Handler tensorMapPrefetch() { return &prefetchMap; }

} // namespace attune::emulator::exec
