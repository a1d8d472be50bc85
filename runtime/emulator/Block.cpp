#include "runtime/emulator/Block.h"

#include "attune/compiler/Error.h"
#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/ClusterBarrier.h"
#include "runtime/emulator/Races.h"

#include <algorithm>
#include <cstring>

namespace attune::emulator {

namespace {
constexpr std::size_t line_bytes = 128;

std::byte* aligned(std::vector<std::byte>& storage) {
  const auto address = reinterpret_cast<std::uintptr_t>(storage.data());
  return storage.data() + (line_bytes - address % line_bytes) % line_bytes;
}
} // namespace

Block::Block(const Launch& of, Tally& tally, Clocks& of_cluster, unsigned rank_in_cluster)
    : launch(of), clocks(&of_cluster), rank(rank_in_cluster), shared_base(std::uint64_t{rank} << rank_shift),
      count_memory(of.options->counters) {
  const Program& program = *launch.program;
  const Dim3 block = launch.config.block;
  warps_.resize((std::size_t{block.x} * block.y * block.z + 31) / 32);
  shared_bytes = program.static_shared + launch.config.dynamic_shared;
  shared_storage.resize(shared_bytes + 1024);
  const auto address = reinterpret_cast<std::uintptr_t>(shared_storage.data());
  shared = shared_storage.data() + (1024 - address % 1024) % 1024;
  register_storage_.resize(program.register_bytes * warps_.size() + line_bytes);
  local_storage_.resize(program.local_bytes * 32 * warps_.size() + line_bytes);
  if (rank != 0)
    constants_ = program.constantsOf(rank);
  for (std::size_t i = 0; i < warps_.size(); ++i) {
    warps_[i].program = &program;
    warps_[i].tally = &tally;
    warps_[i].constants = rank == 0 ? program.constants.data() : constants_.data();
    warps_[i].registers = aligned(register_storage_) + i * program.register_bytes;
    warps_[i].local = aligned(local_storage_) + i * program.local_bytes * 32;
  }
  first_clock_ = rank * static_cast<std::uint32_t>(warps_.size() + units);
  if (launch.options->check_races)
    races = std::make_unique<RaceDetector>(shared_bytes, *clocks);
  if (program.uses_async_proxy)
    proxy = std::make_unique<AsyncProxy>(*this, shared_bytes, *clocks, *launch.options);
}

Block::~Block() = default;

void Block::start(const Dim3& at) {
  const Dim3 grid = launch.config.grid, block = launch.config.block;
  position = at;
  const std::uint64_t index = at.x + std::uint64_t{grid.x} * (at.y + std::uint64_t{grid.y} * at.z);
  random.state = launch.options->seed * 0x2545f4914f6cdd1d + index;
  poison({shared, shared_bytes}, random.next());
  poison(register_storage_, random.next());
  poison(local_storage_, random.next());
  if (races)
    races->reset();
  if (proxy)
    proxy->reset();
  for (Barrier& barrier : barriers_)
    barrier.clear();
  visits_.assign(clocks->threads(), {});
  ends_.clear();
  const std::uint32_t threads = block.x * block.y * block.z;
  for (unsigned i = 0; i < warps_.size(); ++i) {
    const std::uint32_t lanes = std::min(threads - i * 32, 32u);
    warps_[i].reset(*this, i, lanes == 32 ? ~0u : (1u << lanes) - 1);
  }
}

void Block::visited(const Stamp& by, std::uint32_t line) {
  if (ended())
    throw Fault{"the shared memory of block " + std::to_string(rank) + " of the cluster, which has ended"};
  Visit& last = visits_[by.thread];
  const bool known = clocks->ordered(last.by, by.thread, by.lanes);
  last = {{by.thread, by.time, known ? by.lanes : by.lanes | last.by.lanes}, line};
}

void Block::checkVisits() const {
  if (!races)
    return;
  for (std::uint32_t thread = 0; thread < visits_.size(); ++thread) {
    const Visit& visit = visits_[thread];
    if (visit.by.time == 0 || Clocks::knows(ends_, visit.by))
      continue;
    Fault fault{"race: " + nameOfClock(thread) + " accesses the shared memory of block " + std::to_string(rank) +
                " of the cluster, and nothing orders that before the end of this block (a barrier of the cluster, or a "
                "wait for what the access signals)"};
    fault.line = visit.line;
    reportFault(warps_.front(), fault);
  }
}

void Block::finish() {
  checkVisits();
  if (!proxy)
    return;
  proxy->copies.finish();
  proxy->groups.finish();
}

void Block::wake() {
  for (Warp& warp : warps_)
    warp.wake();
}

std::uint32_t Block::livingThreads() const {
  std::uint32_t threads = 0;
  for (const Warp& warp : warps_)
    threads += warp.state == Warp::State::Done ? 0 : 32;
  return threads;
}

void Block::barrier(Warp& warp, std::uint32_t id, std::uint32_t threads, bool arrive_only, BarrierOp op,
                    std::uint32_t votes, Slot result) {
  if (id >= barriers_.size())
    throw Fault{"barrier " + std::to_string(id) + " does not exist: they are numbered 0 to 15"};
  if (threads % 32 != 0)
    throw Fault{"barrier " + std::to_string(id) + ": " + std::to_string(threads) + " threads is no multiple of a warp"};
  if (arrive_only && threads == 0)
    throw Fault{"an arrival at barrier " + std::to_string(id) + " without a number of threads"};
  Barrier& barrier = barriers_[id];
  const bool reduces = op != BarrierOp::Sync;
  if (barrier.arrived == 0)
    barrier.expected = threads, barrier.reduces = reduces;
  else if (barrier.reduces != reduces)
    throw Fault{"barrier " + std::to_string(id) + " has warps that reduce and warps that do not"};
  else if (const auto whole = static_cast<std::uint32_t>(warps_.size() * 32); // by their number, or without
           barrier.expected + threads == whole && barrier.expected * threads == 0)
    barrier.expected = whole;
  else if (barrier.expected != threads)
    throw Fault{"barrier " + std::to_string(id) + " waits for " + std::to_string(barrier.expected) +
                " threads, and this warp names " + std::to_string(threads) + " (0: all)"};
  barrier.arrived += 32; // a second arrival of a warp counts like that of another: FlashAttention-3 relies on it
  barrier.lanes_true += static_cast<std::uint32_t>(std::popcount(votes & warp.exec));
  barrier.lanes_seen += static_cast<std::uint32_t>(std::popcount(warp.exec));
  if (ordersWarps())
    clocks->release(warp.thread(), warp.together(), barrier.moment);
  if (!arrive_only) {
    warp.state = Warp::State::AtBarrier;
    barrier.waiting.push_back({&warp, warp.exec, op, result});
  }
  releaseIfComplete(id);
}

void Block::releaseIfComplete(std::uint32_t id) {
  Barrier& barrier = barriers_[id];
  const std::uint32_t expected = barrier.expected != 0 ? barrier.expected : livingThreads();
  if (barrier.arrived == 0 || barrier.arrived < expected)
    return;
  if (barrier.arrived > expected && barrier.expected != 0)
    throw Fault{"barrier " + std::to_string(id) + " expects " + std::to_string(expected) + " threads, and " +
                std::to_string(barrier.arrived) + " came"};
  for (const Barrier::Waiter& waiter : barrier.waiting) {
    waiter.warp->state = Warp::State::Ready;
    if (ordersWarps())
      clocks->acquire(waiter.warp->thread(), barrier.moment);
    if (waiter.op == BarrierOp::Popc) {
      auto* out = waiter.warp->write<std::uint32_t>(waiter.result);
      for (unsigned lane = 0; lane < 32; ++lane)
        out[lane] = ((waiter.lanes >> lane) & 1) != 0 ? barrier.lanes_true : out[lane];
    } else if (waiter.op != BarrierOp::Sync) {
      const bool all = barrier.lanes_true == barrier.lanes_seen;
      const bool value = waiter.op == BarrierOp::And ? all : barrier.lanes_true != 0;
      auto* out = waiter.warp->write<std::uint32_t>(waiter.result);
      *out = (*out & ~waiter.lanes) | (value ? waiter.lanes : 0);
    }
  }
  barrier.clear();
}

void Block::exited(Warp& warp) {
  if (races)
    ends_.join(clocks->moment(warp.thread(), whole_warp));
  cluster_barrier->exited();
  for (std::uint32_t id = 0; id < barriers_.size(); ++id)
    if (barriers_[id].arrived != 0 && barriers_[id].expected == 0)
      releaseIfComplete(id);
}

std::string Block::name() const {
  return "kernel '" + launch.program->kernel + "', block (" + std::to_string(position.x) + ", " +
         std::to_string(position.y) + ", " + std::to_string(position.z) + ")";
}

std::string Block::nameOfClock(std::uint32_t thread) const {
  const auto per_block = static_cast<std::uint32_t>(warps_.size() + units);
  const std::uint32_t which = thread % per_block;
  std::string text = which < warps_.size() ? "warp " + std::to_string(which) : "an asynchronous copy or wgmma";
  return thread / per_block == rank ? text
                                    : text + " of block " + std::to_string(thread / per_block) + " of the cluster";
}

std::string Block::describeWaits() const {
  std::string text;
  for (std::uint32_t id = 0; id < barriers_.size(); ++id) {
    const Barrier& barrier = barriers_[id];
    if (barrier.arrived == 0)
      continue;
    const std::uint32_t expected = barrier.expected != 0 ? barrier.expected : livingThreads();
    text += "; barrier " + std::to_string(id) + " has " + std::to_string(barrier.arrived) + " of " +
            std::to_string(expected) + " threads, waiting:";
    for (const Barrier::Waiter& waiter : barrier.waiting)
      text += " warp " + std::to_string(waiter.warp->index) + " (" + waiter.warp->where() + ")";
  }
  std::string gone;
  for (const Warp& warp : warps_) {
    if (warp.state == Warp::State::Blocked)
      text += "; warp " + std::to_string(warp.index) + " (" + warp.where() + ") waits for " + warp.wait.describe(*this);
    if (warp.state == Warp::State::Done)
      gone += " " + std::to_string(warp.index);
  }
  if (peers.size() > 1)
    text = "; block " + std::to_string(rank) + " of the cluster" + text;
  return text + (gone.empty() ? "" : "; warps that have ended:" + gone);
}

void Block::reportFault(const Warp& warp, const Fault& fault) const {
  const Program& program = *launch.program;
  const std::uint32_t at = warp.pc() > 0 ? warp.pc() - 1 : 0;
  const std::uint32_t line =
      fault.line != 0 ? fault.line : program.code[std::min<std::size_t>(at, program.code.size() - 1)].line;
  std::string statement = line > 0 && line <= program.lines.size() ? program.lines[line - 1] : "";
  statement.erase(0, statement.find_first_not_of(" \t"));
  std::replace(statement.begin(), statement.end(), '\t', ' ');
  std::string text = name() + ", warp " + std::to_string(warp.index);
  if (fault.lane >= 0)
    text += ", lane " + std::to_string(fault.lane);
  throw DeviceError(text + ": " + fault.what + "; at PTX line " + std::to_string(line) + ": " + statement);
}

} // namespace attune::emulator
