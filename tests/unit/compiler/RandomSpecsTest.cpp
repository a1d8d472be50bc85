// What is true of every kernel, whatever the spec and the schedule.
#include "tests/support/RandomSpecs.h"
#include "attune/compiler/Compile.h"
#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/Error.h"
#include "attune/compiler/SpecJson.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace attune {
namespace {

using test::RandomMasks;

/// Parameter names in the kernel's own parameter list.
std::vector<std::string> parametersOf(const std::string& cuda) {
  const std::size_t open =
      cuda.find('(', cuda.find("__global__") + 30 + cuda.substr(cuda.find("__global__") + 30).find(')'));
  std::string list = cuda.substr(open + 1, cuda.find(") {", open) - open - 1);
  std::vector<std::string> names;
  int depth = 0;
  std::string parameter;
  for (const char c : list + ",") {
    depth += c == '<' ? 1 : c == '>' ? -1 : 0;
    if (c == ',' && depth == 0) {
      names.push_back(parameter.substr(parameter.find_last_of(" *") + 1));
      parameter.clear();
    } else {
      parameter += c;
    }
  }
  return names;
}

void expectSound(const KernelSource& kernel, const Target& target) {
  const Manifest& manifest = kernel.manifest;
  EXPECT_LE(manifest.shared_bytes, target.shared_per_block);
  EXPECT_TRUE(manifest.threads % 32 == 0 && manifest.threads <= 1024) << manifest.threads;
  std::vector<std::string> names;
  for (const Parameter& parameter : manifest.parameters)
    names.push_back(parameter.name + (parameter.kind == Parameter::Kind::TensorMap ? "_map" : ""));
  EXPECT_EQ(parametersOf(kernel.cuda), names);
  std::istringstream lines(kernel.cuda);
  std::string code; // without comments
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 120u) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
    code += line.substr(0, line.find("//")) + "\n";
  }
  EXPECT_EQ(std::ranges::count(code, '{'), std::ranges::count(code, '}'));
  EXPECT_EQ(std::ranges::count(code, '('), std::ranges::count(code, ')'));
  EXPECT_THAT(kernel.cuda, testing::Not(testing::ContainsRegex("%[0-9a-z]"))); // an SSA name
}

TEST(RandomSpec, CompilesOrIsRefusedWithNumbers) {
  int compiled = 0, refused = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    RandomMasks random(seed);
    const AttentionSpec spec = test::randomSpec(random);
    const Schedule schedule = test::randomSchedule(random);
    const Target& target = targets()[static_cast<std::size_t>(random.among(0, std::int64_t(targets().size()) - 1))];
    SCOPED_TRACE("seed " + std::to_string(seed) + " " + specToJson(spec) + " " + toText(schedule) + " " + target.name);
    ASSERT_NO_THROW(validate(spec));
    try {
      const CompileResult result = compile(spec, schedule, target);
      ASSERT_EQ(result.kernels.size(), schedule.split_kv ? 2u : 1u);
      for (const KernelSource& kernel : result.kernels)
        expectSound(kernel, target);
      const CompileResult again = compile(spec, schedule, target);
      for (std::size_t n = 0; n < result.kernels.size(); ++n)
        EXPECT_EQ(result.kernels[n].cuda, again.kernels[n].cuda);
      ++compiled;
    } catch (const UserError& error) {
      EXPECT_EQ(error.kind, UserError::Kind::Unsupported);
      Schedule least = schedule;
      least.stages = 1;
      const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
      const int registers = schedule.q_tile / schedule.warps * (head_dim_v + schedule.kv_tile * 3 / 2) / 32;
      EXPECT_TRUE(sharedBytes(spec, least) > target.shared_per_block || registers > 255) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(compiled, 100);
  EXPECT_GT(refused, 0);
}

TEST(RandomSpec, DefaultSchedulesAreNeverRefused) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    RandomMasks random(seed);
    const AttentionSpec spec = test::randomSpec(random);
    const Target& target = targets()[static_cast<std::size_t>(random.among(0, std::int64_t(targets().size()) - 1))];
    for (const bool split : {false, true}) {
      const Schedule schedule = defaultSchedule(spec, target, random.among(0, 3000), split);
      SCOPED_TRACE("seed " + std::to_string(seed) + " " + specToJson(spec) + " " + toText(schedule) + " " +
                   target.name);
      EXPECT_EQ(toText(scheduleFromText(toText(schedule))), toText(schedule));
      for (const KernelSource& kernel : compile(spec, schedule, target).kernels)
        expectSound(kernel, target);
    }
  }
}

TEST(RandomSpec, DefaultSchedulesAreNotRefusedForAMaskOfManyTerms) {
  for (const int comparisons : {2, 3, 4, 6, 7, 12})
    for (const DType dtype : {DType::BF16, DType::E4M3})
      for (const int head_dim : {64, 96, 128, 192, 256})
        for (const int head_dim_v : {64, 128, 192, 256}) {
          AttentionSpec spec{
              .dtype = dtype, .q_heads = 8, .kv_heads = 8, .head_dim = head_dim, .head_dim_v = head_dim_v};
          std::string mask = "k <= q";
          for (int n = 1; n < comparisons; ++n)
            mask += " and\tk % " + std::to_string(n + 2) + " == 0"; // whatever stands between the words
          spec.mask = {mask};
          const Schedule schedule = defaultSchedule(spec, target("sm_90a"), 2048, false);
          EXPECT_NO_THROW(compile(spec, schedule, target("sm_90a"))) << specToJson(spec) << " " << toText(schedule);
        }
}

TEST(RandomSpec, SurvivesItsJson) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    RandomMasks random(seed);
    const std::string json = specToJson(test::randomSpec(random));
    EXPECT_EQ(specToJson(specFromJson(json)), json);
  }
}

} // namespace
} // namespace attune
