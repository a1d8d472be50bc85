#include "runtime/emulator/Counters.h"

namespace attune::emulator {

const char* className(Class which) {
  static constexpr const char* names[] = {"alu",        "fma",         "sfu",          "convert",      "mma",
                                          "wgmma",      "load_global", "store_global", "load_shared",  "store_shared",
                                          "load_local", "store_local", "load_param",   "load_generic", "store_generic",
                                          "atomic",     "copy_async",  "bulk_copy",    "mbarrier",     "load_matrix",
                                          "shuffle",    "vote",        "barrier",      "branch",       "other"};
  static_assert(std::size(names) == static_cast<std::size_t>(Class::Count));
  return names[static_cast<std::size_t>(which)];
}

void Tally::add(const Tally& other) {
  for (std::size_t i = 0; i < executions.size(); ++i)
    executions[i] += other.executions[i];
  for (std::size_t i = 0; i < reads.size(); ++i) {
    reads[i].bytes += other.reads[i].bytes, reads[i].sectors += other.reads[i].sectors;
    writes[i].bytes += other.writes[i].bytes, writes[i].sectors += other.writes[i].sectors;
  }
  for (std::size_t i = 0; i < std::size(shared); ++i)
    shared[i].taken += other.shared[i].taken, shared[i].minimum += other.shared[i].minimum;
}

Counters summarize(const Tally& tally, const Program& program, const MemoryView& memory) {
  Counters counters;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Class::Count); ++i)
    counters[std::string("instructions.") + className(static_cast<Class>(i))] = 0;
  for (std::size_t i = 0; i < program.code.size(); ++i) {
    const Instr& instr = program.code[i];
    counters["instructions"] += tally.executions[i];
    counters[std::string("instructions.") + className(instr.category)] += tally.executions[i];
    counters["barriers"] += instr.category == Class::Barrier ? tally.executions[i] : 0;
    counters["tensor_flops"] += tally.executions[i] * instr.flops;
    counters["sfu_ops"] += instr.category == Class::Sfu ? tally.executions[i] * 32 : 0;
  }
  const auto traffic = [&](const char* direction, const std::vector<Traffic>& all) {
    const std::string prefix = std::string("global.") + direction;
    for (std::size_t i = 0; i < all.size(); ++i) {
      counters[prefix + ".bytes"] += all[i].bytes;
      counters[prefix + ".sectors"] += all[i].sectors;
      if (all[i].bytes == 0)
        continue;
      counters[prefix + ".bytes:" + memory[i].name] += all[i].bytes;
      counters[prefix + ".sectors:" + memory[i].name] += all[i].sectors;
    }
  };
  traffic("read", tally.reads);
  traffic("write", tally.writes);
  static constexpr const char* accesses[] = {"load", "store", "ldmatrix", "copy", "bulk", "wgmma"};
  for (std::size_t i = 0; i < std::size(tally.shared); ++i) {
    counters["shared.wavefronts"] += tally.shared[i].taken;
    counters["shared.wavefronts.minimum"] += tally.shared[i].minimum;
    const std::string name = std::string("shared.") + accesses[i] + ".wavefronts";
    counters[name] = tally.shared[i].taken;
    counters[name + ".minimum"] = tally.shared[i].minimum;
  }
  return counters;
}

} // namespace attune::emulator
