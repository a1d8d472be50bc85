#pragma once

#include "attune/attune.hpp"

#include <cstdint>
#include <vector>

namespace attune::model {

/// What is chosen for one launch: a schedule, and the chunks of the keys if it splits.
using Candidate = ScheduleProvider::Choice;

/// Blocks that fold the same number of key tiles.
struct Task {
  std::int64_t key_tiles = 0;    ///< visited, of them
  std::int64_t masked_tiles = 0; ///< cut by the mask or by the end of the keys
  std::int64_t keys = 0;         ///< that exist in those tiles
  std::int64_t rows = 0;         ///< that exist in the block's query tile
  std::int64_t blocks = 0;
};

/// What one launch does, by closed forms: the names are those of the emulated device's counters, and where a value is
/// exact the device counts the same (tests/unit/autotune/WorkTest.cpp). Sums over all blocks of a kernel.
struct KernelWork {
  double tensor_flops = 0;      ///< exact
  double sfu_ops = 0;           ///< exact where each row sees a key and there is no softcap
  double shared_wavefronts = 0; ///< exact where tiles have whole panels; conflict-free
  double read_bytes = 0;        ///< exact: global, asked for; without ALiBi's slopes and sinks
  double write_bytes = 0;       ///< exact
  double mma = 0;               ///< instructions.mma, exact
  double ldmatrix = 0;          ///< instructions.load_matrix, exact
  double instructions = 0;      ///< issue slots; an estimate, from what ptxas makes of a few kernels
};

struct Work {
  std::vector<Task> tasks; ///< of one head of one sequence, in launch order
  std::int64_t heads = 0;  ///< how often the tasks repeat: blocks of the grid's other two axes
  std::int64_t blocks = 0; ///< in all
  KernelWork fold;         ///< attention_forward or attention_partial
  KernelWork combine;      ///< nothing unless the keys are split
  double unique_bytes = 0; ///< Q, K and V, each once: what device memory must deliver
};

/// A custom mask is taken to hide nothing; a varlen problem to have sequences of its longest ones' lengths.
Work workOf(const AttentionSpec& spec, const Problem& problem, const Candidate& candidate);

} // namespace attune::model
