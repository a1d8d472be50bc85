#include "autotune/cli/Cli.h"
#include "autotune/cli/Output.h"

#include "attune/compiler/Error.h"
#include "compiler/spec/Nearest.h"

#include <csignal>
#include <cstdio>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace attune::cli {
namespace {

constexpr Verb verbs[] = {
    {"compile", "spec to CUDA, PTX and cubin, for any GPU, without one", defineCompile},
    {"spec", "the keys of a spec and the grammar of its masks; of one spec, its canonical form", defineSpec},
    {"run", "run a spec on tensors, and verify", defineRun},
    {"profile", "run on the emulated device and count what happens", defineProfile},
    {"explain", "what is chosen and why: time, resources, what came second, what was rejected", defineExplain},
    {"tune", "choose schedules for shapes, and remember them", defineTune},
    {"precompute", "fill the cache ahead of time, with or without the GPU", definePrecompute},
    {"bench", "measure: attention, ceilings, time to a first kernel, the host", defineBench},
    {"cache", "what is kept: list, verify, merge, export, import, ...", defineCache},
    {"presets", "the attention of known models", definePresets},
    {"devices", "what there is to run on", defineDevices},
    {"doctor", "check NVRTC, driver, GPU and emulator, and say what to do", defineDoctor},
    {"demo", "Qwen2.5-7B's attention from the spec to a checked result", defineDemo},
};

constexpr const char* footer = R"(
Examples:
  attune compile --preset qwen2.5-7b --arch sm_90a > kernel.cu
  attune run '{"dtype": "bf16", "q_heads": 8, "kv_heads": 2, "head_dim": 64, "causal": "bottom_right"}' --q-len 128 --kv-len 512 --verify
  attune run spec.json --inputs in.safetensors --output out.safetensors
  attune precompute --preset qwen2.5-7b --phase prefill,decode --arch sm_90a

Exit codes: 0 done, 1 some items failed, 2 usage, 3 invalid spec or input, 4 valid but not supported,
  5 no device or no NVRTC, 6 cache, 7 verification mismatch, 8 time limit, 130 interrupted
)";

int fail(bool json, Exit code, const char* kind, const std::string& message) {
  if (json)
    printJson(
        {{"ok", false}, {"error", {{"kind", kind}, {"message", message}, {"exit_code", static_cast<int>(code)}}}});
  fmt::print(stderr, "{} {}\n", style(stderr, "attune:", Style::Bad), message);
  return static_cast<int>(code);
}

/// What was wrong with the arguments, and what they may have meant. A word that is no option may have left another one
/// without its value, so it is named before what CLI11 says.
std::string complaint(const CLI::App& verb, const CLI::ParseError& error) {
  for (const std::string& word : verb.remaining()) {
    if (!word.starts_with("--"))
      continue;
    std::vector<std::string> known;
    for (const CLI::Option* option : verb.get_options())
      for (const std::string& name : option->get_lnames())
        if (!option->get_group().empty()) // else it is hidden
          known.push_back("--" + name);
    const std::string near = nearest(word.substr(0, word.find('=')), known);
    return fmt::format("unknown option {}{}", word, near.empty() ? "" : fmt::format("; did you mean {}?", near));
  }
  return error.what();
}

int perform(bool json, const std::function<Exit()>& action) {
  try {
    return static_cast<int>(action());
  } catch (const UsageError& e) {
    return fail(json, Exit::Usage, "usage", e.what());
  } catch (const UserError& e) {
    return e.kind == UserError::Kind::Invalid ? fail(json, Exit::Invalid, "invalid", e.what())
                                              : fail(json, Exit::Unsupported, "unsupported", e.what());
  } catch (const DeviceError& e) {
    return fail(json, Exit::NoDevice, "device", e.what());
  } catch (const InternalError& e) {
    return fail(json, Exit::SomeFailed, "internal", fmt::format("a bug of attune, please report it: {}", e.what()));
  } catch (const std::exception& e) {
    return fail(json, Exit::SomeFailed, "internal", e.what());
  }
}

int run(int argc, char** argv) {
  CLI::App app{"attune: a JIT compiler for attention", "attune"};
  app.footer(footer);
  app.set_version_flag("--version", "attune " ATTUNE_VERSION);
  app.require_subcommand(1);
  bool json = false;
  std::map<CLI::App*, std::function<Exit()>> actions;
  std::vector<std::string> names;
  for (const Verb& verb : verbs) {
    CLI::App* sub = app.add_subcommand(verb.name, verb.summary);
    sub->add_flag("--json", json, "one JSON document on stdout, and nothing else there");
    actions[sub] = verb.define(*sub, json);
    names.emplace_back(verb.name);
  }
  const bool wants_json = std::find(argv, argv + argc, std::string("--json")) != argv + argc;
  if (argc > 1 && argv[1][0] != '-' && std::find(names.begin(), names.end(), argv[1]) == names.end())
    return fail(wants_json, Exit::Usage, "usage",
                fmt::format("'{}' is not a verb; {}", argv[1], didYouMean(argv[1], names)));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0)
      return app.exit(e); // --help, --version
    const auto chosen = app.get_subcommands();
    const CLI::App& verb = chosen.empty() ? app : *chosen.front();
    return fail(
        wants_json, Exit::Usage, "usage",
        fmt::format("{}; see `attune{} --help`", complaint(verb, e), chosen.empty() ? "" : " " + verb.get_name()));
  }
  return perform(json, actions.at(app.get_subcommands().front()));
}

extern "C" void interrupted(int) { _exit(static_cast<int>(Exit::Interrupted)); }

} // namespace
} // namespace attune::cli

int main(int argc, char** argv) {
  std::signal(SIGINT, attune::cli::interrupted);
  try {
    return attune::cli::run(argc, argv);
  } catch (const std::exception& e) { // outside of a verb: no memory for its options
    std::fprintf(stderr, "attune: %s\n", e.what());
    return static_cast<int>(attune::cli::Exit::SomeFailed);
  }
}
