#pragma once

#include "attune/attune.hpp"

#include <gtest/gtest.h>

#include <string>

namespace attune::test {

/// No access of any kind makes two passes through the banks of shared memory where one would do. None makes fewer than
/// it needs, so the sums say it of each. (Bulk copies have none: the device counts them as whole lines.)
inline void expectNoBankTwice(const Counters& counters, const std::string& of = "") {
  static const std::string minimum = ".minimum";
  std::string kinds;
  for (const auto& [name, count] : counters)
    if (const auto least = counters.find(name + minimum); least != counters.end() && count != least->second)
      kinds += name + " " + std::to_string(count) + ", could be " + std::to_string(least->second) + "\n";
  EXPECT_EQ(counters.at("shared.wavefronts"), counters.at("shared.wavefronts" + minimum)) << kinds << of;
}

} // namespace attune::test
