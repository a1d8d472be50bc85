// Bugs planted into the text of a pipelined kernel. The emulated device has to find each, as an error or as a wrong
// result, under a few seeds.
#include "tests/emulated/PlantedBugs.h"

#include <span>

#include <gtest/gtest.h>

namespace attune::test {
namespace {

bool roles() { return testTarget() == "sm_90a"; }

Case pipelined() {
  Case c{.spec = gqaSpec(64),
         .lengths = reference::Lengths::dense(1, 301, 333)}; // an odd number of full tiles for each piece
  c.spec.causal = Causal::BottomRight;
  c.schedule = scheduleFromText("q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=0 split_kv=0");
  if (roles()) {
    c.schedule = scheduleFromText(
        "q_tile=128 kv_tile=32 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 "
        "persistent=1");
    c.multiprocessors = 2; // for 12 pieces
    c.check_races = true;
  }
  return c;
}

TEST(PlantedBug, TheKernelWithoutOneIsRight) { expectNothingFound(pipelined()); }

class PlantedBug : public testing::TestWithParam<Bug> {};

TEST_P(PlantedBug, IsFound) { expectFound(pipelined(), GetParam()); }

TEST(PlantedBug, TheCombineKernelWaitsForNobody) {
  if (!roles())
    GTEST_SKIP() << "kernels overlap from sm_90 on";
  Case c{.spec = gqaSpec(64), .lengths = reference::Lengths::dense(1, 1, 600), .splits = 3};
  c.spec.causal = Causal::BottomRight;
  expectNothingFound(c);
  expectFound(c, {"", "grid::wait_for_previous();", 0, ""});
}

TEST(PlantedBug, TheCapIsOffByAFewPercent) { // without LSE, where it would show too
  Case c{.spec = gqaSpec(64), .lengths = reference::Lengths::dense(1, 70, 301)};
  c.spec.softcap = 50;
  c.spec.lse = false;
  expectNothingFound(c);
  expectFound(c, {"", "50.0f", 0, "52.5f"});
}

TEST(PlantedBug, TheFirstKOfAPieceWaitsForRoom) {
  if (!roles())
    GTEST_SKIP() << "blocks stay for several pieces from sm_90 on";
  Case c = pipelined();
  // where products overlap, there is room for the last V only after S of the tile that was in this slot
  c.schedule->overlap = c.schedule->ping_pong = false;
  expectNothingFound(c);
  expectFound(c, {"", "bar::wait(k_empty[ring.slot()], ring.phase() ^ 1);", 0, ""});
}

TEST(PlantedBug, TilesThatAWindowCutsOnTheLeft) {
  if (!roles())
    GTEST_SKIP() << "portable kernels have a loop for them";
  Case c = pipelined();
  c.spec.window.left = 100;
  expectNothingFound(c);
  for (int who = 0; who < 4; ++who) // where V lands and what the issuer counts, the checker, the mask
    expectFound(c, {"", "|| j < full_begin", who, ""});
  for (const Bug& bug : {Bug{"", "|| j < full_begin", 3, "|| j < full_begin - 1"},
                         Bug{"", "v_landed[cut_ring.slot()] :", 0, "v_full[ring.slot()] :"}})
    expectFound(c, bug);
}

constexpr const char* wait = "cp_async::wait<2>();";
constexpr const char* sync = "block::sync();";
constexpr const char* k_stage = "mm_ABt(scores, q_smem, k_smem[ring.slot()])";
constexpr const char* v_stage = "v_smem[ring.slot()])";
constexpr const char* v_slot = "load_async(v_smem[ring.slot(1)]";
constexpr const char* k_slot = "load_async(k_smem[ring.slot(2)]";

// two loops: tiles that the mask cuts, and full ones; in each a wait and a barrier for K, then for V
constexpr Bug bugs[] = {
    {"NoWaitForKInPartialTiles", wait, 0, ""},
    {"NoWaitForVInPartialTiles", wait, 1, ""},
    {"NoWaitForKInFullTiles", wait, 2, ""},
    {"NoWaitForVInFullTiles", wait, 3, ""},
    {"WaitForOneGroupTooFew", wait, 2, "cp_async::wait<3>();"},
    {"NoBarrierForKInPartialTiles", sync, 0, ""},
    {"NoBarrierForVInPartialTiles", sync, 1, ""},
    {"NoBarrierForKInFullTiles", sync, 2, ""},
    {"NoBarrierForVInFullTiles", sync, 3, ""},
    {"NoBarrierBeforeOIsRead", sync, 5, ""},
    {"WrongStageOfK", "rolled(scores, q_smem, k_smem[ring.slot()])", 0,
     "rolled(scores, q_smem, k_smem[ring.slot(-1)])"},
    {"WrongStageOfKInFullTiles", k_stage, 0, "mm_ABt(scores, q_smem, k_smem[ring.slot(-1)])"},
    {"WrongStageOfV", v_stage, 0, "v_smem[ring.slot(-1)])"},
    {"WrongStageOfVInFullTiles", v_stage, 1, "v_smem[ring.slot(-1)])"},
    {"LoadsVIntoTheWrongStage", v_slot, 0, "load_async(v_smem[ring.slot()]"},
    {"LoadsKIntoTheWrongStage", k_slot, 1, "load_async(k_smem[ring.slot(1)]"},
    {"MaskOffByOne", "return key <= query", 0, "return key < query"},
    {"FirstTileForgotten", "j >= 0; --j", 0, "j > 0; --j"},
    {"QueryBeyondTheEndIsRead", "q_smem, q_rows, q_begin, sq)", 0, "q_smem, q_rows, q_begin, sq + 1)"},
    {"KeyBeyondTheEndIsRead", "* 64, sk)", 0, "* 64, sk + 1)"},
    {"RowBeyondTheEndIsWritten", "o_smem, q_begin, sq)", 0, "o_smem, q_begin, sq + 1)"},
    {"LseBeyondTheEndIsWritten", "row_lse, q_begin, sq)", 0, "row_lse, q_begin, sq + 1)"},
};
// One loop, and the scores of its first tile ahead of it; a producer with an issuer and a checker.
constexpr Bug hopper_bugs[] = {
    {"NoWaitForTheFirstK", "bar::wait(k_full[ring.slot()], ring.phase());", 0, ""},
    {"NoWaitForK", "bar::wait(k_full[ring.slot(1)], ring.phase(1));", 0, ""},
    {"NoWaitForV", "bar::wait(v_full[ring.slot()], ring.phase(), row_sum);", 0, ""},
    {"WrongPhaseOfK", "k_full[ring.slot(1)], ring.phase(1));", 0, "k_full[ring.slot(1)], ring.phase(1) ^ 1);"},
    {"NoWaitForRoomForK", "bar::wait(k_empty[ring.slot(1)], ring.phase(1) ^ 1);", 0, ""},
    {"NoWaitForRoomForV", "bar::wait(v_empty[ring.slot()], ring.phase() ^ 1);", 0, ""},
    {"KIsNeverGivenBack", "bar::arrive(k_empty[ring.slot()]);", 0, ""}, // deadlock
    {"VIsNeverGivenBack", "if (j < kv_last)\n        bar::arrive(v_empty[ring.slot(-1)]);", 0, ""},
    {"VIsGivenBackOnceTooOften", "if (j < kv_last)", 0, "if (j <= kv_last)"},
    {"VIsGivenBackTooEarly",
     "warpgroup::wait<0>(out);\n      if (j < kv_last)\n        bar::arrive(v_empty[ring.slot(-1)]);", 0,
     "if (j < kv_last)\n        bar::arrive(v_empty[ring.slot(-1)]);\n      warpgroup::wait<0>(out);"},
    {"ScoresAreReadTooEarly", "warpgroup::wait<1>(scores);", 0, ""},
    {"TheFirstScoresAreReadTooEarly", "warpgroup::wait<0>(scores);", 0, ""},
    {"OutIsReadTooEarly", "warpgroup::wait<0>(out);", 0, ""},
    {"TheLastOutIsReadTooEarly", "warpgroup::wait<0>(out);", 1, ""},
    {"PVIsForgotten", "warpgroup::mma_AB_async(out", 0, "if (j > 0) warpgroup::mma_AB_async(out"},
    {"PVComesBeforeItsWeights", "warp::convert(probs, scores);", 0, ""},
    {"ScoresOfATileTooMany", "if (j > 0) {\n        bar", 0, "{\n        bar"},
    {"TheMaskMissesATile", "if (j >= full_end) // the mask", 0, "if (j > full_end) // the mask"},
    {"WrongStageOfK", "q_smem, k_smem[ring.slot(1)])", 0, "q_smem, k_smem[ring.slot()])"},
    {"WrongStageOfV", "probs, v_smem[ring.slot()])", 0, "probs, v_smem[ring.slot(-1)])"},
    {"LoadsKIntoTheWrongStage", "tma::load_async(k_smem[ring.slot(1)]", 0, "tma::load_async(k_smem[ring.slot()]"},
    {"LoadsTheWrongRowsOfV", "v_rows, j * 32,", 0, "v_rows, j * 32 + 1,"},
    {"TheCheckerForgetsATile", "if (j >= full_end) {", 0, "if (j > full_end) {"},
    {"TheCheckerPassesFullTilesBy", "++cut_ring;\n          }\n          ++ring;", 0,
     "++cut_ring;\n            ++ring;\n          }"},
    {"TheIssuerCountsFullTilesAsCut", "if (j >= full_end)\n            ++cut_ring;", 0, "++cut_ring;"},
    {"TheIssuerStaysAtItsSlot", "++cut_ring;\n          ++ring;", 0, "++cut_ring;"},
    {"TheConsumersStayAtTheirSlot", "\n      ++ring;", 0, ""},
    {"MaskOffByOne", "return key <= query", 0, "return key < query"},
    {"LastTileForgotten", "j >= 0; --j) {\n      bar", 0, "j > 0; --j) {\n      bar"},
    {"LseBeyondTheEndIsWritten", "row_lse, q_begin, sq)", 0, "row_lse, q_begin, sq + 1)"},
    {"TooManyRegisters", "increase_registers<232>", 0, "increase_registers<248>"},
    {"BarriersOfTooManyArrivals", "bar::init(k_empty, 8)", 0, "bar::init(k_empty, 9)"},
    // from one piece to the next
    {"NoWaitForQ", "bar::wait(q_full, q_ring.phase());", 0, ""},
    {"NoWaitForRoomForQ", "bar::wait(q_empty, q_ring.phase() ^ 1);", 0, ""},
    {"QIsNeverGivenBack", "bar::arrive(q_empty);", 0, ""},
    {"TheLastVIsNeverGivenBack", "bar::arrive(v_empty[ring.slot(-1)]);", 0, ""},
    {"OIsOverwrittenWhileItIsStored", "warpgroup::wait_for_store(); // of the piece before", 0, ""},
    {"TheConsumersRingBeginsAgain", "softmax::reset(", 0, "ring = {}, softmax::reset("},
    {"TheProducersRingBeginsAgain", "if (warpgroup::is_issuer())", 0, "ring = {};\n      if (warpgroup::is_issuer())"},
    {"TheConsumersRingOfQStays", "++q_ring;", 1, ""},
    {"TheProducersRingOfQStays", "++q_ring;", 0, ""},
    {"TheRingOfCutTilesBeginsAgain", "if (warpgroup::is_issuer())", 0,
     "cut_ring = {};\n      if (warpgroup::is_issuer())"},
    {"TheStateIsKept", "softmax::reset(", 0, "if (round == 0) softmax::reset("},
    {"ThePieceOfTheSecondRoundIsForgotten", "pieces.has(round)", 1, "round < 1"},
};

std::span<const Bug> planted() { return roles() ? std::span<const Bug>(hopper_bugs) : std::span<const Bug>(bugs); }
INSTANTIATE_TEST_SUITE_P(Pipeline, PlantedBug, testing::ValuesIn(planted().begin(), planted().end()),
                         [](const auto& param) { return param.param.name; });

} // namespace
} // namespace attune::test
