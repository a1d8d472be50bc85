#include "attune/compiler/Target.h"

#include "compiler/spec/Nearest.h"
#include "compiler/spec/Refuse.h"

#include <charconv>

namespace attune {

// CUDA C++ Programming Guide, "Technical Specifications per Compute Capability": opt-in shared memory of a block (1 KiB
// of the multiprocessor's is the system's), and threads.
const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
      {"sm_80", 163 << 10, 164 << 10, 65536, 2048},        {"sm_86", 99 << 10, 100 << 10, 65536, 1536},
      {"sm_89", 99 << 10, 100 << 10, 65536, 1536},         {"sm_90", 227 << 10, 228 << 10, 65536, 2048},
      {"sm_90a", 227 << 10, 228 << 10, 65536, 2048, true}, {"sm_100", 227 << 10, 228 << 10, 65536, 2048},
      {"sm_120", 99 << 10, 100 << 10, 65536, 1536},
  };
  return all;
}

const Target& target(std::string_view name) {
  std::vector<std::string> known;
  for (const Target& t : targets()) {
    if (t.name == name)
      return t;
    known.push_back(t.name);
  }
  int number = 0;
  constexpr int oldest = 80;
  if (name.starts_with("sm_") &&
      std::from_chars(name.data() + 3, name.data() + name.size(), number).ec == std::errc() && number < oldest)
    unsupported("target '" + std::string(name) + "'", "sm_80 (Ampere) is the oldest that Attune generates code for",
                "use sm_80, or a newer GPU's");
  unsupported("target '" + std::string(name) + "'", "it is none that Attune generates code for",
              didYouMean(name, known));
}

void checkSupported(DType dtype, const Target& target) {
  if (dtype == DType::E4M3 && !target.wgmma)
    unsupported("dtype fp8_e4m3 on " + target.name, "8-bit products need wgmma, which sm_90a alone has",
                "take sm_90a (emulated:sm_90a is a device, too), or bf16 or fp16");
}

} // namespace attune
