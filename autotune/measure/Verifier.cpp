#include "autotune/measure/Verifier.h"

#include "runtime/reference/DeviceTensors.h"
#include "runtime/reference/Random.h"
#include "runtime/support/FewMultiprocessors.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace attune::autotune {

namespace {

/// As large as the reference is quick with: two query tiles or a few key tiles and a ragged end.
reference::Lengths smallLengths(const Problem& problem) {
  const auto sq = static_cast<int>(std::min<std::int64_t>(problem.q_len, 141));
  const auto sk = static_cast<int>(std::min<std::int64_t>(problem.kv_len, sq <= 8 ? 2083 : 357));
  return reference::Lengths::dense(1, sq, sk);
}

/// The same of packed sequences: the longest becomes that small one and the others shrink with it, queries and keys
/// alike, so that a square stays one.
reference::Lengths smallLengths(const Problem& problem, const reference::Lengths& packed) {
  std::vector<int> order(packed.batch());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, std::greater<>(), [&](int b) { return packed.sk(b); });
  const reference::Lengths largest = smallLengths(problem);
  const auto shrunk = [](int length, std::int64_t longest, int small) {
    return static_cast<int>((length * std::int64_t{small} + longest - 1) / std::max<std::int64_t>(longest, 1));
  };
  reference::Lengths few{{0}, {0}};
  const auto add = [&](int sq, int sk) {
    few.cu_seqlens_q.push_back(few.cu_seqlens_q.back() + sq);
    few.cu_seqlens_k.push_back(few.cu_seqlens_k.back() + sk);
  };
  constexpr int most = 4;
  const int last = packed.batch() - 1, shown = std::min(packed.batch(), most);
  for (int n = 0; n < shown; ++n) {
    const int b = order[static_cast<std::size_t>(shown > 1 ? n * last / (shown - 1) : 0)];
    add(shrunk(packed.sq(b), problem.q_len, largest.sq(0)), shrunk(packed.sk(b), problem.kv_len, largest.sk(0)));
    if (n == 0)
      add(0, 0); // one that is empty, between others
  }
  return few;
}

reference::Lengths smallLengths(const AttentionSpec& spec, const Problem& problem, const reference::Lengths* packed) {
  if (!spec.varlen)
    return smallLengths(problem);
  const auto q = static_cast<std::int32_t>(problem.q_len), k = static_cast<std::int32_t>(problem.kv_len);
  const reference::Lengths uneven{{0, q, q + (q + 2) / 3}, {0, k, k + (k + 2) / 3}};
  return smallLengths(problem, packed ? *packed : uneven);
}

constexpr int multiprocessors = 3; ///< so that blocks of a persistent grid go from piece to piece

} // namespace

Verifier::Verifier(std::shared_ptr<Device> device, const AttentionSpec& spec, const Problem& problem,
                   const reference::Lengths* lengths)
    : engine_(std::make_shared<FewMultiprocessors>(std::move(device), multiprocessors)), spec_(spec),
      lengths_(smallLengths(spec, problem, lengths)), tensors_(reference::randomTensors(spec, lengths_, 1)),
      exact_(reference::forward(spec, lengths_, tensors_)), plain_(reference::plainForward(spec, lengths_, tensors_)) {}

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
