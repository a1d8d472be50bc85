#include "tests/fuzz/Targets.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace attune::fuzz {
namespace {

/// Every file of the corpus, and every beginning of it: what fuzzing found once stays found, without a fuzzer.
void replay(const std::string& name, void (*target)(std::string_view)) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ATTUNE_CORPUS "/" + name)) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    ++files;
    for (std::size_t n = 0; n <= std::min<std::size_t>(text.size(), 2000); ++n)
      EXPECT_NO_THROW(target(std::string_view(text).substr(0, n))) << entry.path() << ", first " << n << " bytes";
    EXPECT_NO_THROW(target(text)) << entry.path();
  }
  EXPECT_GT(files, 4) << "a corpus is there";
}

TEST(FuzzCorpus, Bundle) { replay("bundle", bundle); }
TEST(FuzzCorpus, Mask) { replay("mask", mask); }
TEST(FuzzCorpus, Ptx) { replay("ptx", ptx); }
TEST(FuzzCorpus, Record) { replay("record", record); }
TEST(FuzzCorpus, Safetensors) { replay("safetensors", safetensors); }
TEST(FuzzCorpus, Schedule) { replay("schedule", schedule); }
TEST(FuzzCorpus, Spec) { replay("spec", spec); }

/// Too long for a corpus: text that nests as deep as a file is long, in each reader of nested text.
TEST(FuzzCorpus, NestedAsDeepAsItIsLong) {
  constexpr std::size_t deep = 300000;
  const std::string open(deep, '['), close(deep, ']'), value = open + close;
  for (const std::string& text : {value, open, "{\"spec\":" + value + "}", "{\"mask\":" + value + "}"}) {
    EXPECT_NO_THROW(record(text));
    EXPECT_NO_THROW(spec(text));
    EXPECT_NO_THROW(ptx(text));
  }
  EXPECT_NO_THROW(mask(std::string(deep, '(') + "k" + std::string(deep, ')') + " <= q"));
  EXPECT_NO_THROW(ptx(".target sm_80\n.entry k() " + std::string(deep, '{') + std::string(deep, '}')));
  EXPECT_NO_THROW(ptx(".target sm_80\n.entry k() { mov.u32 " + std::string(deep, '{')));
}

} // namespace
} // namespace attune::fuzz
