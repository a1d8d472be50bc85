#pragma once

#include "mlir/Analysis/Presburger/IntegerRelation.h"
#include "mlir/IR/AffineExpr.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

namespace attune::analysis {

/// Linear constraints on the rows and keys of a tile, for the Presburger library. Divisions become columns with their
/// own constraints. A column either is a parameter, which an expression over (q_first, q_last, sq, sk) stands for, or
/// is projected out.
class System {
public:
  using Row =
      llvm::SmallVector<int64_t, 12>; ///< a coefficient per column; a shorter row has zeros behind; [0] is the constant

  enum Column : unsigned { One, J, Q, K, QFirst, QLast, Sq, Sk, FirstDivision };

  /// With what is always known: 0 <= q_first <= q_last < sq, 0 <= sk.
  explicit System(mlir::MLIRContext* context);

  /// An expression over (q, k)[sq, sk]. Divisions by q alone are bracketed by their values at q_first and q_last.
  Row overPair(mlir::AffineExpr expr);
  /// An expression over (q_first, q_last, sq, sk).
  Row overTile(mlir::AffineExpr expr);

  /// row + constant >= 0
  void atLeastZero(Row row, int64_t constant = 0);
  /// factor * row + constant >= 0
  static Row scaled(const Row& row, int64_t factor);
  static Row sum(Row a, const Row& b);
  static Row unit(unsigned column, int64_t factor = 1);

  /// Adds q_first <= q <= q_last and kv_tile j <= k < kv_tile (j + 1).
  void addBox(int64_t kv_tile);

  bool isEmpty() const;
  /// False also where only integers are missing: far cheaper with the divisions of a whole mask.
  bool isRationallyEmpty() const;

  /// What is left on j after projecting everything that is not a parameter: j >= each of `lower`, j < each of `upper`.
  struct Range {
    bool empty = false;
    llvm::SmallVector<mlir::AffineExpr> lower, upper;
  };
  Range projectOnTiles() const;

private:
  Row linear(mlir::AffineExpr expr, llvm::ArrayRef<unsigned> dims, llvm::ArrayRef<unsigned> symbols);
  unsigned division(mlir::AffineExpr numerator, int64_t divisor, llvm::ArrayRef<unsigned> dims,
                    llvm::ArrayRef<unsigned> symbols);
  mlir::presburger::IntegerPolyhedron polyhedron() const;
  bool isOfParameters(const Row& row) const;

  mlir::MLIRContext* context_;
  llvm::SmallVector<mlir::AffineExpr> meaning_; ///< of each column, null if it is projected out
  llvm::DenseMap<std::pair<mlir::AffineExpr, unsigned>, unsigned> divisions_; ///< by quotient and number of dims
  llvm::SmallVector<Row> rows_;
};

} // namespace attune::analysis
