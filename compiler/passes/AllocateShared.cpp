// First fit over live ranges, which are intervals of the kernel's top-level ops.
#include "compiler/passes/TilePasses.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace attune::tile {

#define GEN_PASS_DEF_ALLOCATESHARED
#include "compiler/passes/TilePasses.h.inc"

namespace {

struct Buffer {
  AllocOp alloc;
  std::int64_t bytes, alignment, offset = 0;
  int first = INT_MAX, last = -1; ///< positions of the top-level ops that use it

  bool aliveWith(const Buffer& other) const { return first <= other.last && other.first <= last; }
};

/// Positions of all uses, also through slots.
void extend(Buffer& buffer, Value value, const DenseMap<Operation*, int>& position, Block& top) {
  for (Operation* user : value.getUsers()) {
    Operation* ancestor = top.findAncestorOpInBlock(*user);
    int at = position.lookup(ancestor);
    buffer.first = std::min(buffer.first, at);
    // Roles run side by side. What a role fills once is there when its readers have waited for it.
    bool once = isa<TmaLoadAsyncOp>(user) && !user->getParentOfType<ForOp>() && isa<StType>(value.getType());
    buffer.last = std::max(buffer.last, isa<RoleOp>(ancestor) && !once ? INT_MAX : at);
    for (Value result : user->getResults())
      extend(buffer, result, position, top);
  }
}

/// Bytes and alignment of what lives in shared memory; 0 for registers.
std::pair<std::int64_t, std::int64_t> sizeOf(Type type) {
  if (auto tiles = dyn_cast<StType>(type))
    return {tiles.bytes(), 1024};
  if (auto barriers = dyn_cast<BarrierType>(type))
    return {barriers.bytes(), 8};
  if (auto flag = dyn_cast<FlagType>(type))
    return {flag.bytes(), 4};
  return {0, 1};
}

struct AllocateSharedPass : impl::AllocateSharedBase<AllocateSharedPass> {
  using AllocateSharedBase::AllocateSharedBase;

  void runOnOperation() override {
    KernelOp kernel = getOperation();
    Block& top = kernel.getBody().front();
    DenseMap<Operation*, int> position;
    for (auto [i, op] : llvm::enumerate(top))
      position[&op] = int(i);

    SmallVector<Buffer> buffers;
    for (auto alloc : top.getOps<AllocOp>())
      if (auto [bytes, alignment] = sizeOf(alloc.getType()); bytes > 0) {
        buffers.push_back({alloc, bytes, alignment});
        extend(buffers.back(), alloc.getResult(), position, top);
      }
    llvm::stable_sort(buffers, [](const Buffer& a, const Buffer& b) {
      return std::pair(-a.alignment, a.first) < std::pair(-b.alignment, b.first);
    });

    std::int64_t total = 0;
    for (auto [i, buffer] : llvm::enumerate(buffers)) {
      auto placed = ArrayRef(buffers).take_front(i);
      auto taken = [&] { // a placed buffer in the way, if any
        return llvm::find_if(placed, [&](const Buffer& other) {
          return buffer.aliveWith(other) && buffer.offset < other.offset + other.bytes &&
                 other.offset < buffer.offset + buffer.bytes;
        });
      };
      for (auto* other = taken(); other != placed.end(); other = taken())
        buffer.offset = std::int64_t(llvm::alignTo(other->offset + other->bytes, buffer.alignment));
      buffer.alloc.setOffset(buffer.offset);
      for (Buffer other : placed)
        if (other.offset == buffer.offset)
          buffer.alloc->setAttr("note", Builder(kernel).getStringAttr(*other.alloc.getLabel() + " is dead by then"));
      total = std::max(total, buffer.offset + buffer.bytes);
    }
    if (limit > 0 && total > limit) {
      kernel.emitError() << "shared memory: " << total << " bytes needed, " << limit.getValue() << " available";
      return signalPassFailure();
    }
    kernel.setSharedBytes(total);
  }
};

} // namespace
} // namespace attune::tile
