#pragma once

#include "runtime/emulator/Clocks.h"
#include "runtime/emulator/EmulatedDevice.h"

#include <array>
#include <string>
#include <vector>

namespace attune::emulator {

/// What is known of each 16 bytes of a block's shared memory beside their value: whether a bulk copy is on its way to
/// them, whether they hold an mbarrier, and who touched them last through which proxy. The asynchronous proxy (bulk
/// copies, wgmma) sees a generic write, and comes after a generic access that it overwrites, only where
/// fence.proxy.async lies between the two (PTX ISA, "Async proxy").
///
/// Every function throws Fault. With `check_races` accesses that nothing orders are errors too.
class SharedShadow {
public:
  SharedShadow(std::size_t bytes, const Clocks& clocks, const Options& options)
      : clocks_(clocks), options_(options), granules_((bytes + 15) / 16) {}
  void reset();

  /// By `lanes` of a warp.
  void genericRead(std::uint32_t thread, std::uint32_t lanes, std::uint32_t offset, std::uint32_t bytes);
  void genericWrite(std::uint32_t thread, std::uint32_t lanes, std::uint32_t offset, std::uint32_t bytes);
  void genericWritten(const Stamp& by, std::uint32_t offset, std::uint32_t bytes); ///< it has been checked
  void setBarrier(std::uint32_t offset, bool live);

  /// A bulk copy of `issuer` will write here, until landed(). `by` is what the bytes then bear.
  void beginAsyncWrite(const Moment& issuer, std::uint32_t offset, std::uint32_t bytes);
  void endAsyncWrite(const Stamp& by, std::uint32_t offset, std::uint32_t bytes);
  /// `by` reads, as the asynchronous proxy, on behalf of someone whose knowledge is `issuer`. `unit` is for messages.
  void asyncRead(const Moment& issuer, const Stamp& by, std::uint32_t offset, std::uint32_t bytes, const char* unit);

private:
  struct Granule {
    Stamp written, generic_read;      ///< the last ones
    std::array<Stamp, 3> async_reads; ///< by as many units: three warpgroups may multiply by the same tile
    bool landing = false;             ///< a bulk copy is on its way here
    bool generic = false;             ///< the last write was a generic one
    std::uint8_t barriers = 0;        ///< bit i: bytes [8 i, 8 i + 8) are a live mbarrier
  };
  template <class F>
  void each(std::uint32_t offset, std::uint32_t bytes, F f);

  const Clocks& clocks_;
  const Options& options_;
  std::vector<Granule> granules_;
};

} // namespace attune::emulator
