#include "compiler/analysis/System.h"

using namespace mlir;
using presburger::IntegerPolyhedron;
using presburger::PresburgerSpace;

namespace attune::analysis {

System::System(MLIRContext* context) : context_(context), meaning_(FirstDivision) {
  for (unsigned n = 0; n < 4; ++n)
    meaning_[QFirst + n] = getAffineDimExpr(n, context);
  atLeastZero(unit(QFirst));
  atLeastZero(sum(unit(QLast), unit(QFirst, -1)));
  atLeastZero(sum(unit(Sq), unit(QLast, -1)), -1);
  atLeastZero(unit(Sk));
}

System::Row System::unit(unsigned column, int64_t factor) {
  Row row(column + 1);
  row[column] = factor;
  return row;
}

System::Row System::scaled(const Row& row, int64_t factor) {
  Row result = row;
  for (int64_t& value : result)
    value *= factor;
  return result;
}

System::Row System::sum(Row a, const Row& b) {
  a.resize(std::max(a.size(), b.size()));
  for (auto [to, from] : llvm::zip(a, b))
    to += from;
  return a;
}

void System::atLeastZero(Row row, int64_t constant) {
  row[One] += constant;
  rows_.push_back(std::move(row));
}

System::Row System::overPair(AffineExpr expr) { return linear(expr, {Q, K}, {Sq, Sk}); }
System::Row System::overTile(AffineExpr expr) { return linear(expr, {QFirst, QLast, Sq, Sk}, {}); }

System::Row System::linear(AffineExpr expr, ArrayRef<unsigned> dims, ArrayRef<unsigned> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return unit(dims[dim.getPosition()]);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return unit(symbols[symbol.getPosition()]);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  AffineExpr lhs = binary.getLHS();
  if (binary.getKind() == AffineExprKind::Add)
    return sum(linear(lhs, dims, symbols), linear(binary.getRHS(), dims, symbols));
  const int64_t constant = cast<AffineConstantExpr>(binary.getRHS()).getValue();
  switch (binary.getKind()) {
  case AffineExprKind::Mul:
    return scaled(linear(lhs, dims, symbols), constant);
  case AffineExprKind::FloorDiv:
    return unit(division(lhs, constant, dims, symbols));
  case AffineExprKind::CeilDiv: // -floor(-a / c)
    return unit(division(-lhs, constant, dims, symbols), -1);
  default: // a mod c = a - c floor(a / c)
    return sum(linear(lhs, dims, symbols), unit(division(lhs, constant, dims, symbols), -constant));
  }
}

unsigned System::division(AffineExpr numerator, int64_t divisor, ArrayRef<unsigned> dims, ArrayRef<unsigned> symbols) {
  const bool of_pair = dims.size() == 2;
  AffineExpr quotient = numerator.floorDiv(divisor);
  if (auto known = divisions_.find({quotient, unsigned(dims.size())}); known != divisions_.end())
    return known->second;
  const Row above = linear(numerator, dims, symbols);
  const auto column = static_cast<unsigned>(meaning_.size());
  meaning_.push_back(of_pair ? AffineExpr() : quotient);
  divisions_[{quotient, unsigned(dims.size())}] = column;
  atLeastZero(sum(above, unit(column, -divisor)));
  atLeastZero(sum(scaled(above, -1), unit(column, divisor)), divisor - 1);

  // A quotient that grows with q, and knows no key, lies between its values at the first and the last query. Projecting
  // q out would lose up to divisor - 1 of that.
  const bool linear_in_q = of_pair && above.size() <= FirstDivision && above.size() > Q && above[Q] > 0 &&
                           (above.size() <= K || above[K] == 0);
  if (linear_in_q)
    for (const unsigned corner : {0u, 1u}) {
      AffineExpr at = numerator.replaceDimsAndSymbols({getAffineDimExpr(corner, context_), AffineExpr()},
                                                      {getAffineDimExpr(2, context_), getAffineDimExpr(3, context_)});
      const unsigned value = division(at, divisor, {QFirst, QLast, Sq, Sk}, {});
      atLeastZero(corner == 0 ? sum(unit(column), unit(value, -1)) : sum(unit(value), unit(column, -1)));
    }
  return column;
}

void System::addBox(int64_t kv_tile) {
  atLeastZero(sum(unit(Q), unit(QFirst, -1)));
  atLeastZero(sum(unit(QLast), unit(Q, -1)));
  atLeastZero(sum(unit(K), unit(J, -kv_tile)));
  atLeastZero(sum(unit(J, kv_tile), unit(K, -1)), kv_tile - 1);
}

IntegerPolyhedron System::polyhedron() const {
  const unsigned columns = static_cast<unsigned>(meaning_.size()) - 1;
  IntegerPolyhedron set(PresburgerSpace::getSetSpace(columns));
  for (const Row& row : rows_) {
    Row padded(columns + 1);
    std::copy(row.begin() + 1, row.end(), padded.begin());
    padded[columns] = row[One];
    set.addInequality(padded);
  }
  return set;
}

bool System::isOfParameters(const Row& row) const {
  for (unsigned column = One + 1; column < row.size(); ++column)
    if (row[column] != 0 && !meaning_[column])
      return false;
  return true;
}

bool System::isEmpty() const { return polyhedron().isIntegerEmpty(); }
bool System::isRationallyEmpty() const { return polyhedron().isEmpty(); }

System::Range System::projectOnTiles() const {
  IntegerPolyhedron set = polyhedron();
  SmallVector<AffineExpr> meaning(meaning_.begin() + 1, meaning_.end());
  for (unsigned column = static_cast<unsigned>(meaning.size()); column-- > J;) // j itself stays, at position 0
    if (!meaning[column]) {
      set.projectOut(column);
      meaning.erase(meaning.begin() + column);
    }
  Range range;
  if (set.isEmpty()) {
    range.empty = true;
    return range;
  }
  // What is left on the parameters alone says whether any tile has a pair. It must not make a bound look redundant: no
  // loop tests it.
  const auto of_tile = [](ArrayRef<llvm::DynamicAPInt> row) { return row[0] != 0; };
  for (unsigned n = set.getNumInequalities(); n-- > 0;)
    if (!of_tile(set.getInequality(n)))
      set.removeInequality(n);
  for (const Row& row : rows_) // but what is always known may
    if (isOfParameters(row)) {
      SmallVector<int64_t> kept{0}; // j
      for (unsigned column = J + 1; column < meaning_.size(); ++column)
        if (meaning_[column])
          kept.push_back(column < row.size() ? row[column] : 0);
      kept.push_back(row[One]);
      set.addInequality(kept);
    }
  set.removeRedundantConstraints();

  // ceil(sum / divisor), as a floor where that has the smaller constant
  const auto rounded = [&](ArrayRef<llvm::DynamicAPInt> row, int64_t sign, int64_t plus, int64_t divisor) {
    AffineExpr sum = getAffineConstantExpr(0, context_);
    for (unsigned n = 1; n < meaning.size(); ++n)
      sum = sum + meaning[n] * (int64_t(row[n]) * sign);
    const int64_t constant = int64_t(row.back()) * sign + plus, up = constant + divisor - 1;
    return constant < 0 && up < -constant ? (sum + up).floorDiv(divisor) : (sum + constant).ceilDiv(divisor);
  };
  const auto add = [&](ArrayRef<llvm::DynamicAPInt> row, int64_t sign) {
    const int64_t factor = int64_t(row[0]) * sign;
    if (factor > 0) // factor j + rest >= 0
      range.lower.push_back(rounded(row, -sign, 0, factor));
    else if (factor < 0)
      range.upper.push_back(rounded(row, sign, 1, -factor)); // j <= floor(rest / f), that is j < ceil((rest + 1) / f)
  };
  for (unsigned n = 0; n < set.getNumInequalities(); ++n)
    add(set.getInequality(n), 1);
  for (unsigned n = 0; n < set.getNumEqualities(); ++n)
    for (const int64_t sign : {1, -1})
      add(set.getEquality(n), sign);
  return range;
}

} // namespace attune::analysis
