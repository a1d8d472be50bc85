#include "runtime/toolchain/Toolchain.h"

#include "attune/compiler/Error.h"
#include "runtime/toolchain/Nvrtc.h"
#include "runtime/toolchain/Templates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

namespace attune {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr const char* copy_kernel = R"(extern "C" __global__ void copy(float* to, const float* from) {
  to[threadIdx.x] = from[threadIdx.x];
})";

TEST(Toolchain, MakesPtxForThePortableTarget) {
  const Build build = Toolchain::shared()->build(copy_kernel, "sm_80", Image::Kind::Ptx, "copy");
  EXPECT_EQ(build.image.kind, Image::Kind::Ptx);
  EXPECT_THAT(build.image.bytes, AllOf(HasSubstr(".target sm_80"), HasSubstr(".entry copy")));
  EXPECT_FALSE(build.log.resources.has_value());
  EXPECT_GT(build.log.milliseconds, 0);
}

TEST(Toolchain, MakesCubinsForExactlyTheTarget) {
  for (const char* arch : {"sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_120"}) {
    const Build build = Toolchain::shared()->build(copy_kernel, arch, Image::Kind::Cubin, "copy");
    EXPECT_EQ(build.image.kind, Image::Kind::Cubin) << arch;
    EXPECT_EQ(build.image.bytes.substr(1, 3), "ELF") << arch;
    ASSERT_TRUE(build.log.resources.has_value()) << arch;
    EXPECT_GT(build.log.resources->registers, 0) << arch;
    EXPECT_EQ(build.log.resources->spill_bytes, 0) << arch;
    EXPECT_TRUE(build.log.warnings.empty()) << build.log.text;
  }
}

TEST(Toolchain, ReportsLocalMemory) {
  const Build build = Toolchain::shared()->build(R"(extern "C" __global__ void k(float* p, int n) {
    float a[40];
    for (int i = 0; i < n; i++) a[i * 7 % 40] = p[i];
    p[n] = a[n % 40];
  })",
                                                 "sm_80", Image::Kind::Cubin);
  EXPECT_EQ(build.log.resources->local_bytes, 160);
  EXPECT_EQ(build.log.warnings.size(), 1U) << build.log.text;
}

TEST(Toolchain, ABrokenTextIsOurBugWithAnExcerpt) {
  EXPECT_THAT([] { Toolchain::shared()->build("// one\n// two\nint x = y;\n", "sm_80", Image::Kind::Ptx, "broken"); },
              ThrowsMessage<InternalError>(
                  AllOf(HasSubstr("broken.cu does not compile for sm_80"), HasSubstr(">    3 | int x = y;"))));
}

TEST(Toolchain, RefusesTargetsThatThisNvrtcCannotReach) {
  EXPECT_THAT([] { Toolchain::shared()->build(copy_kernel, "sm_35", Image::Kind::Cubin); },
              ThrowsMessage<DeviceError>(AllOf(HasSubstr("NVRTC"), HasSubstr("sm_35"), HasSubstr("sm_80"))));
  EXPECT_THAT([] { Toolchain::shared()->build(copy_kernel, "sm_999a", Image::Kind::Cubin); },
              ThrowsMessage<DeviceError>(HasSubstr("sm_999a")));
}

TEST(Toolchain, AnUnknownPortableTargetGetsPtx) {
  const Build build = Toolchain::shared()->build(copy_kernel, "sm_999", Image::Kind::Cubin);
  EXPECT_EQ(build.image.kind, Image::Kind::Ptx);
  ASSERT_EQ(build.log.warnings.size(), 1U);
  EXPECT_THAT(build.log.warnings[0], HasSubstr("sm_999"));
}

TEST(Toolchain, CarriesEveryTemplate) {
  std::vector<std::string> names;
  for (const EmbeddedFile& header : templates())
    names.emplace_back(header.name);
  EXPECT_THAT(names, testing::Contains("attune/tile.cuh"));
  const Build build = Toolchain::shared()->build("#include <attune/tile.cuh>\n", "sm_80", Image::Kind::Ptx, "include");
  EXPECT_TRUE(build.log.warnings.empty()) << build.log.text;
}

TEST(Toolchain, CompilesFromManyThreads) {
  std::vector<std::jthread> threads;
  std::vector<Build> builds(4);
  for (Build& build : builds)
    threads.emplace_back([&build] { build = Toolchain::shared()->build(copy_kernel, "sm_80", Image::Kind::Cubin); });
  threads.clear();
  for (const Build& build : builds)
    EXPECT_EQ(build.image.bytes, builds[0].image.bytes);
}

} // namespace
} // namespace attune
