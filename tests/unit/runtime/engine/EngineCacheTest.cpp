// Kernels from disk: the next process compiles nothing, and a cache that cannot be used changes nothing but speed.
#include "tests/unit/runtime/engine/Fixture.h"

#include "runtime/engine/KernelStore.h"
#include "runtime/toolchain/Toolchain.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace attune {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const Problem problem{.q_len = 1, .kv_len = 300};

class EngineCache : public EngineTest {
protected:
  /// What an engine of a new process does with kernels of two launches: a partial one and its combine.
  CacheCounters run(const PrepareOptions& options = {.splits = 3}, CacheOptions where = {}) {
    Engine engine(device, costModel(), where.folder ? std::move(where) : cache());
    const Launchable tensors(device, small(), 1, 1, 300);
    const Plan plan = engine.prepare(small(), problem, options);
    EXPECT_EQ(plan.kernels().size(), 2U);
    engine.launch(plan, tensors.tensors());
    EXPECT_TRUE(tensors.right());
    return engine.cacheCounters();
  }
};

TEST_F(EngineCache, TheNextProcessCompilesNothing) {
  EXPECT_EQ(run().compiles, 2U);
  const CacheCounters next = run();
  EXPECT_EQ(next.compiles, 0U);
  EXPECT_EQ(next.loads, 2U);
  EXPECT_EQ(run({.splits = 3, .mode = PrepareMode::CacheOnly}).loads, 2U);
  EXPECT_THAT(warnings, testing::IsEmpty());
}

TEST_F(EngineCache, EntriesSayWhatTheyAre) {
  run();
  const auto entries = cache::EntryStore(kernelStore(folder / "cache")).list(true);
  ASSERT_EQ(entries.size(), 2U);
  for (const cache::EntryInfo& entry : entries) {
    const auto kernel = fromPayload(entry.payload);
    ASSERT_TRUE(kernel);
    EXPECT_EQ(kernel->arch, "sm_80");
    EXPECT_EQ(kernel->build.image.kind, Image::Kind::Ptx);
    EXPECT_THAT(kernel->build.image.bytes, HasSubstr(".entry " + kernel->name));
    EXPECT_THAT(entry.key.text,
                AllOf(HasSubstr(kernel->name), HasSubstr("sm_80"), HasSubstr("--std=c++20"), HasSubstr("__global__")));
    EXPECT_THAT(entry.key.variant, testing::StartsWith("nvrtc "));
    EXPECT_EQ(toPayload(*kernel), entry.payload);
  }
}

TEST_F(EngineCache, AMissIsTypedAndSaysWhatToDo) {
  Engine engine(device, costModel(), cache());
  try {
    engine.prepare(small(), problem, {.mode = PrepareMode::CacheOnly});
    FAIL() << "it found a kernel";
  } catch (const CacheMiss& miss) {
    EXPECT_THAT(miss.what(),
                AllOf(HasSubstr("sm_80"), HasSubstr("attune precompute"), HasSubstr(folder.path().string())));
  }
  EXPECT_EQ(engine.cacheCounters().compiles, 0U);
}

TEST_F(EngineCache, ADamagedEntryIsCompiledAnew) {
  run();
  for (const cache::EntryInfo& entry : cache::EntryStore(kernelStore(folder / "cache")).list())
    std::filesystem::resize_file(entry.path, entry.bytes - 1);
  EXPECT_EQ(run().compiles, 2U);
  EXPECT_EQ(warnings.size(), 1U);
  EXPECT_EQ(run().compiles, 0U);
}

TEST_F(EngineCache, AnEntryOfAnotherFormatIsCompiledAnew) {
  const auto toolchain = Toolchain::shared();
  const std::string cuda = "extern \"C\" __global__ void nothing() {}";
  cache::EntryStore store(kernelStore(folder / "cache"));
  const auto kind = Image::Kind::Ptx;
  ASSERT_TRUE(store.put(keyOf(cuda, "nothing", "sm_80", kind, toolchain->compiler()), "what is this?"));
  EXPECT_TRUE(buildThrough(store, cuda, "nothing", "sm_80", kind, false).compiled);
  EXPECT_FALSE(buildThrough(store, cuda, "nothing", "sm_80", kind, false).compiled) << "it was replaced";
}

TEST_F(EngineCache, WithoutACacheEveryEngineCompiles) {
  const CacheOptions nowhere{.folder = ""};
  EXPECT_EQ(run({.splits = 3}, nowhere).compiles, 2U);
  EXPECT_EQ(run({.splits = 3}, nowhere).compiles, 2U);
}

