#pragma once

#include "runtime/emulator/BulkCopies.h"

#include <string_view>

namespace attune::emulator {

/// What a bulk copy instruction is, beside its operands: too much for an Instr.
struct BulkForm {
  enum class Kind : std::uint8_t { Load, Store, Prefetch } kind = Kind::Load;
  bool tensor = false;
  bool from_shared = false; ///< a Load whose source is shared memory
  bool multicast = false;
  std::uint8_t rank = 0;
  BulkReduction reduction = nullptr;
  std::string_view operation; ///< of a reduction through a tensor map, which has the type
  struct Address {
    std::uint8_t op = 0; ///< index into Instr::op
    bool wide = false;
    std::int64_t offset = 0;
  };
  Address destination, source, barrier, map;
  std::uint8_t coordinates = 0, size = 0, mask = 0; ///< indices into Instr::op
};

} // namespace attune::emulator
