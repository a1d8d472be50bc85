#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/IntegerSet.h"

#include "llvm/ADT/SmallVector.h"

namespace attune::analysis {

/// What is known of the rows and keys of one tile. Expressions below are over d0 = q_first, d1 = q_last, d2 = sq, d3 =
/// sk: the first and the last query of the tile that exist. Their relations: 0 <= q_first <= q_last <= sq - 1 and 0 <=
/// sk.
constexpr unsigned tile_dims = 4;

/// Bounds of the key tiles of one set. A tile j has a visible pair only if it is at least each of `begin` and below
/// each of `end`; every pair of it is visible, and exists, if it is at least each of `full_begin` and below each of
/// `full_end`.
struct TileBounds {
  bool empty = false;          ///< no pair is visible, whatever the lengths
  mlir::AffineExpr never_full; ///< if not null: may be negative in any tile, so that none can be proven full
  llvm::SmallVector<mlir::AffineExpr> begin, end, full_begin, full_end;
};

/// Derives the bounds with the Presburger library: the tiles with a visible pair are the projection of {mask, box of
/// tile j} on j, and the tiles that are not full are those of {not mask, box}, constraint by constraint. Both are exact
/// for constraints with unit coefficients of k, and on the safe side otherwise.
TileBounds classify(mlir::IntegerSet set, int64_t kv_tile);

/// Is a <= b for all tiles? By the Presburger library; false may also mean "not known".
bool provablyAtMost(mlir::AffineExpr a, mlir::AffineExpr b);

/// Does the set allow no key that is not below sk, for queries that exist?
bool impliesKeyExists(mlir::IntegerSet set);

/// Is every pair of `inner` that exists in `outer`? False may also mean "not known".
bool provablyWithin(mlir::IntegerSet inner, mlir::IntegerSet outer);

} // namespace attune::analysis
