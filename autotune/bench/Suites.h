#pragma once

#include "autotune/bench/Cases.h"
#include "autotune/bench/Sampling.h"

#include <functional>
#include <string>
#include <vector>

namespace attune::bench {

/// One figure of a suite that times the host: jit, host, emulator.
struct Figure {
  std::string suite, name, unit;
  Measurement measured;
};

/// How the suites measure, and what they say meanwhile.
struct Settings {
  int samples = 5;
  std::string only;                                  ///< names that contain it; empty: all
  std::function<void(const std::string&)> progress;  ///< a line per case
  std::function<bool()> stop = [] { return false; }; ///< asked between cases

  bool wants(const std::string& name) const { return name.find(only) != std::string::npos; }
};

using AddFigure = std::function<void(Figure)>;

/// Time to a first kernel, from nothing and from the disk, and its stages. On a GPU its own target and loading are
/// included; on the emulated device nothing is loaded.
void jitSuite(const std::shared_ptr<Device>& device, const Settings& settings, const AddFigure& add);
/// What requests cost the host once a kernel is there. On a GPU launches go through the driver too.
void hostSuite(const std::shared_ptr<Device>& device, const Settings& settings, const AddFigure& add);
/// How fast the emulated device interprets, on one host thread. It says nothing of a GPU.
void emulatorSuite(const Settings& settings, const AddFigure& add);

} // namespace attune::bench
