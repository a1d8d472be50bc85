// Every golden kernel compiles without spilling: portable ones for every target, in turn or, if ATTUNE_FULL is set, all
// with all, and those with roles for sm_90a.
#include "runtime/toolchain/Toolchain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace attune {
namespace {

std::vector<std::string> goldens() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(ATTUNE_GOLDEN_KERNELS))
    names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// The kernels of a file, each with the comment above it: the partial one and its combine are two.
std::vector<std::string> kernelsOf(const std::string& name) {
  std::ifstream file(std::string(ATTUNE_GOLDEN_KERNELS "/") + name + ".cu");
  std::stringstream text;
  text << file.rdbuf();
  std::string rest = text.str();
  std::vector<std::string> kernels;
  for (std::size_t at = 0; (at = rest.find("\n// attention_")) != std::string::npos; rest.erase(0, at + 1))
    kernels.push_back(rest.substr(0, at));
  kernels.push_back(rest);
  return kernels;
}

class GoldenKernels : public testing::TestWithParam<std::string> {};

TEST_P(GoldenKernels, CompileForEveryTarget) {
  const std::vector<std::string> kernels = kernelsOf(GetParam()), all = goldens();
  std::vector<std::string> archs = {"sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"};
  if (kernels.front().find("attune/sm90.cuh") != std::string::npos)
    archs = {"sm_90a"};
  const auto turn = static_cast<std::size_t>(std::find(all.begin(), all.end(), GetParam()) - all.begin());
  for (std::size_t n = 0; n < archs.size(); ++n)
    if (std::getenv("ATTUNE_FULL") != nullptr || n == turn % archs.size())
      for (const std::string& kernel : kernels) {
        SCOPED_TRACE(archs[n]);
        const Build build = Toolchain::shared()->build(kernel, archs[n], Image::Kind::Cubin, GetParam());
        ASSERT_TRUE(build.log.resources) << build.log.text;
        EXPECT_EQ(build.log.resources->spill_bytes, 0);
        EXPECT_EQ(build.log.resources->local_bytes, 0);
        EXPECT_TRUE(build.log.warnings.empty()) << build.log.text;
      }
}

std::string nameOf(const testing::TestParamInfo<std::string>& golden) { return golden.param; }

INSTANTIATE_TEST_SUITE_P(Ladder, GoldenKernels, testing::ValuesIn(goldens()), nameOf);

} // namespace
} // namespace attune
