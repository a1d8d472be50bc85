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
  std::int64_t bytes, offset = 0;
  int first = INT_MAX, last = -1; ///< positions of the top-level ops that use it

  bool aliveWith(const Buffer& other) const { return first <= other.last && other.first <= last; }
};

/// Positions of all uses, also through slots.
void extend(Buffer& buffer, Value value, const DenseMap<Operation*, int>& position, Block& top) {
  for (Operation* user : value.getUsers()) {
    int at = position.lookup(top.findAncestorOpInBlock(*user));
    buffer.first = std::min(buffer.first, at);
    buffer.last = std::max(buffer.last, at);
    for (Value result : user->getResults())
      extend(buffer, result, position, top);
  }
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
      if (auto type = dyn_cast<StType>(alloc.getType())) {
        buffers.push_back({alloc, type.bytes()});
        extend(buffers.back(), alloc.getResult(), position, top);
      }
    llvm::stable_sort(buffers, [](const Buffer& a, const Buffer& b) { return a.first < b.first; });

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
        buffer.offset = std::int64_t(llvm::alignTo(other->offset + other->bytes, 1024));
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
