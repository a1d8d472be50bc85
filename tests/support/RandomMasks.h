// Masks that nobody would think of, as AttentionSpec::mask has them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace attune::test {

/// Masks of 1 to 3 sets of 1 to 3 constraints each, as text.
class RandomMasks {
public:
  explicit RandomMasks(unsigned seed) : random_(seed) {}

  std::int64_t among(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  /// Slopes of keys by queries up to `steepest`; with `anything`, also strides, blocks, equalities and key factors.
  std::vector<std::string> sets(std::int64_t steepest, bool anything) {
    std::vector<std::string> result(static_cast<std::size_t>(among(1, 3)));
    for (std::string& set : result)
      for (std::int64_t n = among(1, 3); n > 0; --n)
        set += (set.empty() ? "" : " and ") + constraint(steepest, anything);
    return result;
  }

  static std::string text(const std::vector<std::string>& sets) {
    std::string result;
    for (const std::string& set : sets)
      result += (result.empty() ? "" : "  or  ") + set;
    return result;
  }

private:
  std::string constraint(std::int64_t steepest, bool anything) {
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    std::string position = number(among(-steepest, steepest)) + " * q + " + number(among(-40, 60));
    if (among(0, 1))
      position += " + sk - sq";
    switch (anything ? among(0, 9) : 9) {
    case 0:
      return "k % " + number(among(1, 40)) + " <= " + number(among(0, 20));
    case 1:
      return "k // " + number(among(1, 40)) + " == q // " + number(among(1, 40));
    case 2:
      return "q >= " + number(among(0, 40));
    case 3:
      return "k == " + position;
    case 4:
      return number(among(2, 3)) + " * k <= " + position;
    case 5:
      return "(" + position + ") // " + number(among(1, 40)) + " >= k // " + number(among(1, 40));
    default:
      return std::string(among(0, 1) ? "k <= " : "k >= ") + position;
    }
  }

  std::mt19937 random_;
};

} // namespace attune::test
