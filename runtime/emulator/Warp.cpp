#include "runtime/emulator/Warp.h"

#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/Block.h"

#include <algorithm>

namespace attune::emulator {

namespace {
constexpr unsigned patience = 64; ///< slices
}

void Warp::reset(Block& home, unsigned which, std::uint32_t lanes) {
  block = &home;
  index = which;
  pc_ = 0;
  active_ = alive_ = began_ = lanes;
  meeting_ = ~0u;
  others_.clear();
  async.reset();
  memory = home.launch.early;
  recent = 0;
  clock = 0;
  retries_ = 0;
  state = State::Ready;
}

std::uint64_t Warp::run(std::uint64_t slice) {
  const Instr* const code = program->code.data();
  std::uint64_t* const executions = tally->executions.data();
  std::uint64_t ran = 0;
  for (; ran < slice && state == State::Ready; ++ran) {
    if (pc_ >= meeting_) [[unlikely]]
      meet();
    const std::uint32_t at = pc_++;
    const Instr& instr = code[at];
    exec = active_;
    if (instr.guard != no_slot) {
      const std::uint32_t mask = predicate(instr.guard);
      exec &= instr.guard_negated ? ~mask : mask;
      if (exec == 0)
        continue;
    }
    ++executions[at];
    instr.run(*this, instr);
  }
  clock += ran;
  if (ran == slice && !others_.empty() && ++stalled_ > patience)
    letAnotherGroupRun();
  return ran;
}

/// The lowest group may spin on what another one has yet to write. PTX promises progress to each thread.
void Warp::letAnotherGroupRun() {
  for (std::size_t i = 0; i < others_.size(); ++i) {
    if (others_[i].waits)
      continue;
    const Group chosen = others_[i];
    others_.erase(others_.begin() + static_cast<std::ptrdiff_t>(i));
    park(pc_, active_, false);
    pc_ = chosen.pc;
    active_ = chosen.lanes;
    meeting_ = ~0u; // until it branches apart, waits or ends
    return;
  }
}

void Warp::park(std::uint32_t pc, std::uint32_t lanes, bool waits) {
  for (Group& group : others_) {
    if (group.pc == pc && group.waits == waits) {
      group.lanes |= lanes;
      return;
    }
  }
  others_.push_back({pc, lanes, waits});
}

void Warp::updateMeeting() {
  meeting_ = ~0u;
  for (const Group& group : others_)
    if (!group.waits)
      meeting_ = std::min(meeting_, group.pc);
}

/// The current group has come to, or past, the lowest other one: merge with it, or let it catch up.
void Warp::meet() {
  if (pc_ > meeting_) {
    park(pc_, active_, false);
    active_ = 0;
    pc_ = meeting_;
  }
  std::erase_if(others_, [this](const Group& group) {
    const bool met = group.pc == pc_ && !group.waits;
    active_ |= met ? group.lanes : 0;
    return met;
  });
  stalled_ = 0;
  updateMeeting();
}

/// The current group has nothing more to do for now.
void Warp::next() {
  active_ = 0;
  updateMeeting();
  if (meeting_ == ~0u) {
    if (others_.empty()) {
      if (block->proxy)
        block->proxy->copies.leave(*this);
      async.reset(); // nobody waited for what is still under way, so nobody may see it
      state = State::Done;
      block->exited(*this);
      return;
    }
    std::string who;
    for (const Group& group : others_)
      who += (who.empty() ? "" : "; ") + std::to_string(std::popcount(group.lanes)) +
             " lanes wait for the rest of the warp at line " + std::to_string(program->code[group.pc].line);
    throw Fault{"deadlock inside a warp: " + who};
  }
  pc_ = meeting_;
  meet();
}

void Warp::branch(std::uint32_t target) {
  if (exec == active_) {
    pc_ = target;
    return;
  }
  park(target, exec, false);
  active_ &= ~exec;
  updateMeeting();
}

void Warp::branchEach(const std::uint32_t* targets) {
  if (exec != active_)
    park(pc_, active_ & ~exec, false);
  for (unsigned lane = 0; lane < 32; ++lane)
    if ((exec >> lane) & 1)
      park(targets[lane], 1u << lane, false);
  next();
}

void Warp::exit() {
  alive_ &= ~exec;
  active_ &= ~exec;
  for (Group& group : others_)
    group.waits = false; // they may have waited for these lanes only
  updateMeeting();
  if (active_ == 0)
    next();
}

bool Warp::converge(std::uint32_t members) {
  const std::uint32_t needed = members & alive_;
  if ((needed & ~exec) == 0)
    return true;
  const std::uint32_t here = pc_ - 1;
  std::uint32_t gathered = active_;
  for (const Group& group : others_)
    gathered |= group.pc == here ? group.lanes : 0;
  --tally->executions[here];
  if (exec != active_)
    throw Fault{"a guarded instruction of the whole warp leaves out lanes that it names"};
  if ((needed & ~gathered) == 0) {
    std::erase_if(others_, [&](const Group& group) { return group.pc == here; });
    active_ = gathered;
    pc_ = here;
    updateMeeting();
    return false;
  }
  park(here, active_, true);
  next();
  return false;
}

void Warp::retry(const Wait& why) {
  --tally->executions[--pc_];
  wait = why;
  const bool others_run = std::any_of(others_.begin(), others_.end(), [](const Group& group) { return !group.waits; });
  if (!others_run || ++retries_ > 2 * (others_.size() + 1))
    state = State::Blocked; // every group has tried since the last event
  else
    letAnotherGroupRun();
}

std::uint32_t Warp::thread() const { return block->clockOfWarp(index); }

std::string Wait::describe(const Block& block) const {
  switch (kind) {
  case Kind::Mbarrier:
    return "parity " + std::to_string(parity) + " of the " + block.proxy->barriers.describe(value);
  case Kind::Registers:
    return block.proxy->registers.describe(value);
  case Kind::Warpgroup:
    return "the other warps of its warpgroup";
  case Kind::Cluster:
    return "the other blocks of the cluster";
  }
  return {};
}

std::string Warp::where() const {
  const std::uint32_t at = pc_ > 0 && state != State::Blocked ? pc_ - 1 : pc_;
  return "line " + std::to_string(program->code[at].line);
}

} // namespace attune::emulator
