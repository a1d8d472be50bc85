#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

namespace attune::cli {

/// How far a long job is, on stderr: a bar with the time left on a terminal, one line per item elsewhere. Thread-safe.
class Progress {
public:
  explicit Progress(std::size_t total);
  ~Progress(); ///< wipes the bar
  /// An item is done; `line` says what came of it. Items that took no time say nothing about the time left.
  void done(std::string_view line, bool took_time);

  /// "1:04:07", "4:07"
  static std::string clock(double seconds);

private:
  void draw();

  const std::size_t total_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::size_t done_ = 0, worked_ = 0;
};

} // namespace attune::cli
