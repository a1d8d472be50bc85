#include "compiler/spec/MaskText.h"

#include "attune/compiler/Error.h"

#include <cctype>
#include <string>

namespace attune {

namespace {

constexpr std::int64_t largest = std::int64_t{1} << 31;

MaskExpr constant(std::int64_t value) { return {MaskExpr::Kind::Constant, value, {}}; }
MaskExpr scaled(MaskExpr expr, std::int64_t factor) {
  if (expr.kind == MaskExpr::Kind::Constant)
    return constant(expr.value * factor);
  return {MaskExpr::Kind::Mul, factor, {std::move(expr)}};
}
MaskExpr sum(MaskExpr a, MaskExpr b) {
  if (a.kind == MaskExpr::Kind::Constant && b.kind == MaskExpr::Kind::Constant)
    return constant(a.value + b.value);
  return {MaskExpr::Kind::Add, 0, {std::move(a), std::move(b)}};
}

class Parser {
public:
  explicit Parser(std::string_view text) : text_(text) {}

  MaskConjunction parse() {
    MaskConjunction result;
    do
      comparison(result);
    while (accept("and"));
    skip();
    if (at_ != text_.size())
      fail("expected 'and' or the end");
    return result;
  }

private:
  [[noreturn]] void fail(const std::string& rule) const {
    throw UserError(UserError::Kind::Invalid, "mask \"" + std::string(text_) + "\", column " + std::to_string(at_ + 1), rule,
                    "write comparisons of q, k, sq, sk and integers joined by 'and', such as \"k <= q + sk - sq and k % 2 == 0\"");
  }

  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])))
      ++at_;
  }

  bool accept(std::string_view token) {
    skip();
    if (!text_.substr(at_).starts_with(token))
      return false;
    const bool word = std::isalpha(static_cast<unsigned char>(token.front()));
    const std::size_t end = at_ + token.size();
    if (word && end < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[end])) || text_[end] == '_'))
      return false;
    at_ = end;
    return true;
  }

  void comparison(MaskConjunction& result) {
    const MaskExpr left = expression();
    const auto atLeast = [&](MaskExpr a, MaskExpr b, std::int64_t margin) { // a >= b + margin
      result.push_back({sum(sum(std::move(a), scaled(std::move(b), -1)), constant(-margin)), false});
    };
    if (accept("<="))
      atLeast(expression(), left, 0);
    else if (accept(">="))
      atLeast(left, expression(), 0);
    else if (accept("=="))
      result.push_back({sum(left, scaled(expression(), -1)), true});
    else if (accept("<"))
      atLeast(expression(), left, 1);
    else if (accept(">"))
      atLeast(left, expression(), 1);
    else
      fail("expected a comparison: < <= > >= ==");
  }

  MaskExpr expression() {
    MaskExpr left = term();
    for (;;)
      if (accept("+"))
        left = sum(std::move(left), term());
      else if (accept("-"))
        left = sum(std::move(left), scaled(term(), -1));
      else
        return left;
  }

  MaskExpr term() {
    MaskExpr left = factor();
    for (;;) {
      if (accept("*")) {
        MaskExpr right = factor();
        if (left.kind == MaskExpr::Kind::Constant)
          std::swap(left, right);
        if (right.kind != MaskExpr::Kind::Constant)
          fail("a product needs an integer on one side: the mask must be affine");
        left = scaled(std::move(left), right.value);
      } else if (accept("//")) {
        left = {MaskExpr::Kind::FloorDiv, divisor(), {std::move(left)}};
      } else if (accept("%")) {
        left = {MaskExpr::Kind::Mod, divisor(), {std::move(left)}};
      } else {
        return left;
      }
    }
  }

  std::int64_t divisor() {
    const MaskExpr d = factor();
    if (d.kind != MaskExpr::Kind::Constant || d.value <= 0)
      fail("a divisor must be a positive integer");
    return d.value;
  }

  MaskExpr factor() {
    if (++depth_ > 64)
      fail("nested too deeply");
    MaskExpr result = primary();
    --depth_;
    return result;
  }

  MaskExpr primary() {
    if (accept("("))
      return parenthesised();
    if (accept("-"))
      return scaled(factor(), -1);
    if (accept("sq"))
      return {MaskExpr::Kind::QueryLength, 0, {}};
    if (accept("sk"))
      return {MaskExpr::Kind::KeyLength, 0, {}};
    if (accept("q"))
      return {MaskExpr::Kind::Query, 0, {}};
    if (accept("k"))
      return {MaskExpr::Kind::Key, 0, {}};
    skip();
    std::int64_t value = 0;
    const std::size_t begin = at_;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_) {
      value = value * 10 + (text_[at_] - '0');
      if (value > largest)
        fail("integers go up to 2^31");
    }
    if (at_ == begin)
      fail("expected q, k, sq, sk, an integer or '('");
    return constant(value);
  }

  MaskExpr parenthesised() {
    MaskExpr inner = expression();
    if (!accept(")"))
      fail("expected ')'");
    return inner;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

std::int64_t floorDiv(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }

} // namespace

MaskConjunction parseMask(std::string_view text) { return Parser(text).parse(); }

std::int64_t evaluate(const MaskExpr& e, std::int64_t q, std::int64_t k, std::int64_t sq, std::int64_t sk) {
  const auto part = [&](std::size_t n) { return evaluate(e.parts[n], q, k, sq, sk); };
  switch (e.kind) {
  case MaskExpr::Kind::Query: return q;
  case MaskExpr::Kind::Key: return k;
  case MaskExpr::Kind::QueryLength: return sq;
  case MaskExpr::Kind::KeyLength: return sk;
  case MaskExpr::Kind::Constant: return e.value;
  case MaskExpr::Kind::Add: return part(0) + part(1);
  case MaskExpr::Kind::Mul: return part(0) * e.value;
  case MaskExpr::Kind::FloorDiv: return floorDiv(part(0), e.value);
  case MaskExpr::Kind::Mod: return part(0) - floorDiv(part(0), e.value) * e.value;
  }
  return 0;
}

} // namespace attune
