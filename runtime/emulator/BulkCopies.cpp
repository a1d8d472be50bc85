#include "runtime/emulator/BulkCopies.h"

#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/Block.h"
#include "runtime/emulator/Races.h"

#include <algorithm>
#include <cstring>

namespace attune::emulator {

namespace {

/// f(offset in shared memory, offset in the piece, bytes) for the parts of a piece that the swizzle keeps together.
template <class F>
void eachChunk(const BulkBox& box, const BulkBox::Piece& piece, F f) {
  for (std::uint32_t done = 0; done < piece.bytes;) {
    const std::uint32_t linear = box.offset + piece.shared + done;
    const std::uint32_t bytes = box.swizzle == 0 ? piece.bytes - done : std::min(piece.bytes - done, 16 - linear % 16);
    f(linear ^ (linear >> 7 & box.swizzle) << 4, done, bytes);
    done += bytes;
  }
}

std::uint32_t lineOf(const Warp& warp) { return warp.program->code[warp.pc() - 1].line; }

} // namespace

void BulkCopies::reset() {
  copies_.clear();
  committed_.assign(home_.warpCount(), {});
}

Stamp BulkCopies::nextStamp(std::uint32_t signal) {
  const std::uint32_t clock = home_.clockOfCopies(signal);
  return {clock, home_.clocks->tick(clock)};
}

void BulkCopies::load(Warp& warp, BulkBox box, std::uint32_t ranks, std::uint32_t barrier) {
  Copy copy;
  copy.warp = warp.index, copy.line = lineOf(warp), copy.ranks = ranks, copy.barrier = barrier;
  for (const auto& peer : home_.peers) {
    if ((ranks >> peer->rank & 1) == 0)
      continue;
    if (std::uint64_t{box.offset} + box.bytes > peer->shared_bytes)
      throw Fault{"a bulk copy of " + std::to_string(box.bytes) + " bytes to offset " + std::to_string(box.offset) +
                  " of shared memory, which has " + std::to_string(peer->shared_bytes)};
    peer->proxy->barriers.checkForCopy(warp, barrier);
    peer->proxy->shadow.beginAsyncWrite(home_.clocks->moment(warp.thread(), warp.together()), box.offset, box.bytes);
    if (peer->races)
      peer->races->forget(box.offset, box.bytes);
    std::memset(peer->shared + box.offset, 0xff, box.bytes); // NaN, whatever the type
  }
  copy.stamp = nextStamp(signalOf(barrier));
  copy.box = std::move(box);
  copies_.push_back(std::move(copy));
}

void BulkCopies::store(Warp& warp, unsigned lane, BulkBox box, BulkReduction reduction) {
  if (std::uint64_t{box.offset} + box.bytes > home_.shared_bytes)
    throw Fault{"a bulk copy of " + std::to_string(box.bytes) + " bytes from offset " + std::to_string(box.offset) +
                " of shared memory, which has " + std::to_string(home_.shared_bytes)};
  Copy copy;
  copy.kind = Copy::Kind::Store;
  copy.warp = warp.index, copy.line = lineOf(warp), copy.lane = static_cast<std::uint8_t>(lane);
  copy.group = committed_[warp.index][lane];
  copy.stamp = nextStamp(warp.index * 5 + lane);
  home_.proxy->shadow.asyncRead(home_.clocks->moment(warp.thread(), 1u << lane), copy.stamp, box.offset, box.bytes,
                                "a bulk copy");
  copy.box = std::move(box);
  copy.reduction = reduction;
  copies_.push_back(std::move(copy));
}

void BulkCopies::commit(const Warp& warp) {
  for (unsigned lane = 0; lane < 32; ++lane)
    committed_[warp.index][lane] += warp.exec >> lane & 1;
}

void BulkCopies::wait(Warp& warp, std::uint32_t keep, bool only_read) {
  std::erase_if(copies_, [&](Copy& copy) {
    if (copy.kind != Copy::Kind::Store || copy.warp != warp.index || (warp.exec >> copy.lane & 1) == 0 ||
        std::uint64_t{copy.group} + keep >= committed_[warp.index][copy.lane])
      return false;
    capture(copy);
    home_.clocks->learn(warp.thread(), copy.stamp);
    if (!only_read)
      write(copy);
    return !only_read;
  });
}

void BulkCopies::arriveAfterCopies(Warp& warp, SharedPlace barrier) {
  barrier.block->proxy->barriers.checkInitialised(warp, barrier.offset);
  Copy copy;
  copy.kind = Copy::Kind::Arrive;
  copy.warp = warp.index, copy.line = lineOf(warp);
  copy.lanes = warp.exec, copy.barrier = barrier.offset, copy.at = barrier.block;
  copy.end = warp.async.issued();
  home_.clocks->release(warp.thread(), warp.exec, copy.known);
  copies_.push_back(std::move(copy));
}

bool BulkCopies::underWay() const {
  return std::any_of(copies_.begin(), copies_.end(), [](const Copy& copy) { return copy.kind != Copy::Kind::Store; });
}

void BulkCopies::landOne(Random& random) {
  std::uint32_t candidates = 0;
  for (const Copy& copy : copies_)
    candidates += copy.kind != Copy::Kind::Store;
  if (candidates == 0)
    return;
  std::uint32_t chosen = random.below(candidates);
  for (auto copy = copies_.begin(); copy != copies_.end(); ++copy) {
    if (copy->kind == Copy::Kind::Store || chosen-- != 0)
      continue;
    Copy landing = std::move(*copy);
    copies_.erase(copy);
    return land(landing);
  }
}

void BulkCopies::land(Copy& copy) {
  Warp& warp = home_.warps()[copy.warp];
  try {
    if (copy.kind == Copy::Kind::Load)
      return landLoad(copy);
    const Stamp by = nextStamp(signalOf(copy.barrier));
    warp.async.completeBefore(warp, copy.lanes, copy.end, copy.known, by);
    copy.known.seen[by.thread].until(by.time, by.lanes);
    copy.at->proxy->barriers.arrive(warp, copy.barrier, {.known = &copy.known});
  } catch (Fault& fault) {
    fault.line = copy.line;
    home_.reportFault(warp, fault);
  }
}

void BulkCopies::landLoad(Copy& copy) {
  for (const auto& peer : home_.peers) {
    if ((copy.ranks >> peer->rank & 1) == 0)
      continue;
    if (peer.get() != &home_)
      peer->visited(copy.stamp, copy.line);
    std::memset(peer->shared + copy.box.offset, std::to_integer<int>(copy.box.fill), copy.box.bytes);
    for (const BulkBox::Piece& piece : copy.box.pieces)
      eachChunk(copy.box, piece, [&](std::uint32_t shared, std::uint32_t from, std::uint32_t bytes) {
        std::memcpy(peer->shared + shared, piece.global + from, bytes);
      });
    peer->proxy->shadow.endAsyncWrite(copy.stamp, copy.box.offset, copy.box.bytes);
    peer->proxy->barriers.completeTransactions(copy.barrier, copy.box.bytes, copy.stamp);
  }
}

void BulkCopies::capture(Copy& copy) {
  if (copy.captured)
    return;
  copy.captured = true;
  copy.data.resize(copy.box.bytes);
  for (const BulkBox::Piece& piece : copy.box.pieces)
    eachChunk(copy.box, piece, [&](std::uint32_t shared, std::uint32_t from, std::uint32_t bytes) {
      std::memcpy(copy.data.data() + piece.shared + from, home_.shared + shared, bytes);
    });
}

void BulkCopies::write(Copy& copy) {
  for (const BulkBox::Piece& piece : copy.box.pieces) {
    if (copy.reduction != nullptr)
      copy.reduction(piece.global, copy.data.data() + piece.shared, piece.bytes);
    else
      std::memcpy(piece.global, copy.data.data() + piece.shared, piece.bytes);
  }
}

void BulkCopies::leave(Warp& warp) {
  for (std::size_t i = 0; i < copies_.size();) {
    if (copies_[i].kind != Copy::Kind::Arrive || copies_[i].warp != warp.index) {
      ++i;
      continue;
    }
    Copy landing = std::move(copies_[i]);
    copies_.erase(copies_.begin() + static_cast<std::ptrdiff_t>(i));
    land(landing);
  }
}

void BulkCopies::finish() {
  for (Copy& copy : copies_) {
    Fault fault;
    fault.line = copy.line;
    if (copy.kind == Copy::Kind::Load)
      fault.what = "the block ends while this copy to its shared memory is under way: nobody waited for it";
    else if (copy.kind == Copy::Kind::Store && !copy.captured)
      fault.what =
          "the block ends while this copy may still read its shared memory: cp.async.bulk.wait_group is missing";
    if (!fault.what.empty())
      home_.reportFault(home_.warps()[copy.warp], fault);
    if (copy.kind == Copy::Kind::Store)
      write(copy);
  }
  copies_.clear();
}

} // namespace attune::emulator
