#include "autotune/cli/Progress.h"

#include "autotune/cli/Output.h"

#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace attune::cli {

namespace {

constexpr const char* wipe = "\r\033[K";

} // namespace

Progress::Progress(std::size_t total) : total_(total), terminal_(isatty(STDERR_FILENO) != 0) {
  if (terminal_)
    draw();
}

Progress::~Progress() {
  if (terminal_)
    fmt::print(stderr, "{}", wipe);
}

void Progress::done(std::string_view line, bool took_time) {
  const std::scoped_lock lock(mutex_);
  ++done_;
  worked_ += took_time;
  if (terminal_)
    fmt::print(stderr, "{}", wipe);
  progress(fmt::format("{}/{}  {}", done_, total_, line));
  if (terminal_)
    draw();
}

void Progress::draw() {
  constexpr std::size_t width = 32;
  const std::size_t filled = total_ ? width * done_ / total_ : width;
  const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const std::string left =
      worked_ ? clock(spent / static_cast<double>(worked_) * static_cast<double>(total_ - done_)) + " left" : "";
  fmt::print(stderr, "[{:#<{}}{:.<{}}] {}/{}  {}", "", filled, "", width - filled, done_, total_, left);
  std::fflush(stderr);
}

std::string Progress::clock(double seconds) {
  const long s = std::lround(seconds);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

} // namespace attune::cli
