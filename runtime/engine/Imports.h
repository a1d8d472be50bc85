#pragma once

#include "runtime/cache/Bundle.h"

namespace attune {

/// Of kernels and tuning records: what comes is one that can be read (else UserError). A kernel that is there stays,
/// for it was found by its content. Of two records the finished one stays, then the one of more effort, then the one
/// with more samples, then ours.
const cache::ImportRules& importRules();

} // namespace attune
