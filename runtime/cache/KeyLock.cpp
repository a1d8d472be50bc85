#include "runtime/cache/KeyLock.h"

#include <algorithm>
#include <thread>

namespace attune::cache {

namespace {

Descriptor acquire(const Folder& folder, const std::string& name, std::chrono::milliseconds timeout,
                   const std::function<bool()>& done, bool& waited) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (std::chrono::milliseconds pause{1};; pause = std::min(pause * 2, std::chrono::milliseconds(50))) {
    bool supported = true;
    Descriptor lock = folder.tryLock(name, supported);
    if (lock || !supported)
      return lock;
    waited = true;
    if (done() || std::chrono::steady_clock::now() >= deadline)
      return Descriptor();
    std::this_thread::sleep_for(pause);
  }
}

} // namespace

KeyLock::KeyLock(const Folder& folder, const std::string& name, std::chrono::milliseconds timeout,
                 const std::function<bool()>& done)
    : lock_(acquire(folder, name, timeout, done, waited_)) {}

} // namespace attune::cache
