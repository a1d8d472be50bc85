#include "tests/unit/compiler/FoldWalk.h"

#include "attune/compiler/Visible.h"
#include "compiler/frontend/SpecToAttn.h"
#include "compiler/passes/AttnPasses.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>

namespace attune::masks {
namespace {

struct Segment {
  attn::Tiles tiles;
  std::int64_t begin, end; ///< key tiles
  std::vector<mlir::IntegerSet> mask;
  std::vector<std::int64_t> gaps; ///< first tile and number of tiles of each, the lowest first

  /// The key tile that is number j of those without the gaps.
  std::int64_t keyTile(std::int64_t j) const {
    for (std::size_t n = 0; n < gaps.size(); n += 2)
      j += j < gaps[n] ? 0 : gaps[n + 1];
    return j;
  }

  bool sees(std::int64_t q, std::int64_t k, std::int64_t sq, std::int64_t sk) const {
    return std::ranges::any_of(mask, [&](const mlir::IntegerSet& set) { return holds(set, q, k, sq, sk); });
  }
};

/// The folds of a kernel, in order, for the given arguments: row_begin, sq, sk and of a chunk chunk, split_tiles.
std::vector<Segment> segments(attn::KernelOp kernel, std::initializer_list<std::int64_t> arguments) {
  llvm::DenseMap<mlir::Value, std::int64_t> known;
  for (auto [argument, v] : llvm::zip(kernel.getBody().getArguments(), arguments))
    known[argument] = v;
  std::vector<Segment> result;
  for (mlir::Operation& op : kernel.getBody().front()) {
    if (auto bound = mlir::dyn_cast<attn::BoundOp>(op)) {
      std::vector<std::int64_t> inputs, values;
      for (mlir::Value operand : bound.getOperands())
        inputs.push_back(known.at(operand));
      const llvm::ArrayRef<std::int64_t> all = inputs;
      const unsigned dims = bound.getMap().getNumDims();
      for (mlir::AffineExpr expr : bound.getMap().getResults())
        values.push_back(value(expr, all.take_front(dims), all.drop_front(dims)));
      known[bound.getResult()] =
          bound.getReduce() == attn::Reduce::Max ? std::ranges::max(values) : std::ranges::min(values);
    } else if (auto fold = mlir::dyn_cast<attn::FoldOp>(op)) {
      Segment s{fold.getTiles(), known.at(fold.getBegin()), known.at(fold.getEnd()), {}, {}};
      for (mlir::Value gap : fold.getGaps())
        s.gaps.push_back(known.at(gap));
      if (fold.getMask())
        for (auto set : fold.getMask()->getAsRange<mlir::IntegerSetAttr>())
          s.mask.push_back(set.getValue());
      result.push_back(std::move(s));
    }
  }
  return result;
}

/// One tile of rows of one head: the queries [q_first, q_last] against sk keys.
struct Rows {
  std::int64_t q_first, q_last, sq, sk, kv_tile;
};

/// How often each key tile is folded; fails where a fold claims more than is true.
void walk(const std::vector<Segment>& folds, const Rows& r,
          const std::function<bool(std::int64_t, std::int64_t)>& visible, std::map<std::int64_t, int>& visits) {
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
  for (const Segment& s : folds)
    for (std::int64_t number = s.end - 1; number >= s.begin; --number) {
      const std::int64_t j = s.keyTile(number);
      ASSERT_LT(j, last) << "later tiles come first";
      last = j;
      ASSERT_GE(j, 0) << "a tile before the first key";
      ++visits[j];
      ASSERT_NE(s.tiles, attn::Tiles::Mixed);
      for (std::int64_t q = r.q_first; q <= r.q_last; ++q)
        for (std::int64_t k = j * r.kv_tile; k < (j + 1) * r.kv_tile; ++k)
          ASSERT_EQ(s.tiles == attn::Tiles::Full || s.sees(q, k, r.sq, r.sk), visible(q, k))
              << "query " << q << " of " << r.sq << ", key " << k << " of " << r.sk << " in tile " << j;
    }
}

/// A set of which the rows see no pair may cost them one tile: its first and its last key are rounded to tiles apart.
std::int64_t setsUnseen(const std::vector<Segment>& folds, const Rows& r) {
  const auto cut = std::ranges::find_if(folds, [](const Segment& s) { return !s.mask.empty(); });
  return cut == folds.end() ? 0 : std::ranges::count_if(cut->mask, [&](const mlir::IntegerSet& set) {
    for (std::int64_t q = r.q_first; q <= r.q_last; ++q)
      for (std::int64_t k = 0; k < r.sk; ++k)
        if (holds(set, q, k, r.sq, r.sk))
          return false;
    return true;
  });
}

/// Tiles that a mask of one or two sets is asked about although one of them holds every pair.
std::int64_t fullTilesAsked(const std::vector<Segment>& folds, const Rows& r) {
  std::int64_t asked = 0;
  for (const Segment& s : folds)
    for (std::int64_t number = s.begin; number < s.end && s.tiles == attn::Tiles::Partial && s.mask.size() <= 2;
         ++number)
      asked += std::ranges::any_of(s.mask, [&](const mlir::IntegerSet& set) {
        const std::int64_t first = s.keyTile(number) * r.kv_tile;
        for (std::int64_t q = r.q_first; q <= r.q_last; ++q)
          for (std::int64_t k = first; k < first + r.kv_tile; ++k)
            if (k >= r.sk || !holds(set, q, k, r.sq, r.sk))
              return false;
        return true;
      });
  return asked;
}

/// One tile of rows, over all chunks.
void checkRows(attn::KernelOp kernel, const Rows& rows, std::int64_t row_begin, std::int64_t split_tiles,
               const std::function<bool(std::int64_t, std::int64_t)>& visible, bool exact) {
  const std::int64_t tiles = (rows.sk + rows.kv_tile - 1) / rows.kv_tile;
  const std::int64_t chunks = split_tiles ? tiles / split_tiles + 2 : 1; // one more than there are: it is empty
  std::map<std::int64_t, int> visits;
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
    ASSERT_NO_FATAL_FAILURE(
        walk(segments(kernel, {row_begin, rows.sq, rows.sk, chunk, split_tiles}), rows, visible, visits));
  std::int64_t empty = 0;
  for (std::int64_t j = 0; j < tiles; ++j) {
    ASSERT_LE(visits[j], 1) << "tile " << j << " is folded by two chunks";
    bool needed = false;
    for (std::int64_t q = rows.q_first; q <= rows.q_last; ++q)
      for (std::int64_t k = j * rows.kv_tile; k < (j + 1) * rows.kv_tile; ++k)
        needed |= visible(q, k);
    ASSERT_TRUE(!needed || visits[j] == 1) << "tile " << j << " has a visible pair and is skipped";
    empty += !needed && visits[j] != 0;
  }
  if (exact) {
    ASSERT_LE(empty, setsUnseen(segments(kernel, {row_begin, rows.sq, rows.sk, 0, split_tiles}), rows))
        << "tiles without a visible pair are visited";
    if (split_tiles == 0) {
      ASSERT_EQ(fullTilesAsked(segments(kernel, {row_begin, rows.sq, rows.sk}), rows), 0);
    }
  }
}

} // namespace

void expectFoldsHold(AttentionSpec spec, const Schedule& schedule, const std::vector<Lengths>& lengths, bool exact) {
  const auto semantics = visibility(spec);
  spec.q_heads = 7; // on one kv head: q_tile is no multiple of the group
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<attn::AttnDialect>();
  context.getDiagEngine().registerHandler([](mlir::Diagnostic&) {}); // remarks
  mlir::OpBuilder builder(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToEnd(module->getBody());
  buildForward(builder, builder.getUnknownLoc(), spec, schedule);
  mlir::PassManager passes(&context);
  passes.addPass(attn::createBuildKernel());
  passes.addNestedPass<attn::KernelOp>(attn::createClassifyBlocks());
  passes.addPass(attn::createSplitKV());
  ASSERT_TRUE(mlir::succeeded(passes.run(*module)));
  attn::KernelOp kernel = *module->getOps<attn::KernelOp>().begin();

  const std::int64_t group = schedule.pack_gqa ? 7 : 1;
  for (const auto& [sq, sk] : lengths)
    for (std::int64_t row_begin = 0; row_begin < sq * group; row_begin += schedule.q_tile)
      for (const std::int64_t split_tiles :
           schedule.split_kv ? std::vector<std::int64_t>{1, 2, 5} : std::vector<std::int64_t>{0}) {
        SCOPED_TRACE("rows " + std::to_string(row_begin) + ", sq " + std::to_string(sq) + ", sk " + std::to_string(sk) +
                     ", split_tiles " + std::to_string(split_tiles) + ", " + toText(schedule));
        const Rows rows{row_begin / group, std::min((row_begin + schedule.q_tile - 1) / group, sq - 1), sq, sk,
                        schedule.kv_tile};
        const auto visible = [&, sq = sq, sk = sk](std::int64_t q, std::int64_t k) { return semantics(q, k, sq, sk); };
        ASSERT_NO_FATAL_FAILURE(checkRows(kernel, rows, row_begin, split_tiles, visible, exact));
      }
}

} // namespace attune::masks
