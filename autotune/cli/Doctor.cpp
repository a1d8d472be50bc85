#include "autotune/cli/Cli.h"
#include "autotune/cli/Execution.h"
#include "autotune/cli/Output.h"
#include "autotune/cli/Stores.h"

#include "runtime/cache/EntryStore.h"
#include "runtime/toolchain/Toolchain.h"

#include <cstdlib>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace attune::cli {

namespace {

struct Check {
  std::string name;
  bool ok = false;
  bool needed = true; ///< without a GPU everything but speed is there
  std::string detail; ///< what was found, or what to do
};

template <class Action>
Check check(const char* name, bool needed, Action&& action) {
  try {
    return {name, true, needed, action()};
  } catch (const std::exception& e) {
    return {name, false, needed, e.what()};
  }
}

std::string tinyRun(const char* device) {
  const AttentionSpec spec = specFromJson(R"({"q_heads": 2, "kv_heads": 1, "head_dim": 32, "causal": true})");
  const Workload workload = randomWorkload(spec, {.batch = 1, .q_len = 40, .kv_len = 72}, 1);
  const Execution execution = execute(workload, device, {}, true, {.folder = ""}); // compiled now, not found
  if (!execution.comparison->ok)
    throw InternalError(execution.comparison->message);
  return fmt::format("compiled in {:.0f} ms, error {:.1e} of {:.1e} allowed", compileMilliseconds(execution.plan),
                     execution.comparison->max_abs_error, execution.comparison->error_bound);
}

/// Where kernels are kept, after one was: what refuses it is the store itself, by its own rules.
Check cacheCheck() {
  cache::StoreOptions options = kernelOptions();
  if (options.user.empty())
    return {"cache", false, false,
            "none: ATTUNE_CACHE_DIR is empty, or there is no home; kernels are compiled again in each process"};
  std::string why;
  options.warn = [&](std::string_view text) { why = text; };
  cache::EntryStore store(options);
  const cache::Key probe{.text = "attune doctor", .variant = fmt::to_string(getpid())};
  const bool kept = store.put(probe, "");
  store.remove(probe);
  if (kept)
    return {"cache", true, true, options.user.string()};
  const bool asked_for = std::getenv("ATTUNE_CACHE_DIR") != nullptr; // a home may be read-only
  return {"cache", false, asked_for,
          fmt::format("{}, and kernels are compiled again in each process; set ATTUNE_CACHE_DIR to a folder of yours "
                      "that can be written, or to nothing to keep none",
                      why)};
}

Exit run(bool json) {
  std::vector<Check> checks;
  checks.push_back(check("NVRTC", true, [] { return Toolchain::shared()->description(); }));
  checks.push_back(check("GPU", false, [] {
    const DeviceProperties p = openDevice("cuda:0")->properties();
    return fmt::format("{} ({}, {} multiprocessors)", p.name, p.arch, p.multiprocessors);
  }));
  if (checks.back().ok)
    checks.push_back(check("kernel on the GPU", true, [] { return tinyRun("cuda:0"); }));
  checks.push_back(check("kernel on the emulated device", true, [] { return tinyRun("emulated"); }));
  checks.push_back(cacheCheck());

  bool ok = true;
  nlohmann::json document = {{"checks", nlohmann::json::array()}};
  Table table({"check", "", "what"});
  for (const Check& c : checks) {
    ok = ok && (c.ok || !c.needed);
    document["checks"].push_back({{"name", c.name}, {"ok", c.ok}, {"needed", c.needed}, {"detail", c.detail}});
    table.add({c.name, c.ok ? "ok" : c.needed ? "FAILED" : "none", c.detail});
  }
  document["ok"] = ok;
  if (json)
    printJson(document);
  else
    table.print();
  if (!checks[0].ok)
    return Exit::NoDevice;
  return ok ? Exit::Done : Exit::SomeFailed;
}

} // namespace

std::function<Exit()> defineDoctor(CLI::App& app, const bool& json) {
  app.footer("\nExit code 5 if kernels can't be compiled here, 1 if one does not run right, or can't be kept in the "
             "folder that ATTUNE_CACHE_DIR names. A missing GPU is no failure."
             "\n\nExamples:\n  attune doctor\n  attune doctor --json");
  return [&json] { return run(json); };
}

} // namespace attune::cli
