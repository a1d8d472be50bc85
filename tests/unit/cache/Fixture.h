#pragma once

#include "runtime/cache/EntryStore.h"
#include "tests/support/TemporaryFolder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace attune::cache {

/// A store in a folder of its own, with its warnings written down.
class StoreTest : public testing::Test {
protected:
  StoreOptions options() {
    return {.kind = "things",
            .user = folder / "cache",
            .stale_age = std::chrono::seconds(0),
            .lock_timeout = std::chrono::seconds(60),
            .warn = [this](std::string_view text) { warnings.emplace_back(text); }};
  }

  static std::string contents(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void overwrite(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  /// Runs `body` in a child; true if it says so. Failures of the child are failures of its result.
  static bool inChild(const std::function<bool()>& body) {
    const pid_t child = ::fork();
    if (child == 0)
      ::_exit(body() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  /// In memory where there is such a folder: what is tested here is not the disk.
  const TemporaryFolder folder{std::filesystem::is_directory("/dev/shm") ? "/dev/shm"
                                                                         : std::filesystem::temp_directory_path()};
  std::vector<std::string> warnings;
};

} // namespace attune::cache
