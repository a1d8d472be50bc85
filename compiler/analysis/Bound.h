#pragma once

#include "mlir/IR/AffineExpr.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <deque>

namespace attune::analysis {

/// An integer that depends on a tile of rows: an affine expression over the dims of Classify.h, or the least or the
/// greatest of several bounds. Equal bounds are one object.
struct BoundNode {
  enum class Kind { Affine, Least, Greatest } kind;
  mlir::AffineExpr expr;                        ///< Affine
  llvm::SmallVector<const BoundNode*, 4> parts; ///< Least, Greatest
};
using Bound = const BoundNode*;

/// Makes bounds without the parts that never decide, and proves which of two is the smaller.
class Bounds {
public:
  Bound affine(mlir::AffineExpr expr);
  Bound least(llvm::ArrayRef<Bound> parts) { return extremum(BoundNode::Kind::Least, parts); }
  Bound greatest(llvm::ArrayRef<Bound> parts) { return extremum(BoundNode::Kind::Greatest, parts); }

  /// The parts of a bound without nested ones of its kind. `parts` keeps those whole that lose no more than a constant
  /// to the others: they may have a name.
  llvm::SmallVector<Bound> leaves(Bound bound);

  /// Is a <= b for every tile of rows? False may also mean "not known".
  bool atMost(Bound a, Bound b);
  /// The same bounds from the smallest to the largest; where the order is not known, least() and greatest() make it.
  llvm::SmallVector<Bound> sorted(llvm::ArrayRef<Bound> bounds);

private:
  Bound extremum(BoundNode::Kind kind, llvm::ArrayRef<Bound> parts);
  struct Leaf {
    Bound bound, part; ///< and the part that it comes from
  };
  /// Those that decide; calls `removed` with the others.
  llvm::SmallVector<Leaf> deciding(BoundNode::Kind kind, llvm::SmallVector<Leaf> leaves,
                                   llvm::function_ref<void(const Leaf&)> removed);
  bool prove(Bound a, Bound b);

  std::deque<BoundNode> nodes_;
  llvm::DenseMap<mlir::AffineExpr, Bound> affine_;
  llvm::DenseMap<std::pair<Bound, Bound>, bool> known_;
};

} // namespace attune::analysis
