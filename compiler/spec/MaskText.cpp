#include "compiler/spec/MaskText.h"

#include "compiler/spec/Refuse.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

namespace attune {

namespace {

constexpr std::size_t longest_text = 1024;
constexpr std::int64_t farthest_position = std::int64_t{1} << 20;
constexpr std::int64_t largest_value = (std::int64_t{1} << 31) - 1;

using Kind = MaskExpr::Kind;

/// The grammar, from the loosest to the tightest binding. Every expression is built by a function that checks its
/// range.
class Parser {
public:
  explicit Parser(std::string_view text) : text_(text) {}

  MaskConjunction parse() {
    if (text_.size() > longest_text)
      fail(longest_text, "a mask has at most 1024 characters", "drop comparisons that others imply");
    MaskConjunction result;
    do
      comparison(result);
    while (accept("and"));
    if (token() != text_.size()) {
      if (accept("or"))
        fail(at_ - 2, "a set has no 'or'", "a union is a list: write each set as a string of its own");
      fail(at_, "expected 'and' or the end", help);
    }
    return result;
  }

private:
  static constexpr const char* help =
      "write comparisons of q, k, sq, sk and integers joined by 'and', such as \"k <= q + sk - sq and k % 2 == 0\"";

  /// An expression and the largest magnitude it takes for positions up to farthest_position.
  struct Bounded {
    MaskExpr expr;
    std::int64_t magnitude = 0;
  };

  [[noreturn]] void fail(std::size_t at, const std::string& rule, const std::string& remedy) const {
    invalid("mask \"" + std::string(text_.substr(0, longest_text)) + "\", column " + std::to_string(at + 1), rule,
            remedy);
  }

  Bounded checked(MaskExpr expr, std::int64_t magnitude) const {
    if (magnitude > largest_value)
      fail(at_, "the value up to here leaves 32 bits for positions up to 2^20", "use smaller factors");
    return {std::move(expr), magnitude};
  }
  Bounded constant(std::int64_t value) const { return checked({Kind::Constant, value, {}}, std::abs(value)); }
  static Bounded position(Kind kind) { return {{kind, 0, {}}, farthest_position}; }
  Bounded scaled(Bounded a, std::int64_t factor) const {
    if (a.expr.kind == Kind::Constant)
      return constant(a.expr.value * factor);
    return checked({Kind::Mul, factor, {std::move(a.expr)}}, a.magnitude * std::abs(factor));
  }
  Bounded sum(Bounded a, Bounded b) const {
    if (a.expr.kind == Kind::Constant && b.expr.kind == Kind::Constant)
      return constant(a.expr.value + b.expr.value);
    return checked({Kind::Add, 0, {std::move(a.expr), std::move(b.expr)}}, a.magnitude + b.magnitude);
  }

