#include "runtime/emulator/Counters.h"

#include <array>

namespace attune::emulator {

Counters summarise(const Program& program, const std::vector<Traffic>& traffic) {
  constexpr std::array<const char*, static_cast<std::size_t>(Class::Count)> names = {
      "alu", "fma", "sfu", "mma", "load_global", "store_global", "load_shared", "store_shared", "load_matrix", "copy_async", "other"};
  Counters c;
  for (const char* name : names)
    c[std::string("instructions.") + name] = 0;
  for (const Traffic& t : traffic) {
    for (std::size_t pc = 0; pc < t.executed.size(); ++pc) {
      const Op& op = program.ops[pc];
      c["instructions"] += t.executed[pc];
      c[std::string("instructions.") + names[static_cast<std::size_t>(op.kind)]] += t.executed[pc];
      if (op.kind == Class::Mma)
        c["tensor_flops"] += t.executed[pc] * 2 * 16 * 8 * static_cast<std::uint64_t>(op.target);
      if (op.flow == Flow::Barrier)
        c["barriers"] += t.executed[pc];
    }
    c["shared.wavefronts"] += t.wavefronts;
    c["shared.wavefronts.minimum"] += t.wavefronts_minimum;
    c["shared.ldmatrix.wavefronts"] += t.matrix_wavefronts;
    c["shared.ldmatrix.wavefronts.minimum"] += t.matrix_wavefronts_minimum;
    c["shared.copy.wavefronts"] += t.copy_wavefronts;
    c["shared.copy.wavefronts.minimum"] += t.copy_wavefronts_minimum;
    const auto add = [&](const std::string& direction, const auto& traffic_of) {
      for (const auto& [buffer, moved] : traffic_of) {
        c["global." + direction + ".bytes"] += moved.bytes;
        c["global." + direction + ".sectors"] += moved.sectors;
        if (buffer) {
          c["global." + direction + ".bytes:" + buffer->name] += moved.bytes;
          c["global." + direction + ".sectors:" + buffer->name] += moved.sectors;
        }
      }
    };
    add("read", t.read);
    add("write", t.written);
  }
  return c;
}

} // namespace attune::emulator
