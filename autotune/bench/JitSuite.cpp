#include "autotune/bench/NullDevice.h"
#include "autotune/bench/Suites.h"

#include "attune/compiler/Compile.h"
#include "autotune/search/Parallel.h"
#include "runtime/schedules/Space.h"
#include "runtime/toolchain/Toolchain.h"

#include <set>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace attune::bench {

namespace {

struct Request {
  const char *model, *phase;
  Problem problem;
};
constexpr Problem prefill{.batch = 1, .q_len = 4096, .kv_len = 4096}, decode{.batch = 1, .q_len = 1, .kv_len = 8192};
constexpr Request requests[] = {{"qwen2.5-7b", "prefill", prefill},
                                {"qwen2.5-7b", "decode", decode},
                                {"llama-3.2-1b", "prefill", prefill},
                                {"gemma-2-9b:global", "prefill", prefill},
                                {"gemma-2-27b:local", "prefill", prefill}};

/// One request from nothing, and again by an engine that finds its kernels on disk.
void timeRequest(const Request& request, const std::shared_ptr<Device>& device, const std::string& name,
                 const Settings& settings, const AddFigure& add) {
  const AttentionSpec& spec = preset(request.model);
  const ScratchCache folder;
  const CacheOptions cache{.folder = folder.folder()};
  std::vector<double> lowering, compiling;
  const Measurement first = onHost(
      settings.samples,
      [&] {
        const Plan plan = Engine(device, costModel(), cache).prepare(spec, request.problem);
        double lower_ms = 0, nvrtc_ms = 0;
        for (const PlannedKernel& kernel : plan.kernels()) { // the kernels of a spec compile side by side
          lower_ms = std::max(lower_ms, kernel.lower_ms);
          nvrtc_ms = std::max(nvrtc_ms, kernel.nvrtc_ms);
        }
        lowering.push_back(lower_ms);
        compiling.push_back(nvrtc_ms);
      },
      [&] { folder.clear(); });
  add({"jit", name + ", nothing cached", "ms", first});
  add({"jit", name + ", of it spec to CUDA", "ms", summary(lowering)});
  add({"jit", name + ", of it NVRTC", "ms", summary(compiling)});
  add({"jit", name + ", from disk", "ms",
       onHost(settings.samples, [&] { Engine(device, costModel(), cache).prepare(spec, request.problem); })});
}

/// The whole process of `attune compile`: its start, NVRTC's, and one kernel.
void timeProcess(const std::string& arch, const Settings& settings, const AddFigure& add) {
  const std::string name = fmt::format("process of attune compile, {}", arch);
  if (!settings.wants(name) || settings.stop())
    return;
  settings.progress(name);
  const auto work = [&] {
    std::string words[] = {"attune", "compile", "--preset", "qwen2.5-7b", "--arch", arch, "--json"};
    std::vector<char*> arguments;
    for (std::string& word : words)
      arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    int status = posix_spawn(&child, "/proc/self/exe", &quiet, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&quiet);
    if (status != 0 || ::waitpid(child, &status, 0) != child || status != 0)
      throw DeviceError("`attune compile --preset qwen2.5-7b --arch " + arch + "` failed as a process of its own");
  };
  add({"jit", name, "ms", onHost(settings.samples, work, [] {})});
}

/// A search's first candidates on one thread and on all: what the tuner's compilation gains from cores.
void timeCandidates(const Settings& settings, const AddFigure& add) {
  constexpr std::size_t count = 12;
  const AttentionSpec& spec = preset("qwen2.5-7b");
  const Problem shape{.batch = 1, .q_len = 1, .kv_len = 8192, .q_total = 1};
  const std::vector<Schedule> all = schedules::enumerate({spec, target("sm_90a"), shape}).feasible;
  const auto toolchain = Toolchain::shared();
  for (const unsigned threads : std::set<unsigned>{1, std::max(std::thread::hardware_concurrency(), 1u)}) {
    const std::string name = fmt::format("{} candidates of qwen2.5-7b decode sm_90a, threads: {}", count, threads);
    if (!settings.wants(name) || settings.stop())
      continue;
    settings.progress(name);
    add({"jit", name, "ms", onHost(1, [&] {
           autotune::parallelFor(count, threads, [&](std::size_t i) {
             const CompileResult result = compile(spec, all[i * all.size() / count], target("sm_90a"));
             toolchain->build(result.kernels.front().cuda, "sm_90a", Image::Kind::Cubin);
           });
         })});
  }
}

} // namespace

void jitSuite(const std::shared_ptr<Device>& device, const Settings& settings, const AddFigure& add) {
  const DeviceProperties& here = device->properties();
  const auto time_all = [&](const std::shared_ptr<Device>& on, const std::string& where) {
    for (const Request& request : requests) {
      const std::string name = fmt::format("{} {} {}", request.model, request.phase, where);
      if (!settings.wants(name) || settings.stop())
        continue;
      settings.progress(name);
      timeRequest(request, on, name, settings, add);
    }
  };
  for (const char* arch : {"sm_80", "sm_90a"})
    time_all(std::make_shared<NullDevice>(arch), arch);
  if (!here.emulated)
    time_all(device, "loaded on " + here.name);
  for (const char* arch : {"sm_80", "sm_90a"})
    timeProcess(arch, settings, add);
  timeCandidates(settings, add);
}

} // namespace attune::bench
