#include "autotune/cli/Execution.h"

#include "attune/compiler/Target.h"
#include "autotune/cli/Cli.h"
#include "autotune/cli/KeyTiles.h"
#include "autotune/cli/Output.h"
#include "autotune/cli/RecordingDevice.h"
#include "autotune/cli/ScheduleOption.h"
#include "autotune/cli/Stores.h"
#include "runtime/reference/DeviceTensors.h"
#include "runtime/reference/Visibility.h"
#include "runtime/support/Elements.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

RunOptions::RunOptions(CLI::App& app) : spec(app), app_(&app) {
  const auto lengths = CLI::Range(0, 1 << 24);
  app.add_option("--inputs", inputs,
                 "safetensors file with q, k, v (cu_seqlens_q, cu_seqlens_k, alibi_slopes, sink, q_descale, k_descale, "
                 "v_descale)");
  app.add_option("--device", device, "emulated, emulated:sm_90a, cuda:0; auto: a GPU if there is one")
      ->capture_default_str();
  app.add_option("--arch", arch_)->group(""); // hidden: other verbs have it, here it is refused in words
  app.add_option("--splits", splits, "chunks of the keys; 0: the cost model's choice")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  addScheduleOption(app, schedule);
  app.add_option("--batch", shape.batch, "of random inputs")->check(CLI::Range(1, 1 << 16))->capture_default_str();
  app.add_option("--q-len", shape.q_len, "queries per sequence of random inputs")
      ->check(lengths)
      ->capture_default_str();
  app.add_option("--kv-len", shape.kv_len, "keys per sequence of random inputs")->check(lengths)->capture_default_str();
  app.add_option("--seed", seed, "of random inputs")->capture_default_str();
}

Workload RunOptions::workload() const {
  if (!arch_.empty())
    throw UsageError(fmt::format("--arch {}: what runs needs a device; on the CPU, --device emulated:{}", arch_,
                                 target(arch_).name));
  const AttentionSpec parsed = spec.resolve();
  if (inputs.empty())
    return randomWorkload(parsed, shape, seed);
  for (const char* option : {"--batch", "--q-len", "--kv-len", "--seed"})
    if (app_->count(option) > 0)
      throw UsageError(fmt::format("{} is for random inputs, and --inputs gives others", option));
  return loadWorkload(parsed, inputs);
}

PrepareOptions RunOptions::prepare() const {
  PrepareOptions options{.schedule = std::nullopt, .splits = splits};
  if (!schedule.empty())
    options.schedule = scheduleFromText(schedule);
  return options;
}

Execution execute(const Workload& workload, const std::string& device_name, const PrepareOptions& options, bool verify,
                  const CacheOptions& cache) {
  const auto device = std::make_shared<RecordingDevice>(openDevice(device_name));
  Engine engine(device, cache);
  const Problem problem = reference::problemOf(workload.lengths);
  Execution execution{.device = device->properties(), .plan = engine.prepare(workload.spec, problem, options)};
  execution.note =
      chunksNote(workload.spec, problem, execution.plan.schedule(), options.splits, execution.plan.splits());
  if (!execution.note.empty())
    progress(execution.note);
  if (options.schedule)
    if (const std::string note = portableNote(workload.spec, *options.schedule, execution.device.arch); !note.empty())
      progress(note);
  const reference::DeviceTensors tensors(device, workload.spec, workload.lengths, workload.tensors);
  engine.launch(execution.plan, tensors.tensors());
  device->synchronize();
  execution.counters = device->launches;
  if (!execution.device.emulated) {
    constexpr int repetitions = 20;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < repetitions; ++i)
      engine.launch(execution.plan, tensors.tensors());
    device->synchronize();
    execution.time_us =
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() / repetitions;
  }
  execution.o = tensors.o();
  execution.lse = tensors.lse();
  if (verify)
    execution.comparison =
        reference::compare(workload.spec, workload.lengths, workload.tensors, execution.o, execution.lse);
  return execution;
}

nlohmann::json toJson(const Workload& workload, const Execution& execution) {
  std::string kernels;
  for (const PlannedKernel& kernel : execution.plan.kernels())
    kernels += (kernels.empty() ? "" : ", ") + kernel.name;
  nlohmann::json document = {{"device", execution.device.name},
                             {"kernel", kernels},
                             {"schedule", toText(execution.plan.schedule())},
                             {"splits", execution.plan.splits()},
                             {"compile_ms", compileMilliseconds(execution.plan)},
                             {"max_abs_error", nullptr},
                             {"error_bound", nullptr},
                             {"ok", true}};
  if (!execution.note.empty())
    document["note"] = execution.note;
  if (const auto& comparison = execution.comparison) {
    document["max_abs_error"] = comparison->max_abs_error;
    document["error_bound"] = comparison->error_bound;
    document["max_lse_error"] = comparison->max_lse_error;
    document["ok"] = comparison->ok;
  }
  if (!execution.device.emulated) {
    document["time_us"] = execution.time_us;
    document["tflops"] = flops(workload) / execution.time_us * 1e-6;
    document["gbytes_per_s"] = bytes(workload) / execution.time_us * 1e-3;
  }
  return document;
}

double compileMilliseconds(const Plan& plan) {
  double sum = 0;
  for (const PlannedKernel& kernel : plan.kernels())
    sum += kernel.lower_ms + kernel.nvrtc_ms;
  return sum;
}

double flops(const Workload& workload) {
  double pairs = 0;
  for (int b = 0; b < workload.lengths.batch(); ++b) {
    const auto visible = reference::visiblePairs(workload.spec, workload.lengths.sq(b), workload.lengths.sk(b));
    pairs += static_cast<double>(std::count(visible.begin(), visible.end(), 1));
  }
  const int head_dim_v = workload.spec.head_dim_v ? workload.spec.head_dim_v : workload.spec.head_dim;
  return pairs * workload.spec.q_heads * 2 * (workload.spec.head_dim + head_dim_v);
}

double bytes(const Workload& workload) {
  const reference::Tensors& t = workload.tensors;
  const double o = static_cast<double>(t.q.size()) / workload.spec.head_dim *
                   (workload.spec.head_dim_v ? workload.spec.head_dim_v : workload.spec.head_dim);
  const auto element = static_cast<double>(bytesOf(elementOf(workload.spec.dtype)));
  return element * static_cast<double>(t.q.size() + t.k.size() + t.v.size()) + 2 * o;
}

} // namespace attune::cli
