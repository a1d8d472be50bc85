#include "runtime/io/WholeFile.h"

#include "tests/support/Refusal.h"
#include "tests/support/TemporaryFolder.h"

#include <gtest/gtest.h>

#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>

namespace attune {
namespace {

std::vector<std::byte> bytes(std::string_view text) {
  const auto span = std::as_bytes(std::span(text));
  return {span.begin(), span.end()};
}

void write(const std::filesystem::path& path, std::string_view first, std::string_view second = {}) {
  const std::vector<std::byte> a = bytes(first), b = bytes(second);
  const std::vector<std::span<const std::byte>> parts = {a, b};
  writeWhole(path, parts);
}

std::size_t filesIn(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

TEST(WholeFile, WritesPartsAndReplaces) {
  const TemporaryFolder folder;
  write(folder / "a", "one", "two");
  EXPECT_EQ(readWhole(folder / "a"), bytes("onetwo"));
  write(folder / "a", "");
  EXPECT_TRUE(readWhole(folder / "a").empty());
  EXPECT_EQ(filesIn(folder), 1u) << "no private file stays behind";
}

TEST(WholeFile, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  const std::string here = folder.path().string();
  EXPECT_EQ(refusal([&] { readWhole(folder / "none"); }),
            "invalid: file '" + here +
                "/none': it cannot be opened: No such file or directory; check the path and its permissions");
  EXPECT_EQ(refusal([&] { readWhole(folder.path()); }),
            "invalid: file '" + here + "': it is not a regular file; give the path of a file");
  EXPECT_EQ(refusal([&] { write("/dev/null", "x"); }),
            "invalid: file '/dev/null': it exists and is not a regular file; give the path of a file");
  EXPECT_EQ(refusal([&] { write(folder / "none/a", "x"); }),
            "invalid: file '" + here +
                "/none/a': its folder cannot be written: No such file or directory; "
                "create the folder or name another one");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_NE(refusal([&] { readWhole(folder / "pipe"); }), "") << "and it must not wait for a writer";
}

TEST(WholeFile, AFailureLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  write(folder / "a", "old");
  // a file size limit of 8 bytes stands for a full disk; without the handler the kernel would end us
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{8, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(write(folder / "a", "much more than eight bytes"), DeviceError);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(readWhole(folder / "a"), bytes("old"));
  EXPECT_EQ(filesIn(folder), 1u);
}

} // namespace
} // namespace attune
