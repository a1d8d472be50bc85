#include "compiler/analysis/Classify.h"

#include "compiler/analysis/System.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace attune::analysis {

namespace {

/// The set's constraints as expressions that must be at least zero; an equality is two.
SmallVector<AffineExpr> constraints(IntegerSet set) {
  SmallVector<AffineExpr> result;
  for (unsigned n = 0; n < set.getNumConstraints(); ++n) {
    result.push_back(set.getConstraint(n));
    if (set.isEq(n))
      result.push_back(-set.getConstraint(n));
  }
  return result;
}

} // namespace

TileBounds classify(IntegerSet set, int64_t kv_tile) {
  MLIRContext* context = set.getContext();
  TileBounds bounds;
  const auto all = constraints(set);
  const AffineExpr key = getAffineDimExpr(1, context), sk = getAffineSymbolExpr(1, context);

  System visible(context);
  visible.addBox(kv_tile);
  for (AffineExpr expr : all)
    visible.atLeastZero(visible.overPair(expr));
  visible.atLeastZero(visible.overPair(key));
  visible.atLeastZero(visible.overPair(sk - key - 1));
  const System::Range seen = visible.projectOnTiles();
  bounds.empty = seen.empty;
  bounds.begin = seen.lower;
  bounds.end = seen.upper;
  if (bounds.empty)
    return bounds;

  // a tile is full if no constraint, and not the end of the keys, can be violated in it
  auto required = all;
  required.push_back(sk - key - 1);
  for (AffineExpr expr : required) {
    System violated(context);
    violated.addBox(kv_tile);
    violated.atLeastZero(System::scaled(violated.overPair(expr), -1), -1);
    const System::Range where = violated.projectOnTiles();
    if (where.empty)
      continue;
    if (!where.lower.empty()) // tiles below it are safe
      bounds.full_end.push_back(where.lower.front());
    else if (!where.upper.empty())
      bounds.full_begin.push_back(where.upper.front());
    else
      bounds.never_full = expr;
  }
  return bounds;
}

/// The value for one tile: q_first, q_last, sq, sk.
static int64_t valueOf(AffineExpr expr, ArrayRef<int64_t> tile) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return tile[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  const int64_t a = valueOf(binary.getLHS(), tile), b = valueOf(binary.getRHS(), tile);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(a, b);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(a, b);
  default:
    return llvm::mod(a, b);
  }
}

bool provablyAtMost(AffineExpr a, AffineExpr b) {
  // most of what is false is so for one of a few tiles, which is far cheaper to find than a proof
  static constexpr int64_t tiles[][tile_dims] = {{0, 0, 1, 0},          {0, 0, 1, 1},          {0, 127, 4096, 128},
                                                 {63, 63, 64, 9999},    {3968, 4095, 4096, 1}, {3968, 4095, 4096, 4096},
                                                 {512, 639, 640, 8192}, {0, 31, 70000, 65536}};
  for (const auto& tile : tiles)
    if (valueOf(a, tile) > valueOf(b, tile))
      return false;
  System greater(a.getContext());
  greater.atLeastZero(System::sum(greater.overTile(a), System::scaled(greater.overTile(b), -1)), -1);
  return greater.isEmpty();
}

bool impliesKeyExists(IntegerSet set) {
  System beyond(set.getContext());
  for (AffineExpr expr : constraints(set))
    beyond.atLeastZero(beyond.overPair(expr));
  beyond.atLeastZero(System::sum(System::unit(System::Q), System::unit(System::QFirst, -1)));
  beyond.atLeastZero(System::sum(System::unit(System::QLast), System::unit(System::Q, -1)));
  beyond.atLeastZero(System::sum(System::unit(System::K), System::unit(System::Sk, -1)));
  return beyond.isEmpty();
}

bool provablyWithin(IntegerSet inner, IntegerSet outer) {
  return llvm::all_of(constraints(outer), [&](AffineExpr expr) {
    System outside(inner.getContext());
    for (AffineExpr inside : constraints(inner))
      outside.atLeastZero(outside.overPair(inside));
    outside.atLeastZero(System::sum(System::unit(System::Q), System::unit(System::QFirst, -1)));
    outside.atLeastZero(System::sum(System::unit(System::QLast), System::unit(System::Q, -1)));
    outside.atLeastZero(System::unit(System::K));
    outside.atLeastZero(System::sum(System::unit(System::Sk), System::unit(System::K, -1)), -1);
    outside.atLeastZero(System::scaled(outside.overPair(expr), -1), -1);
    return outside.isRationallyEmpty();
  });
}

} // namespace attune::analysis
