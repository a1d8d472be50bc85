// Calls of kernels with roles: barriers, bulk copies, warpgroups. As in TileCalls.td, one op is one function of templates/.
#ifndef ATTUNE_IR_TILE_WARPGROUP
#define ATTUNE_IR_TILE_WARPGROUP

include "compiler/ir/tile/TileCalls.td"

// --- barriers -------------------------------------------------------------------------------------------------------

def Tile_BarInitOp : Tile_Call<"bar.init", "bar::init"> {
  let summary = "Makes a barrier, or each of a ring, whose phases take `arrivals`.";
  let arguments = (ins Tile_BarrierType:$barrier, Index:$arrivals);
}
def Tile_InitFlagOp : Tile_Call<"bar.init_flag", "bar::init"> {
  let summary = "The flag is false from here on.";
  let arguments = (ins Tile_FlagType:$flag);
}
def Tile_BarPublishOp : Tile_Call<"bar.publish", "bar::publish"> {
  let summary = "Barriers made so far become visible to copies.";
  let assemblyFormat = "attr-dict";
}
def Tile_BarWaitOp : Tile_Call<"bar.wait", "bar::wait"> {
  let summary = "Until the phase of this parity is complete, and not before row sums are known, if there are any.";
  let arguments = (ins Tile_BarrierType:$barrier, Index:$phase, Optional<Tile_RvType>:$row_sum);
}
def Tile_BarArriveOp : Tile_Call<"bar.arrive", "bar::arrive"> {
  let summary = "One arrival of this warp.";
  let arguments = (ins Tile_BarrierType:$barrier);
}

// --- clusters: blocks that share K and V ------------------------------------------------------------------------------

def Tile_ClusterSyncOp : Tile_Call<"cluster.sync", "cluster::sync"> {
  let summary = "Barrier over all threads of the cluster's blocks that have not ended. No block may end before the others have left its barriers.";
  let assemblyFormat = "attr-dict";
}
def Tile_ClusterArriveOp : Tile_TemplateCall<"cluster.arrive", "cluster::arrive", "int64_t(getBlocks())"> {
  let summary = "One arrival of this warp at the same barrier of each block.";
  let arguments = (ins I64Attr:$blocks, Tile_BarrierType:$barrier);
  let assemblyFormat = "$blocks $barrier attr-dict `:` type($barrier)";
  let hasVerifier = 1;
}

// --- producer -------------------------------------------------------------------------------------------------------

def Tile_TmaLoadAsyncOp : Tile_Call<"tma.load_async", "tma::load_async"> {
  let summary = "One thread starts copying a tile's rows from `first` on; `full` completes a phase when they are there.";
  let arguments = (ins Tile_StType:$destination, Tile_RowsType:$source, Index:$first, Tile_BarrierType:$full,
                       Tile_PolicyType:$policy);
  let hasVerifier = 1;
}
def Tile_TmaMulticastAsyncOp : Tile_TemplateCall<"tma.multicast_async", "tma::multicast_async", "int64_t(getBlocks())"> {
  let summary = "tma.load_async by all blocks of a cluster together: each copies its part of the rows, one box, to all.";
  let arguments = (ins I64Attr:$blocks, Tile_StType:$destination, Tile_RowsType:$source, Index:$first,
                       Tile_BarrierType:$full, Tile_PolicyType:$policy);
  let assemblyFormat = "$blocks operands attr-dict `:` type(operands)";
  let hasVerifier = 1;
}
class Tile_Policy<string name> : Tile_ValueCall<"l2." # name, "l2::" # name, Tile_PolicyType> {
  let arguments = (ins OptionalAttr<StrAttr>:$label);
}
def Tile_EvictFirstOp : Tile_Policy<"evict_first"> { let summary = "Of what no other block reads."; }
def Tile_EvictLastOp : Tile_Policy<"evict_last"> { let summary = "Of what many blocks read."; }
def Tile_TmaPrefetchOp : Tile_Call<"tma.prefetch", "tma::prefetch"> {
  let summary = "One thread asks for tensor maps before they are needed.";
  let arguments = (ins Variadic<Tile_TensorMapType>:$maps);
}
def Tile_MakeFiniteOp : Tile_Call<"warp.make_finite", "warp::make_finite"> {
  let summary = "Clamps NaN and infinities of a tile; `found` becomes true if there were any.";
  let arguments = (ins Tile_StType:$tile, Tile_FlagType:$found);
}
class Tile_Transpose<string name> : Tile_Call<"warpgroup." # name, "warpgroup::" # name> {
  let hasVerifier = 1;
}
def Tile_TransposeOp : Tile_Transpose<"transpose"> {
  let summary = "v_t = V^T, in the order of keys that probabilities have, by the transposing warps of the producer.";
  let arguments = (ins Tile_StType:$v_t, Tile_StType:$v);
}
def Tile_TransposeFiniteOp : Tile_Transpose<"transpose_finite"> {
  let summary = "transpose, with NaN clamped; `found` becomes true if there were any.";
  let arguments = (ins Tile_StType:$v_t, Tile_StType:$v, Tile_FlagType:$found);
}
def Tile_AddNonfiniteOp : Tile_Call<"warpgroup.add_nonfinite", "warpgroup::add_nonfinite"> {
  let summary = "If `found`: rows [first, limit) of O, just stored, += the NaN and infinite values of keys [first_key, end_key) of V that they see.";
  let arguments = (ins Tile_RowsType:$o, Tile_FlagType:$found, Tile_RowsType:$v, Index:$first_key, Index:$end_key,
                       Index:$first, Index:$limit, Tile_LambdaType:$visible);
}

