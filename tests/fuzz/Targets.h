#pragma once

#include "attune/compiler/Error.h"

#include <string_view>

// One function per reader of text or bytes that strangers write. Each may refuse its input with a UserError, which it
// catches; anything else that leaves it is a finding. libFuzzer drives them (Fuzzer.cpp), and a test replays the
// corpora (ReplayTest.cpp).

namespace attune::fuzz {

void bundle(std::string_view bytes); ///< of a cache, and of its entries
void mask(std::string_view text);
void ptx(std::string_view text); ///< refused with a DeviceError
void record(std::string_view payload);
void safetensors(std::string_view file);
void schedule(std::string_view text);
void spec(std::string_view text);

/// What must hold for every input that a reader takes.
inline void require(bool condition, const char* what) {
  if (!condition)
    throw InternalError(what);
}

} // namespace attune::fuzz
