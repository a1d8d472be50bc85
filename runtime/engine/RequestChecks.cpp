#include "runtime/engine/RequestChecks.h"

#include "attune/compiler/Error.h"
#include "compiler/spec/Refuse.h"

#include <string>
#include <utility>

namespace attune {

namespace {

void shapes(const AttentionSpec& spec, const Problem& p) {
  constexpr std::int64_t longest = std::int64_t{1} << 30; // positions are 32-bit in kernels; offsets are 64-bit
  for (const auto& [name, value] :
       {std::pair{"batch", p.batch}, {"q_len", p.q_len}, {"kv_len", p.kv_len}, {"q_total", p.q_total}})
    if (value < 0 || value > longest)
      invalid(std::string(name) + " " + std::to_string(value), "it is between 0 and 2^30",
              "give the shapes of the tensors");
  if (p.batch > 65535)
    unsupported("batch " + std::to_string(p.batch), "a grid has at most 65535 blocks in z",
                "launch parts of the batch");
  if (spec.varlen && p.q_total < p.q_len)
    invalid("q_total " + std::to_string(p.q_total), "it is at least the longest sequence, " + std::to_string(p.q_len),
            "give the last entry of cu_seqlens_q");
}

void how(const AttentionSpec& spec, const PrepareOptions& options) {
  if (options.splits < 0)
    invalid("splits " + std::to_string(options.splits), "it is a positive number, or 0 for the provider's choice",
            "leave it out");
  if (spec.batch_invariant && options.splits > 0)
    invalid("splits " + std::to_string(options.splits),
            "a batch_invariant spec fixes the size of a chunk, whatever their number", "leave it out");
  if (options.mode == PrepareMode::Background && (spec.deterministic || spec.batch_invariant))
    invalid(spec.batch_invariant ? "a batch_invariant spec in background mode"
                                 : "a deterministic spec in background mode",
            "its bits would change when its own kernels are done",
            "prepare it blocking, or set deterministic and batch_invariant to false");
}

} // namespace

void check(const AttentionSpec& spec, const Problem& problem, const PrepareOptions& options) {
  shapes(spec, problem);
  how(spec, options);
}

} // namespace attune
