// Every visible pair is folded once and no other: masks of all kinds, and random ones.
#include "tests/support/RandomMasks.h"
#include "tests/unit/compiler/FoldWalk.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

using namespace masks;
using test::RandomMasks;

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

Schedule randomSchedule(RandomMasks& random) {
  Schedule schedule{.q_tile = static_cast<int>(16 * random.among(1, 3)),
                    .kv_tile = static_cast<int>(16 * random.among(1, 3)),
                    .warps = 1,
                    .pack_gqa = random.among(0, 3) == 0,
                    .split_kv = random.among(0, 3) == 0};
  schedule.warps = schedule.q_tile / 16;
  return schedule;
}

TEST(RandomMask, IsFoldedRightWhateverItIs) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    RandomMasks random(seed);
    const std::vector<std::string> sets = random.sets(/*steepest=*/3, /*anything=*/true);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + RandomMasks::text(sets));
    ASSERT_NO_FATAL_FAILURE(expectFoldsHold(custom(sets), randomSchedule(random),
                                            {{random.among(1, 70), random.among(0, 150)}}, /*exact=*/false));
  }
}

TEST(RandomMask, OfSlopesUpToOneVisitsNoEmptyTile) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    RandomMasks random(seed);
    const std::vector<std::string> sets = random.sets(/*steepest=*/1, /*anything=*/false);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + RandomMasks::text(sets));
    ASSERT_NO_FATAL_FAILURE(expectFoldsHold(custom(sets), randomSchedule(random),
                                            {{random.among(1, 70), random.among(0, 150)}}, /*exact=*/true));
  }
}

} // namespace
} // namespace attune
