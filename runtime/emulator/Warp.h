#pragma once

#include "runtime/emulator/Async.h"
#include "runtime/emulator/Counters.h"
#include "runtime/emulator/Program.h"

#include <bit>
#include <string>
#include <vector>

namespace attune::emulator {

class Block;

/// What went wrong in one instruction. The block adds where.
struct Fault {
  std::string what;
  int lane = -1;
  std::uint32_t line = 0; ///< of an instruction whose work failed later; 0: the current one
};

/// What a blocked warp waits for, in words for the deadlock report.
struct Wait {
  enum class Kind : std::uint8_t { Mbarrier, Registers, Warpgroup, Cluster };
  Kind kind = Kind::Mbarrier;
  std::uint32_t value = 0;  ///< offset of the mbarrier, registers
  std::uint32_t parity = 0; ///< that the mbarrier's phase should have
  std::string describe(const Block& block) const;
};

/// 32 threads. Lanes that took different ways form groups; the group with the lowest pc runs, and groups that meet
/// merge. So structured code reconverges where it should, and any other code still runs.
class Warp {
public:
  enum class State : std::uint8_t { Ready, AtBarrier, Blocked, Done };

  void reset(Block& block, unsigned index, std::uint32_t lanes);
  /// Runs until the warp waits, ends, or has used up `slice` instructions; returns how many it ran.
  std::uint64_t run(std::uint64_t slice);

  template <class Storage>
  Storage* write(Slot slot) {
    return reinterpret_cast<Storage*>(registers + slot);
  }
  template <class Storage>
  const Storage* read(Slot slot) const {
    return reinterpret_cast<const Storage*>(slot >= 0 ? registers + slot : constants + ~slot);
  }
  std::uint32_t predicate(Slot slot) const { return *read<std::uint32_t>(slot); }
  void setPredicate(Slot slot, std::uint32_t value) {
    auto* mask = write<std::uint32_t>(slot);
    *mask = (*mask & ~exec) | (value & exec);
  }

  void branch(std::uint32_t target);             ///< lanes in exec go there, the others go on
  void branchEach(const std::uint32_t* targets); ///< per lane, for lanes in exec
  void exit();                                   ///< lanes in exec end
  /// True if all living lanes of `members` are here. If not, this group waits, and the instruction runs again later.
  bool converge(std::uint32_t members);
  /// The current instruction cannot be done yet. It runs again when something has happened that it may wait for; until
  /// then other groups of lanes run, or the warp is blocked.
  void retry(const Wait& why);
  void wake() {
    retries_ = 0;
    state = state == State::Blocked ? State::Ready : state;
  }
  std::uint32_t thread() const; ///< of the clocks
  std::uint32_t alive() const { return alive_; }
  /// Who acts now, for the clocks. A warp of one lane is that lane.
  std::uint32_t together() const { return exec == began_ && !std::has_single_bit(exec) ? whole_warp : exec; }
  std::uint32_t active() const { return active_; }
  std::uint32_t pc() const { return pc_; }
  std::string where() const; ///< for the deadlock report

  std::uint32_t exec = 0; ///< lanes that the current instruction runs for
  std::byte* registers = nullptr;
  const std::byte* constants = nullptr;
  std::byte* local = nullptr; ///< Program::local_bytes per lane
  Block* block = nullptr;
  Tally* tally = nullptr;
  const Program* program = nullptr;
  AsyncQueue async;
  State state = State::Done;
  Wait wait;                          ///< of a blocked warp
  unsigned index = 0;                 ///< in the block
  const MemoryView* memory = nullptr; ///< what it sees of the launch's
  std::size_t recent = 0;             ///< buffer of the last global access
  std::uint64_t clock = 0;            ///< instructions run so far

private:
  struct Group {
    std::uint32_t pc, lanes;
    bool waits;
  };
  void meet();
  void next();
  void park(std::uint32_t pc, std::uint32_t lanes, bool waits);
  void updateMeeting();
  void letAnotherGroupRun();

  std::uint32_t pc_ = 0;
  std::uint32_t active_ = 0;
  std::uint32_t alive_ = 0, began_ = 0; ///< lanes that have not ended, and those that there ever were
  std::uint32_t meeting_ = ~0u;         ///< lowest pc of a group that does not wait
  std::vector<Group> others_;
  unsigned retries_ = 0; ///< since the warp was last woken
  unsigned stalled_ = 0; ///< slices used up since groups last met or ended
};

} // namespace attune::emulator
