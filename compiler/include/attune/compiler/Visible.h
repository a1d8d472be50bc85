#pragma once

#include "attune/compiler/Spec.h"

#include <cstdint>
#include <functional>

namespace [[gnu::visibility("default")]] attune {

/// The semantics of a spec's mask, pair by pair: what references and tests go by. Custom masks are parsed once, here.
/// The result says whether query q of sq sees key k of sk. Throws UserError for a custom mask that cannot be read.
std::function<bool(std::int64_t q, std::int64_t k, std::int64_t sq, std::int64_t sk)>
visibility(const AttentionSpec& spec);

/// The aligned position of query q: i + sk - sq, or i for Causal::TopLeft.
std::int64_t alignedPosition(const AttentionSpec& spec, std::int64_t q, std::int64_t sq, std::int64_t sk);

} // namespace attune
