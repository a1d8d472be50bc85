#include "runtime/cache/Paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

namespace attune::cache {
namespace {

class Paths : public testing::Test {
protected:
  Paths() {
    for (const char* name : {"ATTUNE_CACHE_DIR", "XDG_CACHE_HOME", "XDG_DATA_DIRS", "HOME"}) {
      if (const char* value = std::getenv(name))
        before_[name] = value;
      unsetenv(name);
    }
  }
  ~Paths() override {
    for (const char* name : {"ATTUNE_CACHE_DIR", "XDG_CACHE_HOME", "XDG_DATA_DIRS", "HOME"})
      before_.contains(name) ? setenv(name, before_[name].c_str(), 1) : unsetenv(name);
  }

private:
  std::map<std::string, std::string> before_;
};

TEST_F(Paths, TheUsersTier) {
  EXPECT_EQ(userCacheFolder(), "") << "no home: nothing is kept";
  setenv("HOME", "/home/ada", 1);
  EXPECT_EQ(userCacheFolder(), "/home/ada/.cache/attune");
  setenv("XDG_CACHE_HOME", "not/absolute", 1);
  EXPECT_EQ(userCacheFolder(), "/home/ada/.cache/attune");
  setenv("XDG_CACHE_HOME", "/scratch/ada", 1);
  EXPECT_EQ(userCacheFolder(), "/scratch/ada/attune");
  setenv("ATTUNE_CACHE_DIR", "/fast/disk", 1);
  EXPECT_EQ(userCacheFolder(), "/fast/disk");
  setenv("ATTUNE_CACHE_DIR", "", 1);
  EXPECT_EQ(userCacheFolder(), "") << "switched off";
}

TEST_F(Paths, TheSystemTiers) {
  EXPECT_THAT(systemCacheFolders(), testing::ElementsAre("/usr/local/share/attune", "/usr/share/attune"));
  setenv("XDG_DATA_DIRS", "/opt/share:relative::/usr/share", 1);
  EXPECT_THAT(systemCacheFolders(), testing::ElementsAre("/opt/share/attune", "/usr/share/attune"));
}

} // namespace
} // namespace attune::cache
