#include "runtime/engine/Background.h"

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
    tasks_.push_back(std::move(task));
    if (!thread_.joinable())
      thread_ = std::thread([this] { run(); });
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
