#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace attune {

/// One thread that does work in the order it came in. It starts with the first task.
class Background {
public:
  struct Task {
    std::function<void()> work;    ///< must not throw
    std::function<void()> settled; ///< after it, or if it will never be done; must not throw
  };

  Background() = default;
  /// Finishes the task that is being worked on, and only settles the others.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Throws DeviceError, and takes nothing, if the system has no thread to give.
  void add(Task task);

private:
  void run();

  std::mutex mutex_; ///< of what follows
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool stop_ = false;
  std::thread thread_;
};

} // namespace attune
