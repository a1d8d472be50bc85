#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace CLI {
class App;
}

// The program `attune`: one file per verb. Verbs throw; main turns what they throw into exit codes, in one place.

namespace attune::cli {

/// Documented, stable: scripts rely on them.
enum class Exit {
  Done = 0,
  SomeFailed = 1,
  Usage = 2,
  Invalid = 3,     ///< spec or input
  Unsupported = 4, ///< valid, but beyond a limit
  NoDevice = 5,    ///< or no NVRTC
  Cache = 6,
  Mismatch = 7, ///< verification
  TimeLimit = 8,
  Interrupted = 130,
};

/// Arguments that contradict one another or name something unknown.
class UsageError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// A verb adds its options to `app` and returns what to do once they are parsed.
struct Verb {
  const char* name;
  const char* summary;
  std::function<Exit()> (*define)(CLI::App& app, const bool& json);
};

std::function<Exit()> defineCompile(CLI::App& app, const bool& json);
std::function<Exit()> defineRun(CLI::App& app, const bool& json);
std::function<Exit()> defineProfile(CLI::App& app, const bool& json);
std::function<Exit()> defineExplain(CLI::App& app, const bool& json);
std::function<Exit()> defineSpec(CLI::App& app, const bool& json);
std::function<Exit()> defineTune(CLI::App& app, const bool& json);
std::function<Exit()> definePrecompute(CLI::App& app, const bool& json);
std::function<Exit()> defineBench(CLI::App& app, const bool& json);
std::function<Exit()> defineCache(CLI::App& app, const bool& json);
std::function<Exit()> definePresets(CLI::App& app, const bool& json);
std::function<Exit()> defineDevices(CLI::App& app, const bool& json);
std::function<Exit()> defineDoctor(CLI::App& app, const bool& json);
std::function<Exit()> defineDemo(CLI::App& app, const bool& json);

} // namespace attune::cli
