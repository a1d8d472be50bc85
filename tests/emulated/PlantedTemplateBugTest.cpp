// Bugs planted into the templates that kernels of roles call, in what orders memory: no result needs to be wrong for
// the emulated device to find them, and it says what is missing.
#include "tests/emulated/OnHopper.h"
#include "tests/emulated/PlantedBugs.h"

#include <gtest/gtest.h>

namespace attune::test {
namespace {

constexpr const char* race = "race";
constexpr const char* unfenced = "no fence.proxy.async lies in between";
constexpr const char* poison = "is nan"; // a wrong result, but no rounding

struct PlantedTemplateBug : OnHopper<testing::Test> {};

Case causal(const AttentionSpec& spec, const char* schedule) {
  Case c{.spec = spec, .lengths = reference::Lengths::dense(1, 130, 301), .check_races = true};
  c.spec.causal = Causal::BottomRight;
  c.schedule = scheduleFromText(schedule);
  return c;
}

void expectEachFound(const Case& c, std::initializer_list<Bug> bugs) {
  expectNothingFound(c);
  for (Bug bug : bugs) {
    SCOPED_TRACE(bug.name);
    ASSERT_STRNE(bug.says, "");
    bug.in_templates = true;
    expectFound(c, bug);
  }
}

TEST_F(PlantedTemplateBug, WhereVIsMadeFinite) {
  const Case c = causal(gqaSpec(64), "q_tile=128 kv_tile=32 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 "
                                     "overlap=1 ping_pong=1 persistent=1");
  constexpr const char* fence = "sm90::fence_proxy_async(); // what was written comes before wgmma's reads, what was "
                                "read before the next bulk copy";
  const std::string meet = std::string(fence) + "\n  __syncwarp();";
  expectEachFound(c, {{"lanes that have not met", meet.c_str(), 0, fence, race}, {"no fence", fence, 0, "", unfenced}});
}

TEST_F(PlantedTemplateBug, WhereRowsOfQAreCopied) { // packed rows are no box
  const Case c = causal(gqaSpec(64), "q_tile=64 kv_tile=32 warps=4 stages=2 pack_gqa=1 split_kv=0 warp_specialized=1 "
                                     "overlap=1"); // taking turns would be a barrier, too
  constexpr const char* wait = "cp_async::wait<0>();\n  sm90::fence_proxy_async();\n  sync();";
  expectEachFound(c, {// a copy that nobody ever waits for writes nothing that could race
                      {"no wait", wait, 0, "sm90::fence_proxy_async();\n  sync();", poison},
                      {"no fence", wait, 0, "cp_async::wait<0>();\n  sync();", unfenced},
                      {"a fence before the wait", wait, 0,
                       "sm90::fence_proxy_async();\n  cp_async::wait<0>();\n  sync();", unfenced},
                      {"the warpgroup meets before the wait", wait, 0,
                       "sync();\n  cp_async::wait<0>();\n  sm90::fence_proxy_async();", race}});
}

TEST_F(PlantedTemplateBug, WhereVIsTransposed) {
  AttentionSpec spec = gqaSpec(64);
  spec.dtype = DType::E4M3;
  const Case c =
      causal(spec, "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1");
  constexpr const char* fence = "sm90::fence_proxy_async();\n  return Clamp";
  expectEachFound(c, {{"lanes that have not met, full tiles", "detail::transpose<false>(v_t, v);\n  __syncwarp();", 0,
                       "detail::transpose<false>(v_t, v);", race},
                      {"lanes that have not met, cut tiles", "atomicOr(&found, 1);\n  __syncwarp();\n}", 0,
                       "atomicOr(&found, 1);\n}", race},
                      {"no fence", fence, 0, "return Clamp", unfenced}});
}

TEST_F(PlantedTemplateBug, WhereOIsStored) {
  const Case c = causal(gqaSpec(64), "q_tile=128 kv_tile=32 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 "
                                     "overlap=1 ping_pong=1 persistent=1");
  constexpr const char* publish = "sm90::fence_proxy_async();\n  sync();";
  expectEachFound(c, {{"no fence", publish, 1, "sync();", unfenced},
                      {"no barrier", publish, 1, "sm90::fence_proxy_async();", race}});
}

} // namespace
} // namespace attune::test
