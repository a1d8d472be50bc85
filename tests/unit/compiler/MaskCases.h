// Masks of every kind, and what affine expressions are worth: shared by the tests that count pairs.
#pragma once

#include "attune/compiler/Spec.h"

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/IntegerSet.h"

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace attune::masks {

inline std::int64_t value(mlir::AffineExpr expr, llvm::ArrayRef<std::int64_t> dims,
                          llvm::ArrayRef<std::int64_t> symbols = {}) {
  if (auto constant = mlir::dyn_cast<mlir::AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = mlir::dyn_cast<mlir::AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = mlir::dyn_cast<mlir::AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = mlir::cast<mlir::AffineBinaryOpExpr>(expr);
  const std::int64_t a = value(binary.getLHS(), dims, symbols), b = value(binary.getRHS(), dims, symbols);
  const auto floor = [](std::int64_t x, std::int64_t y) { return x / y - (x % y < 0); };
  switch (binary.getKind()) {
  case mlir::AffineExprKind::Add:
    return a + b;
  case mlir::AffineExprKind::Mul:
    return a * b;
  case mlir::AffineExprKind::FloorDiv:
    return floor(a, b);
  case mlir::AffineExprKind::CeilDiv:
    return -floor(-a, b);
  default:
    return a - floor(a, b) * b;
  }
}

/// Is (q, k) in the set? It is over (q, k)[sq, sk].
inline bool holds(const mlir::IntegerSet& set, std::int64_t q, std::int64_t k, std::int64_t sq, std::int64_t sk) {
  for (unsigned n = 0; n < set.getNumConstraints(); ++n) {
    const std::int64_t at = value(set.getConstraint(n), {q, k}, {sq, sk});
    if (set.isEq(n) ? at != 0 : at < 0)
      return false;
  }
  return true;
}

struct Case {
  std::string name;
  AttentionSpec spec;
  bool exact = true; ///< no empty tile may be visited
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

inline AttentionSpec with(Causal causal, std::optional<std::int64_t> left = {}, std::optional<std::int64_t> right = {},
                          std::optional<std::int64_t> chunk = {}, std::optional<std::int64_t> prefix = {}) {
  AttentionSpec s;
  s.q_heads = s.kv_heads = 1;
  s.head_dim = s.head_dim_v = 64;
  s.causal = causal;
  s.window = {left, right};
  s.chunk = chunk;
  s.prefix = prefix;
  return s;
}
inline AttentionSpec custom(std::vector<std::string> sets) {
  AttentionSpec s = with(Causal::None);
  s.mask = std::move(sets);
  return s;
}

inline std::vector<Case> cases() {
  return {
      {"dense", with(Causal::None)},
      {"causal_bottom_right", with(Causal::BottomRight)},
      {"causal_top_left", with(Causal::TopLeft)},
      {"window_both", with(Causal::None, 10, 5)},
      {"window_left", with(Causal::None, 37)},
      {"window_right", with(Causal::None, {}, 9)},
      {"window_causal", with(Causal::BottomRight, 20)},
      {"window_wide", with(Causal::BottomRight, 1000)},
      {"window_zero", with(Causal::BottomRight, 0)},
      {"window_behind", with(Causal::None, 30, -10)},
      {"window_ahead", with(Causal::None, -5, 40)},
      {"window_top_left", with(Causal::TopLeft, 33)},
      {"chunk", with(Causal::BottomRight, {}, {}, 24)},
      {"chunk_dense", with(Causal::None, {}, {}, 40)},
      {"chunk_top_left", with(Causal::TopLeft, {}, {}, 7)},
      {"prefix", with(Causal::BottomRight, {}, {}, {}, 21)},
      {"prefix_top_left", with(Causal::TopLeft, {}, {}, {}, 50)},
      {"custom_causal", custom({"k <= q + sk - sq"})},
      {"custom_strided", custom({"k <= q + sk - sq and k % 2 == 0"}), false},
      {"custom_dilated", custom({"k <= 2 * q + 3"}), false},
      {"prefix_window", with(Causal::BottomRight, 20, {}, {}, 37)},
      {"prefix_window_top_left", with(Causal::TopLeft, 10, {}, {}, 33)},
      {"prefix_window_both", with(Causal::None, 10, 5, {}, 16)},
      {"prefix_chunk", with(Causal::BottomRight, {}, {}, 24, 17)},
      {"sink_window", custom({"k <= q + sk - sq and k >= q + sk - sq - 19", "k < 4 and k <= q + sk - sq"})},
      {"sink_first", custom({"k < 4", "k <= q and k >= q - 30"})},
      {"two_windows", custom({"k <= q and k > q - 10", "k <= q - 40 and k > q - 50"})},
      {"three_sets", custom({"k < 8", "k <= q and k > q - 10", "k >= 40 and k < 50"})},
      {"causal_and_last", custom({"k <= q + sk - sq", "k >= sk - 9"})},
      {"covered", custom({"k <= q + sk - sq", "k <= q + sk - sq - 7"})},
      {"custom_union", custom({"k <= q - 40", "k >= q + 10 and k <= q + 20"})},
      {"custom_queries", custom({"q >= 13 and k <= 30"}), false},
  };
}

} // namespace attune::masks
