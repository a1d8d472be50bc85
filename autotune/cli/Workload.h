#pragma once

#include "runtime/reference/Reference.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace attune::cli {

/// A spec and the tensors it runs on.
struct Workload {
  AttentionSpec spec;
  reference::Lengths lengths;
  reference::Tensors tensors;
};

struct Shape {
  int batch = 1, q_len = 128, kv_len = 128;
};

/// Random tensors. If the spec is varlen, sequence b of n has (b + 1) / n of the lengths.
Workload randomWorkload(const AttentionSpec& spec, const Shape& shape, std::uint64_t seed);

/// q, k, v and what else the spec calls for, from a safetensors file. Throws UserError for what is missing, or of a
/// wrong dtype or shape.
Workload loadWorkload(const AttentionSpec& spec, const std::filesystem::path& path);

/// o and lse in the spec's layout.
void saveResult(const Workload& workload, const std::vector<float>& o, const std::vector<float>& lse,
                const std::filesystem::path& path);

} // namespace attune::cli
