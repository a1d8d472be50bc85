#pragma once

#include "runtime/cache/Folder.h"

#include <chrono>
#include <functional>
#include <string>

namespace attune::cache {

/// One key of a folder, locked against other processes and threads for as long as this lives.
class KeyLock {
public:
  /// Waits until the lock is there, `done` says that it is not needed any more, or `timeout` is over.
  KeyLock(const Folder& folder, const std::string& name, std::chrono::milliseconds timeout,
          const std::function<bool()>& done);

  bool held() const { return static_cast<bool>(lock_); }
  bool waited() const { return waited_; }

private:
  bool waited_ = false;
  Descriptor lock_;
};

} // namespace attune::cache
