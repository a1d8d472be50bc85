#pragma once

#include "autotune/cli/TuneOptions.h"
#include "runtime/schedules/RecordStore.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace attune::cli {

/// What became of an item.
struct TuneOutcome {
  TuneItem item;
  model::Machine machine;
  std::optional<schedules::Record> record; ///< unless there is an error
  bool known = false;                      ///< it was there already
  bool kept = true;                        ///< false: the cache takes no entries
  std::string error;
  int compiled = 0, found = 0; ///< kernels
  double seconds = 0;
};

/// Makes records and kernels, and stores them one by one.
class TuneRun {
public:
  /// Throws DeviceError if there is no NVRTC.
  explicit TuneRun(const TuneOptions& options);

  std::vector<TuneOutcome> run(const std::vector<TuneItem>& items);

  /// Why nothing was measured although it was asked for; empty if it was, or not asked for.
  const std::string& notMeasured() const { return not_measured_; }
  bool outOfTime() const { return out_of_time_; }

private:
  TuneOutcome make(const TuneItem& item);
  model::Machine machineOf(const TuneItem& item) const;
  bool here(const model::Machine& machine) const; ///< it is the device, and has a clock
  bool stopped();

  const TuneOptions& options_;
  unsigned jobs_;
  std::shared_ptr<Device> device_;
  schedules::RecordStore records_;
  cache::EntryStore kernels_;
  std::string not_measured_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::atomic<bool> out_of_time_ = false;
  unsigned jobs_per_item_ = 1;
};

/// Set by the first SIGINT while it lives: what is under way is finished and written. The second one ends the program.
class Interrupt {
public:
  Interrupt();
  ~Interrupt();
  static bool requested();
};

} // namespace attune::cli
