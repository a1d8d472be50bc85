#pragma once

#include "attune/compiler/Manifest.h"
#include "attune/compiler/Schedule.h"
#include "attune/compiler/Spec.h"
#include "attune/compiler/Target.h"

#include <string>
#include <vector>

namespace [[gnu::visibility("default")]] attune {

struct CompileOptions {
  bool dump_stages = false; ///< keep the IR after each pass in CompileResult::stages
};

struct KernelSource {
  std::string cuda; ///< one self-contained translation unit; includes <attune/tile.cuh>
  Manifest manifest;
};

/// The IR after one pass, or the CUDA text. `name` is the pass: "attn-build-kernel".
struct Stage {
  std::string name;
  std::string text;
};

struct CompileResult {
  std::vector<KernelSource> kernels; ///< in launch order: forward, or partial then combine
  std::vector<Stage> stages;
  std::vector<std::string> remarks; ///< decisions of the passes: "attn-classify-blocks: ..."
  double milliseconds = 0;
};

/// Lowers a spec to CUDA text for one schedule and target. No I/O, no CUDA, thread-safe.
/// Throws UserError if the spec is invalid or the schedule does not fit the target (with the numbers).
CompileResult compile(const AttentionSpec& spec, const Schedule& schedule, const Target& target,
                      const CompileOptions& options = {});

} // namespace attune