TEST_F(EngineCache, AFolderThatCannotBeUsedIsOneWarning) {
  CacheOptions bad = cache();
  bad.folder = "/proc/attune";
  EXPECT_EQ(run({.splits = 3}, bad).compiles, 2U);
  EXPECT_THAT(warnings, testing::ElementsAre(HasSubstr("/proc/attune")));
}

/// Runs a disabled test in a process that finds no NVRTC; what it prints goes to ours.
bool withoutNvrtc(const std::string& test, const std::string& folder) {
  return std::system(("ATTUNE_NVRTC=/nowhere/libnvrtc.so ATTUNE_CACHE_DIR='" + folder + "' '" +
                      std::filesystem::read_symlink("/proc/self/exe").string() +
                      "' --gtest_brief=1 --gtest_also_run_disabled_tests --gtest_filter=" + test + " >&2")
                         .c_str()) == 0;
}

TEST_F(EngineCache, WithoutNvrtcKernelsThatAreThereStillRun) {
  run();
  EXPECT_TRUE(withoutNvrtc("EngineCache.DISABLED_LoadsEverything", (folder / "cache").string()));
}
TEST_F(EngineCache, DISABLED_LoadsEverything) {
  const CacheOptions environment{.folder = std::getenv("ATTUNE_CACHE_DIR")};
  EXPECT_EQ(run({.splits = 3}, environment).loads, 2U);
  EXPECT_EQ(run({.splits = 3, .mode = PrepareMode::CacheOnly}, environment).loads, 2U);
}

TEST_F(EngineCache, WithoutNvrtcTheMessageSaysHowToGetIt) {
  EXPECT_TRUE(withoutNvrtc("EngineCache.DISABLED_SaysHowToGetIt", (folder / "cache").string()));
}
TEST_F(EngineCache, DISABLED_SaysHowToGetIt) {
  Engine engine(device); // the cache is that of the environment
  for (int attempt = 0; attempt < 2; ++attempt)
    EXPECT_THAT(
        [&] { engine.prepare(small(), problem); },
        testing::ThrowsMessage<DeviceError>(AllOf(HasSubstr("pip install nvidia-cuda-nvrtc"), HasSubstr("ATTUNE_NVRTC"),
                                                  HasSubstr("/nowhere/libnvrtc.so"))));
  EXPECT_THROW(engine.prepare(small(), problem, {.mode = PrepareMode::CacheOnly}), CacheMiss);
}

// Rank 0 compiles; the others have no NVRTC, no cache folder, and no wish to compile.
TEST_F(EngineCache, ABlobTakesKernelsToAnotherProcess) {
  Engine engine(device, costModel(), {.folder = ""});
  engine.prepare(small(), problem, {.splits = 3});
  const std::string blob = engine.exportCache();
  std::ofstream(folder / "blob", std::ios::binary) << blob;
  EXPECT_TRUE(withoutNvrtc("EngineCache.DISABLED_TakesABlob", folder.path().string()));
  EXPECT_EQ(engine.importCache(blob), 0U) << "it has them all";
}
TEST_F(EngineCache, DISABLED_TakesABlob) {
  std::ifstream file(std::filesystem::path(std::getenv("ATTUNE_CACHE_DIR")) / "blob", std::ios::binary);
  const std::string blob{std::istreambuf_iterator<char>(file), {}};
  Engine engine(device, costModel(), {.folder = ""});
  const PrepareOptions only{.splits = 3, .mode = PrepareMode::CacheOnly};
  EXPECT_THROW(engine.prepare(small(), problem, only), CacheMiss);
  EXPECT_EQ(engine.importCache(blob), 2U);
  const Launchable tensors(device, small(), 1, 1, 300);
  engine.launch(engine.prepare(small(), problem, only), tensors.tensors());
  EXPECT_TRUE(tensors.right());
  EXPECT_EQ(engine.cacheCounters().loads, 2U);
}

TEST_F(EngineCache, ADamagedBlobIsRefusedWhole) {
  Engine engine(device, costModel(), cache());
  engine.prepare(small(), problem, {.splits = 3});
  const std::string blob = engine.exportCache();
  Engine other(device, costModel(), {.folder = ""});
  for (const std::size_t at : {std::size_t{0}, blob.size() / 2, blob.size() - 1}) {
    std::string damaged = blob;
    damaged[at] ^= 1;
    EXPECT_THAT(refusal([&] { other.importCache(damaged); }), HasSubstr("bundle 'in memory'")) << at;
  }
  EXPECT_THAT(refusal([&] { other.importCache(std::string_view(blob).substr(0, blob.size() - 1)); }),
              HasSubstr("bundle 'in memory'"));
  EXPECT_THROW(other.prepare(small(), problem, {.splits = 3, .mode = PrepareMode::CacheOnly}), CacheMiss);
}

} // namespace
} // namespace attune
