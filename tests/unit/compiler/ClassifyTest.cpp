// Block classification against brute force: every tile of every row tile of many shapes, pair by pair.
#include "compiler/analysis/Classify.h"
#include "attune/compiler/Visible.h"
#include "compiler/frontend/SpecToAttn.h"
#include "tests/unit/compiler/MaskCases.h"

#include "mlir/IR/BuiltinOps.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace attune {
namespace {

using namespace masks;

class Classify : public testing::TestWithParam<Case> {};

TEST_P(Classify, AgreesWithBruteForce) {
  const AttentionSpec& spec = GetParam().spec;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<attn::AttnDialect>();
  mlir::OpBuilder builder(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToEnd(module->getBody());
  attn::ForwardOp forward = buildForward(builder, builder.getUnknownLoc(), spec, {});
  const auto visible = visibility(spec);

  int visited = 0, full_tiles = 0, provable = 0;
  for (const std::int64_t kv_tile : {16, 32}) {
    std::vector<mlir::IntegerSet> masks;
    std::vector<analysis::TileBounds> sets;
    for (auto set : forward.getMask().getAsValueRange<mlir::IntegerSetAttr>()) {
      masks.push_back(set);
      sets.push_back(analysis::classify(set, kv_tile));
    }
    for (const std::int64_t q_tile : {1, 16, 48})
      for (const std::int64_t sq : {1, 5, 32, 65, 113})
        for (const std::int64_t sk : {0, 1, 16, 31, 64, 130, 203})
          for (std::int64_t q_first = 0; q_first < sq; q_first += q_tile) {
            const std::int64_t q_last = std::min(q_first + q_tile, sq) - 1;
            const std::int64_t dims[4] = {q_first, q_last, sq, sk};
            // rows that see nothing of a set may visit a tile or two for it: no loop bound excludes them
            std::vector<bool> sees_any(sets.size());
            for (std::size_t n = 0; n < sets.size(); ++n)
              for (std::int64_t q = q_first; q <= q_last; ++q)
                for (std::int64_t k = 0; k < sk && !sees_any[n]; ++k)
                  sees_any[n] = holds(masks[n], q, k, sq, sk);
            for (std::int64_t j = -2; j <= (sk + kv_tile - 1) / kv_tile + 1; ++j) {
              int seen = 0, pairs = 0;
              for (std::int64_t q = q_first; q <= q_last; ++q)
                for (std::int64_t k = j * kv_tile; k < (j + 1) * kv_tile; ++k, ++pairs)
                  seen += visible(q, k, sq, sk);
              bool in_range = false, in_full = false, excused = false;
              for (const auto& [n, s] : llvm::enumerate(sets)) {
                if (s.empty)
                  continue;
                const auto atLeast = [&](mlir::AffineExpr e) { return j >= value(e, dims); };
                const auto below = [&](mlir::AffineExpr e) { return j < value(e, dims); };
                const bool inside = std::ranges::all_of(s.begin, atLeast) && std::ranges::all_of(s.end, below);
                in_range |= inside;
                excused |= inside && !sees_any[n];
                in_full |= inside && !s.never_full && std::ranges::all_of(s.full_begin, atLeast) &&
                           std::ranges::all_of(s.full_end, below);
              }
              ASSERT_TRUE(seen == 0 || in_range)
                  << "tile " << j << " has a visible pair and is skipped: q " << q_first << ".." << q_last << " of "
                  << sq << ", sk " << sk << ", kv_tile " << kv_tile;
              ASSERT_TRUE(!in_full || seen == pairs)
                  << "tile " << j << " is partial and called full: q " << q_first << ".." << q_last << " of " << sq
                  << ", sk " << sk << ", kv_tile " << kv_tile;
              if (GetParam().exact) {
                ASSERT_TRUE(!in_range || seen > 0 || excused)
                    << "tile " << j << " is empty and visited: q " << q_first << ".." << q_last << " of " << sq
                    << ", sk " << sk << ", kv_tile " << kv_tile;
                ASSERT_TRUE(sets.size() > 1 || in_full || seen != pairs)
                    << "tile " << j << " is full and called partial: q " << q_first << ".." << q_last << " of " << sq
                    << ", sk " << sk << ", kv_tile " << kv_tile;
              }
              visited += in_range;
              full_tiles += in_full;
              provable += seen == pairs;
            }
          }
  }
  EXPECT_GT(visited, 0);
  EXPECT_LE(full_tiles, provable);
}

INSTANTIATE_TEST_SUITE_P(Masks, Classify, testing::ValuesIn(cases()), [](const auto& test) { return test.param.name; });

} // namespace
} // namespace attune
