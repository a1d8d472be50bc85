#pragma once

#include "compiler/analysis/Ranges.h"
#include "compiler/ir/attn/AttnDialect.h"

#include <map>

namespace attune::attn {

/// Bounds of the analysis as attn.bound ops in front of a fold; each is made once. A label becomes a name in the
/// kernel.
class BoundBuilder {
public:
  BoundBuilder(KernelOp kernel, FoldOp fold, analysis::Bounds& bounds);

  /// The gaps as a fold takes them. From now on number() counts without them, and the bounds of sets that gaps and
  /// ranges share have names: begin1 is that of the mask's first set.
  llvm::SmallVector<mlir::Value> skipGaps(const analysis::TileRanges& ranges);
  /// The number of a key tile among those that are left without the gaps.
  mlir::Value number(analysis::Bound tile, llvm::StringRef label);
  /// Removes names that nothing has used.
  void dropUnused();

  mlir::OpBuilder builder;
  mlir::Location loc;

private:
  mlir::Value value(analysis::Bound of, llvm::StringRef label = "");
  /// Over q_first, q_last, sq, sk and `more`.
  mlir::Value bound(llvm::StringRef label, Reduce reduce, llvm::ArrayRef<mlir::AffineExpr> exprs,
                    mlir::ValueRange more = {});
  void nameSets(const analysis::TileRanges& ranges);

  analysis::Bounds& bounds_;
  llvm::SmallVector<mlir::Value, 4> tile_; ///< q_first, q_last, sq, sk
  std::map<analysis::Bound, mlir::Value> values_, numbers_;
  llvm::SmallVector<mlir::Value> of_sets_;
  llvm::SmallVector<analysis::Range> gaps_;
  llvm::SmallVector<mlir::Value> gap_values_; ///< first tile, number of tiles
};

} // namespace attune::attn
