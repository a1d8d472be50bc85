#include "autotune/cli/Cli.h"
#include "autotune/cli/Execution.h"
#include "autotune/cli/ExplainChoice.h"
#include "autotune/cli/Output.h"

#include "attune/compiler/Compile.h"
#include "attune/compiler/DefaultSchedule.h"
#include "runtime/model/Chunks.h"
#include "runtime/reference/Visibility.h"

#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

struct Options {
  explicit Options(CLI::App& app) : spec(app) {
    const auto lengths = CLI::Range(0, 1 << 24);
    app.add_option("--device", device, "emulated, emulated:sm_90, cuda:0; auto: a GPU if there is one")
        ->capture_default_str();
    app.add_option("--splits", splits, "chunks of the keys; 0: the cost model's choice")->check(CLI::Range(0, 1024));
    app.add_option("--batch", problem.batch, "sequences")->check(CLI::Range(1, 1 << 16))->capture_default_str();
    app.add_option("--q-len", problem.q_len, "queries per sequence")->check(lengths)->capture_default_str();
    app.add_option("--kv-len", problem.kv_len, "keys per sequence")->check(lengths)->capture_default_str();
    app.add_flag("--ir", ir, "print the IR after each pass whole");
    app.footer("\nExamples:\n  attune explain --preset gemma-2-27b:local --q-len 512 --kv-len 512\n"
               "  attune explain --preset qwen2.5-7b --q-len 1 --kv-len 32768 --ir");
  }

  SpecOptions spec;
  std::string device = "auto";
  int splits = 0;
  Problem problem{.batch = 1, .q_len = 1024, .kv_len = 1024};
  bool ir = false;
};

/// Key tiles of one head of one sequence, by what the mask does to them; counted pair by pair, not by the compiler.
struct Tiles {
  std::int64_t empty = 0, partial = 0, full = 0;
};

Tiles countTiles(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule) {
  const int group = schedule.pack_gqa ? spec.q_heads / spec.kv_heads : 1;
  const auto sq = static_cast<int>(problem.q_len), sk = static_cast<int>(problem.kv_len);
  const auto visible = reference::visiblePairs(spec, sq, sk);
  Tiles tiles;
  for (int row = 0; row < sq * group; row += schedule.q_tile)
    for (int key = 0; key < sk; key += schedule.kv_tile) {
      const int q_end = std::min(sq, (row + schedule.q_tile - 1) / group + 1),
                k_end = std::min(sk, key + schedule.kv_tile);
      std::int64_t seen = 0, pairs = 0;
      for (int q = row / group; q < q_end; ++q)
        for (int k = key; k < k_end; ++k, ++pairs)
          seen += visible[static_cast<std::size_t>(q) * sk + k];
      ++(seen == 0 ? tiles.empty : seen == pairs && k_end == key + schedule.kv_tile ? tiles.full : tiles.partial);
    }
  return tiles;
}

Exit run(const Options& options, bool json) {
  const AttentionSpec spec = options.spec.resolve();
  if (options.problem.q_len * options.problem.kv_len > std::int64_t{1} << 28)
    throw UsageError("--q-len x --kv-len is more than 2^28: tiles are counted pair by pair; use smaller lengths");
  const DeviceProperties device = openDevice(options.device)->properties();
  Problem problem = options.problem;
  problem.q_total = problem.batch * problem.q_len;
  const ChoiceReport why = explainChoice(spec, problem, device, options.splits);
  const auto& choice = why.chosen;
  const model::Cost& cost = why.cost;
  const std::int64_t key_tiles = model::keyTiles(spec, problem, choice.schedule);
  const CompileResult result = compile(spec, choice.schedule, target(device.arch), {.dump_stages = true});
  const Tiles tiles = countTiles(spec, problem, choice.schedule);
  const std::int64_t shared = sharedBytes(spec, choice.schedule);

  if (json) {
    nlohmann::json document = {{"device", device.name},
                               {"schedule", toText(choice.schedule)},
                               {"splits", choice.splits},
                               {"blocks", cost.blocks},
                               {"slots", cost.slots},
                               {"kv_tiles_per_block", key_tiles},
                               {"shared_bytes", shared},
                               {"tiles", {{"empty", tiles.empty}, {"partial", tiles.partial}, {"full", tiles.full}}},
                               {"remarks", result.remarks},
                               {"choice", toJson(why)},
                               {"stages", nlohmann::json::array()}};
    for (const Stage& stage : result.stages)
      document["stages"].push_back({{"name", stage.name}, {"text", stage.text}});
    printJson(document);
    return Exit::Done;
  }
  heading("spec");
  fmt::print("  {}\n", specToJson(spec));
  heading("schedule");
  fmt::print("  {}\n  {} queries of {} q heads on {} kv heads{}; {} bytes of shared memory of {} per block on {}\n",
             toText(choice.schedule), problem.q_len, spec.q_heads, spec.kv_heads,
             choice.schedule.pack_gqa ? ": few queries, so the heads of a group share a block and K and V are read once"
                                      : "",
             shared, device.shared_per_block, device.name);
  heading("splits");
  fmt::print("  {}: {} blocks for {} slots ({:.2f} waves), up to {} key tiles each before they are cut{}\n",
             choice.splits, cost.blocks, cost.slots, cost.waves, key_tiles, options.splits ? "; asked for" : "");
  print(why);
  heading("key tiles of one head of one sequence");
  fmt::print("  {} full (no mask), {} partial, {} empty (never visited)\n", tiles.full, tiles.partial, tiles.empty);
  heading("remarks of the passes");
  for (const std::string& remark : result.remarks)
    fmt::print("  {}\n", remark);
  for (const Stage& stage : result.stages) {
    heading(stage.name);
    excerpt(stage.text, options.ir ? 1 << 30 : 24);
  }
  return Exit::Done;
}

} // namespace

std::function<Exit()> defineExplain(CLI::App& app, const bool& json) {
  const auto options = std::make_shared<Options>(app);
  return [options, &json] { return run(*options, json); };
}

} // namespace attune::cli
