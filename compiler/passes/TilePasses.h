#pragma once

#include "compiler/ir/attn/AttnDialect.h"
#include "compiler/ir/tile/TileDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace attune::tile {

/// Shared memory in bytes that a kernel needs with rings of `stages`: Q or, in its place, O, and the tiles of K and V.
std::int64_t sharedBytes(attn::SpecAttr spec, attn::ScheduleAttr schedule, std::int64_t stages);

/// Of a ring: a producer must be able to run ahead of those who compute.
std::int64_t leastStages(attn::ScheduleAttr schedule);

#define GEN_PASS_DECL
#include "compiler/passes/TilePasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/passes/TilePasses.h.inc"

} // namespace attune::tile
