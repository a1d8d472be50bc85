#include "runtime/cache/Folder.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace attune::cache {

namespace {

namespace fs = std::filesystem;

constexpr mode_t private_folder = 0700, private_file = 0600;
constexpr off_t largest_entry = off_t{1} << 30;
constexpr const char* temporaries = "tmp";
constexpr const char* locks = "locks";

std::string last(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

bool ours(const struct stat& status) { return status.st_uid == ::geteuid() || status.st_uid == 0; }
bool othersWrite(const struct stat& status) { return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0; }

/// As mkdir -p, for the user alone. The XDG specification asks for it too.
bool createFolders(const fs::path& path) {
  if (::mkdir(path.c_str(), private_folder) == 0 || errno == EEXIST)
    return true;
  return errno == ENOENT && path.has_relative_path() && createFolders(path.parent_path()) &&
         (::mkdir(path.c_str(), private_folder) == 0 || errno == EEXIST);
}

bool trusted(int fd, std::string& why) {
  struct stat status{};
  if (::fstat(fd, &status) != 0)
    why = last("it cannot be examined");
  else if (!ours(status))
    why = "it belongs to user " + std::to_string(status.st_uid);
  else if (othersWrite(status))
    why = "others can write it (chmod go-w)";
  else
    return true;
  return false;
}

std::string fileOf(const std::string& name) { return name.substr(0, 2) + "/" + name; }

bool writeAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR)
      return false;
    if (written > 0)
      bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

} // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0)
    ::close(fd_);
}

std::unique_ptr<Folder> Folder::open(const fs::path& root, const std::string& kind, bool create, std::string& why) {
  if (create && !createFolders(root)) {
    why = last("it cannot be created");
    return nullptr;
  }
  why.clear();
  struct stat link{};
  if (::lstat(root.c_str(), &link) == 0 && S_ISLNK(link.st_mode) && !ours(link)) {
    why = "it is a link made by user " + std::to_string(link.st_uid);
    return nullptr;
  }
  const Descriptor root_fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root_fd) {
    if (create || errno != ENOENT)
      why = last("it cannot be opened");
    return nullptr;
  }
  if (!trusted(root_fd.get(), why))
    return nullptr;
  if (create)
    ::mkdirat(root_fd.get(), kind.c_str(), private_folder); // if it fails, opening says why
  Descriptor fd(::openat(root_fd.get(), kind.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    if (create || errno != ENOENT)
      why = last("it cannot be opened");
    return nullptr;
  }
  if (!trusted(fd.get(), why))
    return nullptr;
  return std::unique_ptr<Folder>(new Folder(root / kind, std::move(fd)));
}

std::optional<std::string> Folder::read(const std::string& name, std::string& why, Purpose purpose) const {
  why.clear();
  // O_NONBLOCK: opening a pipe that somebody put there would wait
  const Descriptor file(::openat(fd_.get(), fileOf(name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    if (errno != ENOENT)
      why = last("it cannot be opened");
    return std::nullopt;
  }
  struct stat status{};
  if (!trusted(file.get(), why))
    return std::nullopt;
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > largest_entry) {
    why = "it is not a file of sensible size";
    return std::nullopt;
  }
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t got = ::read(file.get(), bytes.data() + at, bytes.size() - at);
    if (got < 0 && errno != EINTR) {
      why = last("it cannot be read");
      return std::nullopt;
    }
    if (got == 0)
      bytes.resize(at); // it shrank: whoever reads it finds it truncated
    at += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  }
  constexpr time_t hour = 3600;
  if (purpose == Purpose::Use &&
      std::abs(::time(nullptr) - status.st_mtim.tv_sec) > hour) { // entries are never changed: mtime is the last use
    const timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
    ::futimens(file.get(), times);
  }
  return bytes;
}

bool Folder::write(const std::string& name, std::string_view bytes, std::string& why) const {
  static std::atomic<unsigned> serial = 0;
  const std::string temporary = std::string(temporaries) + "/" + std::to_string(::getpid()) + "-" +
                                std::to_string(serial++) + "-" + name.substr(0, 8);
  ::mkdirat(fd_.get(), temporaries, private_folder);
  ::mkdirat(fd_.get(), name.substr(0, 2).c_str(), private_folder);
  ::unlinkat(fd_.get(), temporary.c_str(), 0); // of a process long gone that had our number
  const Descriptor file(
      ::openat(fd_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, private_file));
  if (!file) {
    why = last("it cannot be written");
    return false;
  }
  ::flock(file.get(), LOCK_EX | LOCK_NB); // tells sweep() that we live
  if (writeAll(file.get(), bytes) && ::fsync(file.get()) == 0 &&
      ::renameat(fd_.get(), temporary.c_str(), fd_.get(), fileOf(name).c_str()) == 0)
    return true;
  why = last("it cannot be written");
  ::unlinkat(fd_.get(), temporary.c_str(), 0);
  return false;
}

bool Folder::remove(const std::string& name) const { return ::unlinkat(fd_.get(), fileOf(name).c_str(), 0) == 0; }

std::vector<Folder::File> Folder::files() const {
  std::vector<File> found;
  std::error_code ignored;
  for (fs::directory_iterator folder(path_, ignored), end; folder != end; folder.increment(ignored)) {
    if (folder->path().filename().string().size() != 2)
      continue; // tmp, locks
    for (fs::directory_iterator file(folder->path(), ignored); file != end; file.increment(ignored)) {
      struct stat status{};
      if (::lstat(file->path().c_str(), &status) == 0) {
        const auto used =
            std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
        found.push_back({file->path().filename().string(), static_cast<std::uint64_t>(status.st_size),
                         std::chrono::file_clock::from_sys(std::chrono::sys_time<std::chrono::nanoseconds>(used))});
      }
    }
  }
  std::ranges::sort(found, {}, &File::name);
  return found;
}

std::vector<std::string> Folder::names(const std::string& prefix) const {
  std::vector<std::string> found;
  std::error_code ignored;
  for (fs::directory_iterator file(path_ / prefix.substr(0, 2), ignored), end; file != end; file.increment(ignored))
    if (std::string name = file->path().filename().string(); name.starts_with(prefix))
      found.push_back(std::move(name));
  std::ranges::sort(found);
  return found;
}

Descriptor Folder::tryLock(const std::string& name, bool& supported) const {
  ::mkdirat(fd_.get(), locks, private_folder);
  Descriptor file(::openat(fd_.get(), (std::string(locks) + "/" + name).c_str(),
                           O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, private_file));
  if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0)
    return file;
  supported = file && errno == EWOULDBLOCK;
  return Descriptor();
}

int Folder::sweep(std::chrono::seconds age) const {
  int removed = 0;
  std::error_code ignored;
  for (fs::directory_iterator it(path_ / temporaries, ignored), end; it != end; it.increment(ignored)) {
    const Descriptor file(::open(it->path().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    struct stat status{};
    // the clock may have been set back: a file of the future is as old as one of the past
    if (file && ::fstat(file.get(), &status) == 0 && std::abs(::time(nullptr) - status.st_mtim.tv_sec) >= age.count() &&
        ::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && ::unlink(it->path().c_str()) == 0)
      ++removed;
  }
  return removed;
}

} // namespace attune::cache
