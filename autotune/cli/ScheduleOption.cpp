#include "autotune/cli/ScheduleOption.h"

#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/Target.h"

#include <CLI/CLI.hpp>

namespace attune::cli {

void addScheduleOption(CLI::App& app, std::string& text) {
  app.add_option("--schedule", text,
                 "instead of the default, which `attune compile` prints in full, to be edited: \"q_tile=64 kv_tile=64 "
                 "warps=4 stages=2 pack_gqa=0 split_kv=0\"; optional: warp_specialized (1: wgmma and TMA, on sm_90a), "
                 "overlap, ping_pong, persistent, cluster; 0 (cluster 1) where not written");
}

std::string portableNote(const AttentionSpec& spec, const Schedule& schedule, std::string_view arch) {
  constexpr std::int64_t many_queries = 4096; // the family does not depend on how many
  if (schedule.warp_specialized ||
      !defaultSchedule(spec, target(arch), many_queries, schedule.split_kv).warp_specialized)
    return {};
  return "note: warp_specialized=0 makes the portable kernel, without wgmma";
}

} // namespace attune::cli
