#pragma once

#include "tests/unit/emulator/Harness.h"

namespace attune::emulator {

/// PTX of one kernel `k` for sm_90a.
inline std::string hopperText(const std::string& parameters, const std::string& body, unsigned threads = 128) {
  return ".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry k(" + parameters + ")\n.maxntid " +
         std::to_string(threads) + ", 1, 1\n.minnctapersm 1\n{\n" + body + "\nret;\n}\n";
}

inline Options hopper(std::uint64_t seed = 0) {
  return {.target = "sm_90a", .seed = seed, .random_landing = seed % 2 == 1, .check_races = true};
}

/// `what` in `text`, which must be there once, replaced.
inline std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  EXPECT_EQ(text.find(what, at + 1), std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

/// PTX of one kernel `k` of 64 threads for clusters of 2 x 2 blocks.
inline std::string clusterText(const std::string& parameters, const std::string& body) {
  return replaced(hopperText(parameters, body, 64), ".minnctapersm 1", ".minnctapersm 1\n.reqnctapercluster 2, 2, 1");
}

} // namespace attune::emulator
