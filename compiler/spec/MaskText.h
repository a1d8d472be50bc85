#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace attune {

/// An affine expression in q, k, sq, sk, as written in AttentionSpec::mask.
struct MaskExpr {
  enum class Kind { Query, Key, QueryLength, KeyLength, Constant, Add, Mul, FloorDiv, Mod };
  Kind kind = Kind::Constant;
  std::int64_t value = 0;      ///< of a constant; divisor or factor of Mul, FloorDiv, Mod
  std::vector<MaskExpr> parts; ///< Add: two; Mul, FloorDiv, Mod: one
};

/// difference >= 0, or == 0
struct MaskConstraint {
  MaskExpr difference;
  bool equality = false;
};
using MaskConjunction = std::vector<MaskConstraint>;

/// What parseMask reads, from the loosest to the tightest binding, for people: a form, and what it means.
struct MaskForm {
  const char* form;
  const char* meaning;
};
std::span<const MaskForm> maskForms();

/// Reads one conjunction (maskForms). Throws UserError that names the column.
MaskConjunction parseMask(std::string_view text);

/// The value for one pair; divisions round down.
std::int64_t evaluate(const MaskExpr& expr, std::int64_t q, std::int64_t k, std::int64_t sq, std::int64_t sk);

} // namespace attune
