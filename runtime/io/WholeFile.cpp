#include "runtime/io/WholeFile.h"

#include "compiler/spec/Refuse.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace attune {

namespace {

std::string quoted(const std::filesystem::path& path) { return "file '" + path.string() + "'"; }

class Descriptor {
public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

private:
  int fd_;
};

/// Removes the private file unless it was renamed.
class PrivateFile {
public:
  explicit PrivateFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~PrivateFile() {
    if (!renamed_)
      ::unlink(path_.c_str());
  }
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;
  bool renameTo(const std::filesystem::path& to) { return renamed_ = ::rename(path_.c_str(), to.c_str()) == 0; }

private:
  std::filesystem::path path_;
  bool renamed_ = false;
};

[[noreturn]] void failed(const std::filesystem::path& path, const char* step) {
  throw DeviceError(quoted(path) + ": " + step + " failed: " + std::strerror(errno));
}

void append(int fd, std::span<const std::byte> bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR)
      failed(path, "writing");
    if (written > 0)
      bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

} // namespace

std::vector<std::byte> readWhole(const std::filesystem::path& path) {
  // O_NONBLOCK: a pipe that nobody writes to must not hang us before fstat can refuse it
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0)
    invalid(quoted(path), std::string("it cannot be opened: ") + std::strerror(errno),
            "check the path and its permissions");
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    invalid(quoted(path), "it is not a regular file", "give the path of a file");
  std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t got = ::read(file.get(), bytes.data() + at, bytes.size() - at);
    if (got < 0 && errno != EINTR)
      failed(path, "reading");
    if (got == 0) // it shrank meanwhile; whoever parses it will find it truncated
      bytes.resize(at);
    if (got > 0)
      at += static_cast<std::size_t>(got);
  }
  return bytes;
}

void writeWhole(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    invalid(quoted(path), "it exists and is not a regular file",
            "give the path of a file"); // a rename would replace /dev/null
  static std::atomic<unsigned> serial = 0;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const std::filesystem::path temporary =
      folder / ("." + path.filename().string() + "." + std::to_string(::getpid()) + "." + std::to_string(serial++));
  const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0)
    invalid(quoted(path), std::string("its folder cannot be written: ") + std::strerror(errno),
            "create the folder or name another one");
  PrivateFile guard(temporary);
  for (const auto part : parts)
    append(file.get(), part, path);
  if (::fsync(file.get()) != 0)
    failed(path, "syncing");
  if (!guard.renameTo(path))
    failed(path, "renaming");
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0)
    ::fsync(directory.get()); // best effort: some file systems refuse it for folders
}

} // namespace attune
