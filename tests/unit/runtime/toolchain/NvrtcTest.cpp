#include "runtime/toolchain/Nvrtc.h"

#include "attune/compiler/Error.h"
#include "tests/support/TemporaryFolder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace attune {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class Environment {
public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name))
      old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~Environment() { old_.empty() ? unsetenv(name_) : setenv(name_, old_.c_str(), 1); }

private:
  const char* name_;
  std::string old_;
};

class Search : public testing::Test {
protected:
  std::string touch(const std::string& file) const {
    std::filesystem::create_directories((root / file).parent_path());
    std::ofstream(root / file) << "not a library";
    return (root / file).string();
  }
  const TemporaryFolder folder;
  const std::filesystem::path root = folder.path();
};

TEST_F(Search, APinnedPathIsTheOnlyCandidate) {
  const Environment pinned("ATTUNE_NVRTC", "/opt/libnvrtc.so.13");
  EXPECT_THAT(nvrtcCandidates(), ElementsAre("/opt/libnvrtc.so.13"));
}

TEST_F(Search, FindsToolkitsAndWheels) {
  const std::string toolkit = touch("toolkit/lib64/libnvrtc.so.12");
  const std::string wheel13 = touch("venv/lib/python3.11/site-packages/nvidia/cu13/lib/libnvrtc.so.13");
  const std::string wheel12 = touch("venv/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12");
  touch("venv/bin/python3");
  const Environment pinned("ATTUNE_NVRTC", "");
  const Environment home("CUDA_HOME", (root / "toolkit").string());
  const Environment path("PATH", (root / "venv/bin").string());
  const std::vector<std::string> candidates = nvrtcCandidates();
  EXPECT_EQ(candidates.front(), "libnvrtc.so.13") << "what the loader knows comes first";
  EXPECT_THAT(candidates, Contains(toolkit));
  EXPECT_THAT(candidates, Contains(wheel13));
  EXPECT_THAT(candidates, Contains(wheel12));
}

TEST_F(Search, AMissingNvrtcSaysHowToGetIt) {
  const std::string fake = touch("libnvrtc.so.13");
  EXPECT_THAT([&] { Nvrtc::open({"/nowhere/libnvrtc.so", fake}); },
              ThrowsMessage<DeviceError>(testing::AllOf(HasSubstr("pip install nvidia-cuda-nvrtc"),
                                                        HasSubstr("CUDA toolkit"), HasSubstr("ATTUNE_NVRTC"),
                                                        HasSubstr("/nowhere/libnvrtc.so"), HasSubstr(fake))));
}

TEST_F(Search, AnOldNvrtcIsToldItsVersion) {
  EXPECT_THAT([] { Nvrtc::open({ATTUNE_FAKE_NVRTC}); },
              ThrowsMessage<DeviceError>(testing::AllOf(HasSubstr("is NVRTC 11.8, older than 12.0"),
                                                        HasSubstr("CUDA toolkit (12.0 or newer"))));
}

TEST_F(Search, ALibraryThatIsNotNvrtcIsNamed) {
  EXPECT_THAT([] { Nvrtc::open({"libc.so.6"}); },
              ThrowsMessage<DeviceError>(HasSubstr("libc.so.6 has no nvrtcVersion")));
}

} // namespace
} // namespace attune