// --- grids ----------------------------------------------------------------------------------------------------------

def Tile_GridStartNextOp : Tile_Call<"grid.start_next", "grid::start_next"> {
  let summary = "The next kernel of the stream may start, up to its grid.wait_for_previous, once all blocks have come here.";
  let assemblyFormat = "attr-dict";
}
def Tile_GridWaitForPreviousOp : Tile_Call<"grid.wait_for_previous", "grid::wait_for_previous"> {
  let summary = "Until the kernel before this one is done and its writes are visible. The launch says that this one may start early.";
  let assemblyFormat = "attr-dict";
}

// --- warpgroups -----------------------------------------------------------------------------------------------------

class Tile_Registers<string name> : Tile_TemplateCall<"warpgroup." # name, "warpgroup::" # name, "int64_t(getCount())"> {
  let arguments = (ins I64Attr:$count);
  let assemblyFormat = "$count attr-dict";
}
def Tile_DecreaseRegistersOp : Tile_Registers<"decrease_registers"> { let summary = "Leaves registers to other warpgroups."; }
def Tile_IncreaseRegistersOp : Tile_Registers<"increase_registers"> { let summary = "Takes registers that others left."; }

class Tile_Turns<string name> : Tile_TemplateCall<"warpgroup." # name, "warpgroup::" # name, "int64_t(getWarpgroups())"> {
  let arguments = (ins I64Attr:$warpgroups);
  let assemblyFormat = "$warpgroups attr-dict";
}
def Tile_BeginTurnsOp : Tile_Turns<"begin_turns"> { let summary = "The first warpgroup has the first turn."; }
def Tile_TakeTurnOp : Tile_Turns<"take_turn"> { let summary = "Until it is this warpgroup's turn to start matrix products."; }
def Tile_PassTurnOp : Tile_Turns<"pass_turn"> { let summary = "The next warpgroup's turn."; }

def Tile_SyncConsumersOp : Tile_Call<"block.sync_consumers", "block::sync_consumers"> {
  let summary = "Barrier over the threads of all warpgroups that compute.";
  let assemblyFormat = "attr-dict";
}
def Tile_WarpgroupLoadOp : Tile_Call<"warpgroup.load", "warpgroup::load"> {
  let summary = "This warpgroup's rows of the tile that begins at row `first`, ready for matrix products; zeros from `limit` on.";
  let arguments = (ins Tile_StType:$destination, Tile_RowsType:$source, Index:$first, Index:$limit);
  let hasVerifier = 1;
}
def Tile_WarpgroupStoreTileOp : Tile_Call<"warpgroup.store_tile", "warpgroup::store"> {
  let summary = "The warpgroup's rows of a register tile to a shared tile, for its own threads to read.";
  let arguments = (ins Tile_StType:$destination, Tile_RtType:$source);
}
def Tile_WarpgroupStoreOp : Tile_Call<"warpgroup.store", "warpgroup::store"> {
  let summary = "This warpgroup's rows of a shared tile that are in [first, limit) to global memory.";
  let arguments = (ins Tile_RowsType:$destination, Tile_StType:$source, Index:$first, Index:$limit);
  let hasVerifier = 1;
}
def Tile_WarpgroupStoreAsyncOp : Tile_Call<"warpgroup.store_async", "warpgroup::store_async"> {
  let summary = "Starts copying this warpgroup's rows of a shared tile, which begins at row `first`, through a tensor map; none beyond its bounds.";
  let arguments = (ins Tile_RowsType:$destination, Tile_StType:$source, Index:$first);
  let hasVerifier = 1;
}
def Tile_WarpgroupWaitForStoreOp : Tile_Call<"warpgroup.wait_for_store", "warpgroup::wait_for_store"> {
  let summary = "Until what this warpgroup stores has been read from shared memory.";
  let assemblyFormat = "attr-dict";
}
def Tile_WarpgroupSyncOp : Tile_Call<"warpgroup.sync", "warpgroup::sync"> {
  let summary = "Barrier over this warpgroup.";
  let assemblyFormat = "attr-dict";
}
def Tile_MmABtAsyncOp : Tile_Call<"warpgroup.mm_ABt_async", "warpgroup::mm_ABt_async"> {
  let summary = "Starts result = A B^T for the warpgroup's rows of A.";
  let arguments = (ins Tile_RtType:$result_tile, Tile_StType:$a, Tile_StType:$b);
  let hasVerifier = 1;
}
def Tile_MmaABAsyncOp : Tile_Call<"warpgroup.mma_AB_async", "warpgroup::mma_AB_async"> {
  let summary = "Starts result += A B.";
  let arguments = (ins Tile_RtType:$result_tile, Tile_RtType:$a, Tile_StType:$b);
  let hasVerifier = 1;
}
def Tile_MmaABtAsyncOp : Tile_Call<"warpgroup.mma_ABt_async", "warpgroup::mma_ABt_async"> {
  let summary = "Starts result += A B^T.";
  let arguments = (ins Tile_RtType:$result_tile, Tile_RtType:$a, Tile_StType:$b);
  let hasVerifier = 1;
}
def Tile_WarpgroupWaitOp : Tile_TemplateCall<"warpgroup.wait", "warpgroup::wait", "int64_t(getPending())"> {
  let summary = "Until at most `pending` products are under way; `done` is complete then.";
  let arguments = (ins I64Attr:$pending, Tile_RtType:$done);
  let assemblyFormat = "$pending $done attr-dict `:` type($done)";
}

#endif
