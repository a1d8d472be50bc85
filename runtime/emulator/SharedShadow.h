#pragma once

#include "runtime/emulator/Clocks.h"

#include <string>
#include <vector>

namespace attune::emulator {

/// What is known of each 16 bytes of a block's shared memory beside their value: whether a bulk copy is on its way to
/// them, whether they hold an mbarrier, and who touched them last through which proxy. The asynchronous proxy (bulk
/// copies, wgmma) sees a generic write only where fence.proxy.async lies between the two (PTX ISA, "Async proxy").
///
/// Every function throws Fault. With `check_order` accesses that nothing orders are errors too.
class SharedShadow {
public:
  SharedShadow(std::size_t bytes, const Clocks& clocks, bool check_order)
      : clocks_(clocks), check_order_(check_order), granules_((bytes + 15) / 16) {}
  void reset();

  void genericRead(std::uint32_t thread, std::uint32_t offset, std::uint32_t bytes, int lane);
  void genericWrite(std::uint32_t thread, std::uint32_t offset, std::uint32_t bytes, int lane);
  void setBarrier(std::uint32_t offset, bool live);

  /// A bulk copy of `issuer` will write here, until landed(). `by` is what the bytes then bear.
  void beginAsyncWrite(const Moment& issuer, std::uint32_t offset, std::uint32_t bytes);
  void endAsyncWrite(const Stamp& by, std::uint32_t offset, std::uint32_t bytes);
  /// `by` reads, as the asynchronous proxy, on behalf of someone whose knowledge is `issuer`. `unit` is for messages.
  void asyncRead(const Moment& issuer, const Stamp& by, std::uint32_t offset, std::uint32_t bytes, const char* unit);

private:
  struct Granule {
    std::uint32_t write_time = 0, read_time = 0;
    std::uint16_t writer = 0, reader = 0;
    bool landing = false;      ///< a bulk copy is on its way here
    bool generic = false;      ///< the last write was a generic one
    std::uint8_t barriers = 0; ///< bit i: bytes [8 i, 8 i + 8) are a live mbarrier
    bool async_read = false;   ///< the last read was that of the asynchronous proxy
    Stamp written() const { return {writer, write_time}; }
    Stamp read() const { return {reader, read_time}; }
  };
  template <class F>
  void each(std::uint32_t offset, std::uint32_t bytes, F f);

  const Clocks& clocks_;
  bool check_order_;
  std::vector<Granule> granules_;
};

} // namespace attune::emulator
