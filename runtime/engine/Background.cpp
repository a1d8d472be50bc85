#include "runtime/engine/Background.h"

#include "attune/compiler/Error.h"

#include <string>
#include <system_error>
#include <utility>

namespace attune {

Background::~Background() {
  std::deque<Task> left;
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
    left.swap(tasks_);
  }
  changed_.notify_all();
  for (const Task& task : left)
    task.settled();
  if (thread_.joinable())
    thread_.join();
}

void Background::add(Task task) {
  {
    const std::scoped_lock lock(mutex_);
    try {
      if (!thread_.joinable())
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& error) {
      throw DeviceError(std::string("no thread for background work: ") + error.what() +
                        ". Raise the limit of processes, or prepare blocking");
    }
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void Background::run() {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
      if (stop_)
        return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task.work();
    task.settled();
  }
}

} // namespace attune
