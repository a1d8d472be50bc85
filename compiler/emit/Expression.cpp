#include "compiler/emit/Expression.h"

#include "mlir/IR/IntegerSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace attune::emit {

const Operand& ExpressionPrinter::operand(AffineExpr expr) const {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims_[dim.getPosition()];
  return symbols_[cast<AffineSymbolExpr>(expr).getPosition()];
}

static bool isOperand(AffineExpr expr) { return isa<AffineDimExpr, AffineSymbolExpr>(expr); }

bool ExpressionPrinter::nonNegative(AffineExpr expr) const {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue() >= 0;
  if (isOperand(expr))
    return operand(expr).non_negative;
  auto binary = cast<AffineBinaryOpExpr>(expr);
  if (binary.getKind() == AffineExprKind::Mod)
    return true;
  Sum sum;
  flatten(expr, 1, sum);
  if (sum.terms.size() != 1 || sum.terms.front().base != expr) // signs and constants may cancel
    return sum.constant >= 0 &&
           llvm::all_of(sum.terms, [&](const Term& term) { return term.factor >= 0 && nonNegative(term.base); });
  return nonNegative(binary.getLHS()) && nonNegative(binary.getRHS()); // divisors are positive by definition
}

void ExpressionPrinter::flatten(AffineExpr expr, std::int64_t factor, Sum& sum) const {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    sum.constant += factor * constant.getValue();
    return;
  }
  if (isOperand(expr) && operand(expr).constant) {
    sum.constant += factor * *operand(expr).constant;
    return;
  }
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) {
    if (binary.getKind() == AffineExprKind::Add) {
      flatten(binary.getLHS(), factor, sum);
      return flatten(binary.getRHS(), factor, sum);
    }
    auto scale = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (binary.getKind() == AffineExprKind::Mul && scale) {
      bool is_sum = binary.getLHS().getKind() == AffineExprKind::Add;
      if (!is_sum || scale.getValue() == -1)
        return flatten(binary.getLHS(), factor * scale.getValue(), sum);
      sum.terms.push_back({factor * scale.getValue(), binary.getLHS()}); // (j - 1) * 64 stays factored
      return;
    }
  }
  sum.terms.push_back({factor, expr});
}

std::string ExpressionPrinter::print(const Sum& sum) const {
  std::string text;
  auto append = [&](bool negative, const std::string& piece) {
    if (text.empty())
      text += negative ? "-" : "";
    else
      text += negative ? " - " : " + ";
    text += piece;
  };
  for (bool negative : {false, true})
    for (auto [factor, base] : sum.terms)
      if ((factor < 0) == negative) {
        auto size = std::abs(factor);
        bool bare = size == 1 && !negative && isOperand(base); // a sum within a sum
        append(negative, bare        ? operand(base).text
                         : size == 1 ? product(base)
                                     : product(base) + " * " + std::to_string(size));
      }
  if (sum.constant != 0 || text.empty())
    append(sum.constant < 0, std::to_string(std::abs(sum.constant)));
  return text;
}

std::string ExpressionPrinter::print(AffineExpr expr) const {
  if (isOperand(expr))
    return operand(expr).text;
  Sum sum;
  flatten(expr, 1, sum);
  return print(sum);
}

/// x for -(-x) and the like: a sum of one term.
AffineExpr ExpressionPrinter::reduced(AffineExpr expr) const {
  Sum sum;
  flatten(expr, 1, sum);
  bool single = sum.constant == 0 && sum.terms.size() == 1 && sum.terms.front().factor == 1;
  return single ? sum.terms.front().base : expr;
}

std::string ExpressionPrinter::atom(AffineExpr expr) const {
  expr = reduced(expr);
  bool bare = isOperand(expr) ? operand(expr).atom : isa<AffineConstantExpr>(expr);
  return bare ? print(expr) : llvm::formatv("({0})", print(expr)).str();
}

std::string ExpressionPrinter::product(AffineExpr expr) const {
  expr = reduced(expr);
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || binary.getKind() == AffineExprKind::Add)
    return atom(expr);
  auto call = [&](const char* function) {
    return std::string(function) + "(" + print(binary.getLHS()) + ", " + print(binary.getRHS()) + ")";
  };
  auto infix = [&](const char* sign) { return product(binary.getLHS()) + sign + atom(binary.getRHS()); };
  switch (binary.getKind()) {
  case AffineExprKind::Mul:
    return infix(" * ");
  case AffineExprKind::FloorDiv:
    return nonNegative(binary.getLHS()) ? infix(" / ") : call("floordiv");
  case AffineExprKind::Mod:
    return nonNegative(binary.getLHS()) ? infix(" % ") : call("floormod");
  default:
    return call("ceildiv");
  }
}

std::string ExpressionPrinter::condition(AffineExpr expr, bool equality, AffineExpr subject) const {
  Sum sum, left, right;
  flatten(expr, 1, sum);
  auto* solved =
      llvm::find_if(sum.terms, [&](const Term& term) { return term.base == subject && std::abs(term.factor) == 1; });
  bool flip = false; // the subject is on the small side
  if (solved != sum.terms.end()) {
    flip = solved->factor < 0;
    for (Term& term : sum.terms)
      if (&term == solved)
        left.terms.push_back({1, term.base});
      else
        right.terms.push_back({flip ? term.factor : -term.factor, term.base});
    right.constant = flip ? sum.constant : -sum.constant;
  } else {
    for (const Term& term : sum.terms)
      if (term.factor > 0)
        left.terms.push_back(term);
      else
        right.terms.push_back({-term.factor, term.base});
    right.constant = -sum.constant;
  }
  if (left.terms.empty()) { // 0 >= kv_end reads kv_end <= 0
    std::swap(left, right);
    flip = true;
    left.constant = 0;
    right.constant = sum.constant;
  }
  const char* sign = equality ? " == " : flip ? " <= " : " >= ";
  std::int64_t strict = flip ? -1 : 1; // key <= sk - 1 reads key < sk
  if (!equality && !left.terms.empty() && right.constant == strict) {
    right.constant = 0;
    sign = flip ? " < " : " > ";
  }
  if (!equality && flip && right.terms.empty() && right.constant > 0) { // key <= 9 reads key < 10
    ++right.constant;
    sign = " < ";
  }
  return print(left) + sign + print(right);
}

std::string maskText(ArrayAttr sets, ArrayRef<Operand> dims, ArrayRef<Operand> symbols, std::int64_t group) {
  ExpressionPrinter printer(dims, symbols);
  auto query = getAffineDimExpr(0, sets.getContext()), key = getAffineDimExpr(1, sets.getContext());
  SmallVector<std::string> alternatives;
  for (auto set : sets.getAsValueRange<IntegerSetAttr>()) {
    SmallVector<std::string> terms;
    for (unsigned i = 0; i < set.getNumConstraints(); ++i)
      terms.push_back(printer.condition(set.getConstraint(i).replace(query, query.floorDiv(group)), set.isEq(i), key));
    bool alone = sets.size() == 1 || terms.size() == 1;
    std::string all = terms.empty() ? "true" : llvm::join(terms, " && ");
    alternatives.push_back(alone ? all : llvm::formatv("({0})", all).str());
  }
  return llvm::join(alternatives, " || ");
}

} // namespace attune::emit
