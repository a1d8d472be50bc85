#pragma once

#include "attune/compiler/Schedule.h"
#include "attune/compiler/Spec.h"
#include "attune/compiler/Target.h"

#include <cstdint>

namespace attune::model {

/// What a block of a schedule takes of its multiprocessor.
struct Resources {
  std::int64_t shared_bytes = 0; ///< dynamic, exact
  int threads = 0;
  int register_limit = 0; ///< per thread: of the instruction set, or what is left when a block has the whole file
  int register_floor = 0; ///< per thread: what is live at once whatever ptxas does; above the limit it must spill
  int registers = 0;      ///< per thread, as ptxas will report them: a fit, off by up to a fifth
};

Resources resourcesOf(const AttentionSpec& spec, const Schedule& schedule, const Target& target);

/// Blocks of a kernel that one multiprocessor of the target holds at once; 0 if it holds none.
int blocksPerMultiprocessor(const Resources& resources, const Target& target);

} // namespace attune::model
