#include "runtime/cuda/TargetOf.h"

#include "attune/compiler/Error.h"
#include "attune/compiler/Target.h"

#include <fmt/format.h>

#include <charconv>

namespace attune::cuda {

std::string targetOf(std::string_view gpu, int major, int minor) {
  const Target* best = nullptr;
  int best_number = 0;
  for (const Target& candidate : targets()) { // in ascending order, "sm_90" before "sm_90a"
    int number = 0;
    const char* const end = candidate.name.data() + candidate.name.size();
    const char* const suffix = std::from_chars(candidate.name.data() + 3, end, number).ptr;
    const bool runs = suffix == end ? number / 10 == major && number % 10 <= minor : number == major * 10 + minor;
    if (runs && number >= best_number)
      best = &candidate, best_number = number;
  }
  if (best == nullptr)
    throw DeviceError(fmt::format("{} has compute capability {}.{}, and Attune has no target for it: it supports 8.x "
                                  "(Ampere, Ada), 9.0 (Hopper), 10.x and 12.x (Blackwell)",
                                  gpu, major, minor));
  return best->name;
}

} // namespace attune::cuda
