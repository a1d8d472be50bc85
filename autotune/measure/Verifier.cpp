#include "autotune/measure/Verifier.h"

#include "runtime/reference/DeviceTensors.h"
#include "runtime/reference/Random.h"

#include <algorithm>

namespace attune::autotune {

namespace {

/// As large as the reference is quick with: two query tiles or a few key tiles and a ragged end.
reference::Lengths smallLengths(const Problem& problem) {
  const auto sq = static_cast<int>(std::min<std::int64_t>(problem.q_len, 141));
  const auto sk = static_cast<int>(std::min<std::int64_t>(problem.kv_len, sq <= 8 ? 2083 : 357));
  return reference::Lengths::dense(1, sq, sk);
}

} // namespace

Verifier::Verifier(Engine& engine, const AttentionSpec& spec, const Problem& problem)
    : engine_(engine), spec_(spec), lengths_(smallLengths(problem)),
      tensors_(reference::randomTensors(spec, lengths_, 1)), exact_(reference::forward(spec, lengths_, tensors_)),
      plain_(reference::plainForward(spec, lengths_, tensors_)) {}

std::optional<std::string> Verifier::failure(const Candidate& candidate) const {
  const int splits = spec_.batch_invariant || !candidate.schedule.split_kv ? 0 : candidate.splits;
  const Plan plan =
      engine_.prepare(spec_, reference::problemOf(lengths_), {.schedule = candidate.schedule, .splits = splits});
  const reference::DeviceTensors device(engine_.sharedDevice(), spec_, lengths_, tensors_);
  engine_.launch(plan, device.tensors());
  engine_.device().synchronize();
  const auto result = reference::compare(spec_, exact_, plain_, device.o(), device.lse());
  return result.ok ? std::nullopt : std::optional(result.message);
}

} // namespace attune::autotune
