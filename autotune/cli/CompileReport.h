#pragma once

#include "attune/compiler/Compile.h"
#include "runtime/toolchain/Toolchain.h"

#include <cstdio>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace attune::cli {

struct CompileRequest {
  std::string arch = "sm_80";
  std::string phase = "prefill"; ///< or "decode"
  std::string schedule;          ///< text form; empty: the default one
  bool stages = false;           ///< keep the IR after each pass, which takes longer than the passes
};

struct CompiledKernel {
  std::string name, cuda;
  Build build; ///< a cubin, once it is built
  int shared_bytes = 0;
};

/// What became of a spec, from its IR to its cubins.
struct CompileReport {
  AttentionSpec spec;
  std::string arch;
  Schedule schedule;
  CompileResult result;
  std::vector<CompiledKernel> kernels;
};

/// To CUDA text. Throws UserError for what is invalid or does not fit the target.
CompileReport lowered(const AttentionSpec& spec, const CompileRequest& request);
/// The cubins. Throws DeviceError without NVRTC.
void build(CompileReport& report);
/// The same through the cache, for those who do not ask how long it takes.
void buildThroughCache(CompileReport& report);

/// "attn", "tile" or "cuda": the language that a stage is written in.
std::string stageKind(const Stage& stage);

/// {"kernels": [{name, arch, schedule, lower_ms, nvrtc_ms, registers, spill_bytes, local_bytes, shared_bytes,
/// cubin_bytes, warnings}]}
nlohmann::json toJson(const CompileReport& report);
void printTable(const CompileReport& report, FILE* stream);

} // namespace attune::cli
