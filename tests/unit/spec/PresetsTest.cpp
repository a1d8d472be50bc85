#include "attune/compiler/Presets.h"

#include "attune/compiler/SpecJson.h"
#include "tests/support/Refusal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace attune {
namespace {

TEST(Presets, AllAreValidAndNamesAreUnique) {
  std::set<std::string> names;
  for (const Preset& p : presets()) {
    EXPECT_EQ(refusal([&] { validate(p.spec); }), "") << p.name;
    EXPECT_TRUE(names.insert(p.name).second) << p.name;
    EXPECT_EQ(specToJson(preset(p.name)), specToJson(p.spec));
  }
}

TEST(Presets, WindowsCountDistances) {
  EXPECT_EQ(preset("gpt-oss-20b:local").window.left, 127); // the model sees 128 keys, itself included
  EXPECT_EQ(preset("gemma-3-27b:local").window.left, 1023);
  EXPECT_FALSE(preset("gemma-3-27b:global").window.left);
  EXPECT_EQ(preset("llama-4-scout:local").chunk, 8192);
}

TEST(Presets, ScalesThatAreNotOneOverSqrtHeadDim) {
  EXPECT_NEAR(*preset("deepseek-v3:prefill").scale, 0.1352, 1e-4); // 1.369^2 / sqrt(192)
  EXPECT_DOUBLE_EQ(*preset("gemma-3-27b:global").scale, 1 / std::sqrt(168.0));
  EXPECT_EQ(preset("gemma-4:local").scale, 1.0);
}

TEST(Presets, Refusals) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"qwen2.5", "invalid: preset 'qwen2.5': there is no such preset; use one of: qwen2.5-7b, qwen2.5-72b"},
      {"falcon", "invalid: preset 'falcon': there is no such preset; did you mean 'falcon-7b'?"},
      {"Gemma-3-27B:", "invalid: preset 'Gemma-3-27B:': there is no such preset; use one of: gemma-3-27b:local, "
                       "gemma-3-27b:global"},
      {"qwen2.5-7", "invalid: preset 'qwen2.5-7': there is no such preset; use one of: qwen2.5-7b, qwen2.5-72b"},
      {"qwen2.5-8b", "invalid: preset 'qwen2.5-8b': there is no such preset; did you mean 'qwen2.5-7b'?"},
      {"Qwen2.5-7B", "invalid: preset 'Qwen2.5-7B': there is no such preset; did you mean 'qwen2.5-7b'?"},
      {"gemma-3-27b",
       "invalid: preset 'gemma-3-27b': this model has several kinds of layer; name one, such as 'gemma-3-27b:local'"},
      {"gpt-5-secret-edition",
       "invalid: preset 'gpt-5-secret-edition': there is no such preset; 'attune presets' lists all"},
      {"", "invalid: preset '': there is no such preset; 'attune presets' lists all"},
      {"gemma-4:global", "unsupported: preset 'gemma-4:global': its head dim is 512, and the largest supported is 256; "
                         "use another model's preset"},
  };
  for (const auto& [name, message] : cases)
    EXPECT_EQ(refusal([&] { preset(name); }), message);
}

} // namespace
} // namespace attune
