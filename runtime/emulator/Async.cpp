#include "runtime/emulator/Async.h"

#include <cstring>

namespace attune::emulator {

void AsyncQueue::reset() {
  copies_.clear();
  committed_.fill(0);
}

void AsyncQueue::issue(std::uint32_t lane, const std::byte* source, std::byte* destination, std::uint32_t bytes,
                       std::uint32_t source_bytes) {
  AsyncCopy& copy = copies_.emplace_back();
  copy.source = source;
  copy.destination = destination;
  copy.group = committed_[lane];
  copy.lane = lane;
  copy.bytes = bytes;
  copy.source_bytes = source_bytes;
  if (bytes == 16) // the size of nearly all: inlined
    std::memset(destination, 0xff, 16);
  else
    std::memset(destination, 0xff, bytes); // NaN, whatever the type
}

void AsyncQueue::commit(std::uint32_t lanes) {
  for (unsigned lane = 0; lane < 32; ++lane)
    committed_[lane] += (lanes >> lane) & 1;
}

template <class Predicate>
void AsyncQueue::landIf(Predicate due) {
  std::size_t kept = 0;
  for (const AsyncCopy& copy : copies_) {
    if (!due(copy)) {
      copies_[kept++] = copy;
      continue;
    }
    if (copy.source_bytes == 16) {
      std::memcpy(copy.destination, copy.source, 16);
      continue;
    }
    if (copy.source_bytes != 0)
      std::memcpy(copy.destination, copy.source, copy.source_bytes);
    std::memset(copy.destination + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
  }
  copies_.resize(kept);
}

void AsyncQueue::wait(std::uint32_t lanes, std::uint32_t keep) {
  landIf([&](const AsyncCopy& copy) {
    return ((lanes >> copy.lane) & 1) != 0 && std::uint64_t{copy.group} + keep < committed_[copy.lane];
  });
}

void AsyncQueue::landAll(std::uint32_t lanes) {
  landIf([&](const AsyncCopy& copy) { return ((lanes >> copy.lane) & 1) != 0; });
}

void AsyncQueue::landSome(Random& random) {
  landIf([&](const AsyncCopy&) { return random.below(4) == 0; });
}

} // namespace attune::emulator
