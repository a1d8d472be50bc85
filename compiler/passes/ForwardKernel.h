// Everything but the loop bounds of an attention kernel: ForwardKernel.cpp has what surrounds the loops,
// ForwardFold.cpp the loops and what follows them.
#pragma once

#include "compiler/ir/attn/AttnDialect.h"
#include "compiler/passes/TileBuilder.h"

#include "llvm/ADT/MapVector.h"

namespace attune::tile {

/// Everything about a launch that is not its loop bounds.
struct KernelPlan {
  std::string name;
  mlir::Type dtype;
  std::int64_t q_heads = 0, kv_heads = 0, head_dim = 0, head_dim_v = 0;
  std::int64_t q_tile = 0, kv_tile = 0, warps = 0, stages = 0;
  bool varlen = false, lse = true, sink = false;
  bool hides_values = false;     ///< a tile that is cut may hold values that some row must not see
  bool warp_specialized = false; ///< K and V come by TMA; Pipeline.cpp's tile-specialize-warps makes the roles
  bool starts_early = false;     ///< the combine kernel: its blocks are there when the last chunk is done
  bool overlap = false, ping_pong = false; ///< of the roles' products
  bool persistent = false;                 ///< the kernel is about one piece of several: tile-persist makes the loop
  std::int64_t cluster = 1;                ///< blocks that visit the same key tiles, and share them
  bool pack_gqa = false;                   ///< rows are (query, head of the group) pairs of one kv head
  bool split = false;                      ///< partial results of one chunk of the keys
  bool longest_first = false;              ///< later queries see more keys, so they start first
  bool top_left = false;                   ///< the aligned position of query i is i, not i + sk - sq
  double softcap = 0;
  attn::AlibiKind alibi = attn::AlibiKind::None;
  llvm::SmallVector<std::string> header; ///< the comment above the kernel

  std::int64_t group() const { return q_heads / kv_heads; }
  bool quantized() const { return dtype.getIntOrFloatBitWidth() == 8; } ///< a factor per batch entry and kv head
  mlir::Type outputType() const { return quantized() ? mlir::BFloat16Type::get(dtype.getContext()) : dtype; }
  std::int64_t rowGroup() const { return pack_gqa ? group() : 1; } ///< rows per query

  /// Packed rows are no box of a tensor; a box may be read beyond a sequence's end, but not written.
  bool qByTma() const { return warp_specialized && !pack_gqa; }
  bool oByTma() const { return warp_specialized && !pack_gqa && !split && !varlen; }
};

/// Builds the partial or the only kernel of an attention, top to bottom, as a person would write it: open(), bounds
/// with `builder`, state(), fold() per segment from the last key to the first, close().
class ForwardKernel {
public:
  using Value = mlir::Value;

  ForwardKernel(const KernelPlan& plan, mlir::OpBuilder& builder, mlir::Location loc);

  /// Parameters, this block's coordinates, lengths, views.
  void open();
  /// Registers, the functions that loops call, and Q. Key tiles [begin, end) are visited.
  /// `masks` are those of the folds to come, which count key tiles without `gaps`: pairs of first tile and number.
  void state(Value begin, Value end, mlir::ValueRange gaps, llvm::ArrayRef<mlir::ArrayAttr> masks);
  /// One segment. `mask` is null where every pair is visible.
  void fold(Value begin, Value end, mlir::ArrayAttr mask);
  void close();

  TileBuilder builder;
  KernelOp kernel;
  Value row_begin;                  ///< first row of the tile
  Value cluster_begin;              ///< first row of all tiles whose blocks visit the same key tiles
  Value sq, sk, chunk, split_tiles; ///< the last two only if split

private:
  void parameters();
  void coordinates();
  void piece();
  void views();
  void score();
  Value rows(llvm::StringRef name, Value tensor, Value head, bool query_side);
  Value partialRows(llvm::StringRef name, Value tensor);
  void storeByWarpgroups();
  void addNonfinite(Value out);
  Value position(Value row);
  Value qHead(Value row);
  Value argument(llvm::StringRef name);
  mlir::Type rt(std::int64_t cols, mlir::Type element);
  /// Weights of e4m3 are 2^8 at most: its least positive number is 2^-9, its greatest 448.
  std::uint64_t weightLog2() const { return plan_.quantized() ? 8 : 0; }

  const KernelPlan& plan_;
  Value batch_, head_, kv_head_, splits_, q_start_, k_start_, row_limit_;
  Value q_rows_, k_rows_, v_rows_;
  Value q_smem_, k_smem_, v_smem_, o_smem_;
  Value scores_, probs_, out_, row_max_, row_sum_, rescale_, scale_log2_, score_;
  Value descale_;  ///< if quantized: where the factors of this kv head are
  Value key_tile_; ///< null if tiles are counted without gaps
  llvm::MapVector<mlir::ArrayAttr, Value> visible_;

  /// Key tiles in which the mask hides values that are in memory: of those, V is made finite.
  struct Cut {
    Value begin, end;
  };
  llvm::MapVector<mlir::ArrayAttr, Cut> cuts_;
  Value v_nonfinite_;
};

/// Merges the chunks of every row: one warp per row.
KernelOp buildCombineKernel(const KernelPlan& plan, mlir::OpBuilder& builder, mlir::Location loc);

/// Where the partial results of `chunk` begin: batch entry `chunk * batches + batch` or, for varlen (cu_seqlens_q and
/// q_start given), row `chunk * total_q + q_start`.
mlir::Value partialIndex(TileBuilder& builder, mlir::Value chunk, mlir::Value batch, mlir::Value cu_seqlens_q,
                         mlir::Value q_start);

} // namespace attune::tile
