// Every visible pair is folded once and no other: masks of all kinds, and random ones.
#include "tests/unit/compiler/FoldWalk.h"

#include <gtest/gtest.h>

#include <random>

namespace attune {
namespace {

using namespace masks;

std::vector<Lengths> product(std::initializer_list<std::int64_t> sqs, std::initializer_list<std::int64_t> sks) {
  std::vector<Lengths> result;
  for (const std::int64_t sq : sqs)
    for (const std::int64_t sk : sks)
      result.push_back({sq, sk});
  return result;
}

class Folds : public testing::TestWithParam<Case> {};

TEST_P(Folds, HoldEveryVisiblePairOnce) {
  for (const Schedule& schedule :
       {Schedule{.q_tile = 16, .kv_tile = 16, .warps = 1}, Schedule{.q_tile = 48, .kv_tile = 32, .warps = 3},
        Schedule{.q_tile = 16, .kv_tile = 48, .warps = 1, .pack_gqa = true},
        Schedule{.q_tile = 32, .kv_tile = 16, .warps = 2, .pack_gqa = true, .split_kv = true},
        Schedule{.q_tile = 16, .kv_tile = 32, .warps = 1, .split_kv = true}})
    ASSERT_NO_FATAL_FAILURE(
        expectFoldsHold(GetParam().spec, schedule, product({1, 6, 49}, {0, 1, 31, 90}), GetParam().exact));
}

INSTANTIATE_TEST_SUITE_P(Masks, Folds, testing::ValuesIn(cases()), [](const auto& test) { return test.param.name; });

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

Schedule randomSchedule(RandomMasks& random) {
  Schedule schedule{.q_tile = static_cast<int>(16 * random.among(1, 3)),
                    .kv_tile = static_cast<int>(16 * random.among(1, 3)),
                    .warps = 1,
                    .pack_gqa = random.among(0, 3) == 0,
                    .split_kv = random.among(0, 3) == 0};
  schedule.warps = schedule.q_tile / 16;
  return schedule;
}

std::string text(const std::vector<std::string>& sets) {
  std::string result;
  for (const std::string& set : sets)
    result += (result.empty() ? "" : "  or  ") + set;
  return result;
}

TEST(RandomMask, IsFoldedRightWhateverItIs) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    RandomMasks random(seed);
    const std::vector<std::string> sets = random.sets(/*steepest=*/3, /*anything=*/true);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + text(sets));
    ASSERT_NO_FATAL_FAILURE(expectFoldsHold(custom(sets), randomSchedule(random),
                                            {{random.among(1, 70), random.among(0, 150)}}, /*exact=*/false));
  }
}

TEST(RandomMask, OfSlopesUpToOneVisitsNoEmptyTile) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    RandomMasks random(seed);
    const std::vector<std::string> sets = random.sets(/*steepest=*/1, /*anything=*/false);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + text(sets));
    ASSERT_NO_FATAL_FAILURE(expectFoldsHold(custom(sets), randomSchedule(random),
                                            {{random.among(1, 70), random.among(0, 150)}}, /*exact=*/true));
  }
}

} // namespace
} // namespace attune
