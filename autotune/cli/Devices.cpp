#include "autotune/cli/Cli.h"
#include "autotune/cli/Output.h"

#include "attune/attune.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

std::string size(std::size_t bytes) {
  if (bytes == 0)
    return "-";
  return bytes >= std::size_t{1} << 30 ? fmt::format("{:.0f} GiB", static_cast<double>(bytes) / 0x1p30)
                                       : fmt::format("{} KiB", bytes >> 10);
}

Exit run(bool json) {
  std::vector<std::pair<std::string, DeviceProperties>> devices;
  for (int i = 0;; ++i) {
    const std::string name = fmt::format("cuda:{}", i);
    try {
      devices.emplace_back(name, openDevice(name)->properties());
    } catch (const DeviceError& e) {
      if (i == 0)
        progress(e.what());
      break;
    }
  }
  devices.emplace_back("emulated", openDevice("emulated")->properties());

  nlohmann::json document = {{"devices", nlohmann::json::array()}};
  Table table({"device", "name", "arch", "multiprocessors", "shared per block", "L2", "memory"});
  for (const auto& [name, p] : devices) {
    document["devices"].push_back({{"device", name},
                                   {"name", p.name},
                                   {"arch", p.arch},
                                   {"emulated", p.emulated},
                                   {"multiprocessors", p.multiprocessors},
                                   {"shared_per_block", p.shared_per_block},
                                   {"l2_bytes", p.l2_bytes},
                                   {"memory_bytes", p.memory_bytes}});
    table.add({name, p.name, p.arch, fmt::to_string(p.multiprocessors), size(p.shared_per_block), size(p.l2_bytes),
               size(p.memory_bytes)});
  }
  if (json)
    printJson(document);
  else
    table.print();
  return Exit::Done;
}

} // namespace

std::function<Exit()> defineDevices(CLI::App& app, const bool& json) {
  app.footer("\nExamples:\n  attune devices\n  attune devices --json");
  return [&json] { return run(json); };
}

} // namespace attune::cli