  /// The column of the next token.
  std::size_t token() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])))
      ++at_;
    return at_;
  }

  bool accept(std::string_view wanted) {
    if (!text_.substr(token()).starts_with(wanted))
      return false;
    const bool word = std::isalpha(static_cast<unsigned char>(wanted.front()));
    const std::size_t end = at_ + wanted.size();
    if (word && end < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[end])) || text_[end] == '_'))
      return false;
    at_ = end;
    return true;
  }

  void comparison(MaskConjunction& result) {
    const Bounded left = expression();
    const auto at_least = [&](const Bounded& a, const Bounded& b, std::int64_t margin) { // a >= b + margin
      result.push_back({sum(sum(a, scaled(b, -1)), constant(-margin)).expr, false});
    };
    const std::size_t at = token();
    if (accept("<="))
      at_least(expression(), left, 0);
    else if (accept(">="))
      at_least(left, expression(), 0);
    else if (accept("=="))
      result.push_back({sum(left, scaled(expression(), -1)).expr, true});
    else if (accept("<"))
      at_least(expression(), left, 1);
    else if (accept(">"))
      at_least(left, expression(), 1);
    else if (accept("!="))
      fail(at, "a set has no '!='", "write two sets of a union, one with < and one with >");
    else
      fail(at, "expected a comparison: < <= > >= ==", help);
  }

  Bounded expression() {
    Bounded left = term();
    for (;;)
      if (accept("+"))
        left = sum(std::move(left), term());
      else if (accept("-"))
        left = sum(std::move(left), scaled(term(), -1));
      else
        return left;
  }

  Bounded term() {
    Bounded left = factor();
    for (;;) {
      const std::size_t at = token();
      if (accept("*")) {
        Bounded right = factor();
        if (left.expr.kind == Kind::Constant)
          std::swap(left, right);
        if (right.expr.kind != Kind::Constant)
          fail(at, "a product needs an integer on one side: the mask must be affine", help);
        left = scaled(std::move(left), right.expr.value);
      } else if (accept("//")) {
        const std::int64_t by = divisor();
        left = {{Kind::FloorDiv, by, {std::move(left.expr)}}, left.magnitude / by + 1};
      } else if (accept("%")) {
        const std::int64_t by = divisor();
        left = {{Kind::Mod, by, {std::move(left.expr)}}, by - 1};
      } else {
        return left;
      }
    }
  }

  std::int64_t divisor() {
    const std::size_t at = token();
    const Bounded by = factor();
    if (by.expr.kind != Kind::Constant || by.expr.value <= 0)
      fail(at, "a divisor must be a positive integer", help);
    return by.expr.value;
  }

  Bounded factor() {
    if (++depth_ > 64)
      fail(token(), "nested more than 64 deep", "drop parentheses");
    Bounded result = primary();
    --depth_;
    return result;
  }

  Bounded primary() {
    if (accept("(")) {
      Bounded inner = expression();
      if (!accept(")"))
        fail(at_, "expected ')'", help);
      return inner;
    }
    if (accept("-"))
      return scaled(factor(), -1);
    if (accept("sq"))
      return position(Kind::QueryLength);
    if (accept("sk"))
      return position(Kind::KeyLength);
    if (accept("q"))
      return position(Kind::Query);
    if (accept("k"))
      return position(Kind::Key);
    const std::size_t begin = token();
    std::int64_t value = 0;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_) {
      value = value * 10 + (text_[at_] - '0');
      if (value > largest_value)
        fail(begin, "integers go up to 2^31 - 1", "leave the comparison out if it never holds back a key");
    }
    if (at_ == begin)
      fail(begin, "expected q, k, sq, sk, an integer or '('", help);
    return constant(value);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

std::int64_t floorDiv(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }

} // namespace

std::span<const MaskForm> maskForms() {
  static constexpr MaskForm forms[] = {
      {"SET and SET", "both hold; a union is a list of strings instead of an 'or'"},
      {"SUM < SUM, <=, >, >=, ==", "a set: the pairs (q, k) that a query may see"},
      {"TERM + TERM, TERM - TERM", "a sum"},
      {"TERM * 3, TERM // 3, TERM % 3", "by an integer; // rounds down, and its integer is positive, as that of %"},
      {"(SUM), -TERM", "nested 64 deep at most"},
      {"q, k", "positions of query and key in their sequences, from 0"},
      {"sq, sk", "lengths of the sequences of queries and keys"},
      {"4095",
       "an integer; for positions up to 2^20 no value may leave 32 bits, and a set has 1024 characters at most"},
  };
  return forms;
}

MaskConjunction parseMask(std::string_view text) { return Parser(text).parse(); }

std::int64_t evaluate(const MaskExpr& e, std::int64_t q, std::int64_t k, std::int64_t sq, std::int64_t sk) {
  const auto part = [&](std::size_t n) { return evaluate(e.parts[n], q, k, sq, sk); };
  switch (e.kind) {
  case Kind::Query:
    return q;
  case Kind::Key:
    return k;
  case Kind::QueryLength:
    return sq;
  case Kind::KeyLength:
    return sk;
  case Kind::Constant:
    return e.value;
  case Kind::Add:
    return part(0) + part(1);
  case Kind::Mul:
    return part(0) * e.value;
  case Kind::FloorDiv:
    return floorDiv(part(0), e.value);
  case Kind::Mod:
    return part(0) - floorDiv(part(0), e.value) * e.value;
  }
  return 0;
}

} // namespace attune
