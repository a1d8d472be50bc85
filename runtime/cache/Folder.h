#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune::cache {

/// A file descriptor that closes itself; -1: none.
class Descriptor {
public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

private:
  int fd_;
};

/// Files of one store and tier in a folder that nobody else can write. Names are "ab12...": the first two characters
/// are a subfolder. Nothing here throws: what goes wrong is said in `why`.
class Folder {
public:
  /// Creates it (0700) if `create`; else `why` is empty if there is none. Null if it is missing, or if it or what it is
  /// in (`root`) belongs to another user (root's is fine where nothing is created) or can be written by others.
  static std::unique_ptr<Folder> open(const std::filesystem::path& root, const std::string& kind, bool create,
                                      std::string& why);

  const std::filesystem::path& path() const { return path_; }

  enum class Purpose { Use, Look }; ///< looking is not using: it does not keep an entry from being evicted
  /// Null with an empty `why`: there is none. Symbolic links and files of others are refused.
  std::optional<std::string> read(const std::string& name, std::string& why, Purpose purpose = Purpose::Use) const;
  /// To a private file first, which is synced, and renamed when it is whole.
  bool write(const std::string& name, std::string_view bytes, std::string& why) const;
  bool remove(const std::string& name) const;

  struct File {
    std::string name;
    std::uint64_t bytes = 0;
    std::filesystem::file_time_type last_used;
  };
  std::vector<File> files() const; ///< sorted by name
  /// Those of one subfolder that begin with `prefix`.
  std::vector<std::string> names(const std::string& prefix) const;

  /// Locks `name` against other processes and threads, if that can be had at once. The lock ends with the descriptor,
  /// or with its process.
  Descriptor tryLock(const std::string& name, bool& supported) const;

  /// Removes private files whose writers are gone: not locked, and not touched for `age`.
  int sweep(std::chrono::seconds age) const;

private:
  Folder(std::filesystem::path path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::filesystem::path path_;
  Descriptor fd_;
};

} // namespace attune::cache
