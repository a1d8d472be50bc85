// Kernels of the attn dialect, run tile by tile on paper: bounds evaluated, folds walked.
#pragma once

#include "attune/compiler/Schedule.h"
#include "tests/unit/compiler/MaskCases.h"

namespace attune::masks {

struct Lengths {
  std::int64_t sq, sk;
};

/// Whatever the passes decide, every visible pair is folded once and no other, later tiles first, in any number of
/// chunks. If `exact`, no tile is visited that has no visible pair; a set of which the rows see nothing may cost one.
void expectFoldsHold(AttentionSpec spec, const Schedule& schedule, const std::vector<Lengths>& lengths, bool exact);

} // namespace attune::masks
