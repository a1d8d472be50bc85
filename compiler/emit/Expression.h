#pragma once

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>
#include <string>

namespace attune::emit {

/// What an affine dimension or symbol stands for: its text, which is a name or an expression, and what is known of it.
struct Operand {
  std::string text;
  bool atom = true;                     ///< a name or a call: never needs parentheses
  bool non_negative = false;            ///< then `/` and `%` mean what floordiv and mod mean
  std::optional<std::int64_t> constant; ///< its value, if that is known
};

/// Affine expressions as a person would write them: positive terms first, no parentheses that C++ does not need,
/// `floordiv(a, 64)` only where `a` may be negative.
class ExpressionPrinter {
public:
  ExpressionPrinter(llvm::ArrayRef<Operand> dims, llvm::ArrayRef<Operand> symbols) : dims_(dims), symbols_(symbols) {}

  std::string print(mlir::AffineExpr expr) const;
  /// `expr >= 0` or `expr == 0`, solved for `subject` where it occurs once: `key <= query + sk - sq`.
  std::string condition(mlir::AffineExpr expr, bool equality, mlir::AffineExpr subject) const;
  bool nonNegative(mlir::AffineExpr expr) const;

private:
  struct Term {
    std::int64_t factor;
    mlir::AffineExpr base;
  };
  struct Sum {
    llvm::SmallVector<Term> terms;
    std::int64_t constant = 0;
  };
  void flatten(mlir::AffineExpr expr, std::int64_t factor, Sum& sum) const;
  mlir::AffineExpr reduced(mlir::AffineExpr expr) const;
  std::string print(const Sum& sum) const;
  std::string product(mlir::AffineExpr expr) const; ///< ready to stand left of * / %
  std::string atom(mlir::AffineExpr expr) const;    ///< ready to stand anywhere
  const Operand& operand(mlir::AffineExpr expr) const;

  llvm::ArrayRef<Operand> dims_, symbols_;
};

/// A union of sets over (query, key) with symbols: `key <= query + sk - sq || key < 256`. With `group` the first
/// dimension is a row of a packed tile, and the query is `row / group`.
std::string maskText(mlir::ArrayAttr sets, llvm::ArrayRef<Operand> dims, llvm::ArrayRef<Operand> symbols,
                     std::int64_t group);

} // namespace attune::emit
