#include "runtime/emulator/Fragment.h"

#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/Block.h"
#include "runtime/emulator/exec/Numbers.h"
#include "runtime/emulator/exec/WgmmaTile.h"

#include <algorithm>
#include <cstring>

namespace attune::emulator {

MatrixDescriptor::MatrixDescriptor(std::uint64_t bits)
    : start(static_cast<std::uint32_t>(bits & 0x3fff) << 4),
      leading(static_cast<std::uint32_t>(bits >> 16 & 0x3fff) << 4),
      stride(static_cast<std::uint32_t>(bits >> 32 & 0x3fff) << 4) {
  static constexpr std::uint32_t spans[] = {16, 128, 64, 32};
  span = spans[bits >> 62];
  swizzle = span / 16 - 1;
  if ((bits >> 49 & 7) != 0)
    throw Fault{"a matrix descriptor with base offset " + std::to_string(bits >> 49 & 7) + ": only 0 is supported"};
}

std::uint32_t MatrixDescriptor::kMajor(std::uint32_t row, std::uint32_t chunk) const {
  const std::uint32_t address = start + row % 8 * span + row / 8 * stride + chunk * (span == 16 ? leading : 16);
  return address ^ (address >> 7 & swizzle) << 4;
}

std::uint32_t MatrixDescriptor::mnMajor(std::uint32_t k, std::uint32_t unit) const {
  const std::uint32_t units = span / 16, within = k % 8 * span + unit % units * 16;
  const std::uint32_t address = span == 16 ? start + within + k / 8 * leading + unit * stride
                                           : start + within + k / 8 * stride + unit / units * leading;
  return address ^ (address >> 7 & swizzle) << 4;
}

namespace {

/// f(even, odd, rows): two registers of f32 that hold neighbouring columns, and where row 0 of their eight rows is; of
/// a row each register has the elements 0, 2, 4 and 6 from there, or 1, 3, 5 and 7, in lanes 4 row to 4 row + 3.
template <class F>
void eachPair(std::span<const Slot> fragment, std::size_t n, F f) {
  for (std::size_t i = 0; i < fragment.size(); i += 2)
    f(fragment[i], fragment[i + 1], i / 2 % 2 * 8 * n + i / 4 * 8);
}

/// f(register, row, column of lane 0's pair of halves).
template <class F>
void eachOfHalves(std::span<const Slot> fragment, std::size_t n, F f) {
  for (std::size_t i = 0; i < fragment.size(); ++i)
    f(fragment[i], i % 2 * 8 * n + i / 2 * 8);
}

} // namespace

void loadFragment(const Warp& warp, std::span<const Slot> fragment, std::size_t n, bool half_sums, float* rows) {
  if (half_sums)
    return eachOfHalves(fragment, n, [&](Slot slot, std::size_t at) {
      const auto* lanes = warp.read<std::uint32_t>(slot);
      for (std::size_t lane = 0; lane < 32; ++lane) {
        float* to = rows + at + lane / 4 * n + lane % 4 * 2;
        to[0] = exec::toFloat(exec::Half{static_cast<std::uint16_t>(lanes[lane])});
        to[1] = exec::toFloat(exec::Half{static_cast<std::uint16_t>(lanes[lane] >> 16)});
      }
    });
  eachPair(fragment, n, [&](Slot even, Slot odd, std::size_t at) {
    const auto *left = warp.read<float>(even), *right = warp.read<float>(odd);
    for (std::size_t row = 0; row < 8; ++row)
      for (std::size_t i = 0; i < 4; ++i) {
        rows[at + row * n + 2 * i] = left[row * 4 + i];
        rows[at + row * n + 2 * i + 1] = right[row * 4 + i];
      }
  });
}

void storeFragment(Warp& warp, std::span<const Slot> fragment, std::size_t n, bool half_sums, const float* rows) {
  if (half_sums)
    return eachOfHalves(fragment, n, [&](Slot slot, std::size_t at) {
      auto* lanes = warp.write<std::uint32_t>(slot);
      for (std::size_t lane = 0; lane < 32; ++lane) {
        const float* from = rows + at + lane / 4 * n + lane % 4 * 2;
        lanes[lane] = exec::toHalf(from[0]).bits | std::uint32_t{exec::toHalf(from[1]).bits} << 16;
      }
    });
  eachPair(fragment, n, [&](Slot even, Slot odd, std::size_t at) {
    auto *left = warp.write<float>(even), *right = warp.write<float>(odd);
    for (std::size_t row = 0; row < 8; ++row)
      for (std::size_t i = 0; i < 4; ++i) {
        left[row * 4 + i] = exec::canonical(rows[at + row * n + 2 * i]);
        right[row * 4 + i] = exec::canonical(rows[at + row * n + 2 * i + 1]);
      }
  });
}

const std::byte* OperandReader::chunk(std::uint32_t address, const Moment& issued) {
  if (std::uint64_t{address} + 16 > block_.shared_bytes)
    throw Fault{"a matrix descriptor leads to offset " + std::to_string(address) + " of shared memory, which has " +
                std::to_string(block_.shared_bytes) + " bytes"};
  block_.proxy->shadow.asyncRead(issued, reader_, address, 16, "wgmma");
  return block_.shared + address;
}

/// Eight chunks that are fetched together: a wavefront, if each has banks of its own.
void OperandReader::account(const std::uint32_t (&addresses)[8]) {
  if (!block_.count_memory)
    return;
  std::uint8_t depth[8] = {};
  std::uint8_t deepest = 0;
  for (const std::uint32_t address : addresses)
    deepest = std::max(deepest, ++depth[address / 16 % 8]);
  Wavefronts& waves = block_.warps()[0].tally->shared[static_cast<std::size_t>(SharedAccess::Wgmma)];
  waves.taken += deepest, ++waves.minimum;
}

/// `count` rows of M or N. `issued` is one moment, or one for each 16 rows.
void OperandReader::rows(const MatrixDescriptor& descriptor, std::uint32_t count, bool transposed,
                         std::vector<std::byte>& raw, std::span<const Moment> issued) {
  raw.resize(std::size_t{count} * 32);
  std::uint32_t addresses[8];
  for (std::uint32_t first = 0; first < count; first += 8) {
    const Moment& moment = issued[issued.size() == 1 ? 0 : first / 16];
    for (std::uint32_t half = 0; half < 2; ++half) {
      for (std::uint32_t i = 0; i < 8; ++i) {
        const std::uint32_t k = half * 8 + i;
        addresses[i] = transposed ? descriptor.mnMajor(k, first / 8) : descriptor.kMajor(first + i, half);
        std::memcpy(raw.data() + (transposed ? (k * count + first) * 2 : (first + i) * 32 + half * 16),
                    chunk(addresses[i], moment), 16);
      }
      account(addresses);
    }
  }
}

/// Register i of A, read over the lanes, is chunk i / 2 of eight rows.
void OperandReader::fromRegisters(const Slot* op, std::size_t warpgroup) {
  a_.resize(std::size_t{64} * 32);
  for (std::size_t member = 0; member < 4; ++member) {
    const Warp& warp = block_.warps()[warpgroup * 4 + member];
    for (std::size_t i = 0; i < 4; ++i) {
      const auto* lanes = warp.read<std::byte>(op[i]);
      for (std::size_t row = 0; row < 8; ++row)
        std::memcpy(a_.data() + (16 * member + i % 2 * 8 + row) * 32 + i / 2 * 16, lanes + row * 16, 16);
    }
  }
}

void OperandReader::run(Stamp reader, const WgmmaForm& form, const Slot* op, std::uint64_t a, std::uint64_t b,
                        unsigned warpgroup, const std::array<Moment, 4>& issued) {
  reader_ = reader;
  if (form.a_in_registers)
    fromRegisters(op, warpgroup);
  else // the tensor core of a warp reads its own 16 rows of A
    rows(MatrixDescriptor(a), 64, form.a_transposed, a_, issued);
  Moment all = issued[0]; // and all of B: what every warp knew
  for (const Moment& moment : issued)
    all.meet(moment);
  rows(MatrixDescriptor(b), form.n, form.b_transposed, b_, {&all, 1});
}

void OperandReader::multiply(const WgmmaForm& form, float* sums, bool accumulates) {
  wide_a_.resize(std::size_t{64} * form.k), wide_b_.resize(std::size_t{form.k} * form.n);
  if (form.a_transposed) { // rows of 64 elements, one per k
    std::vector<float> across(wide_a_.size());
    exec::widenRows(form.a, a_.data(), 64, across.data());
    for (std::uint32_t k = 0; k < form.k; ++k)
      for (std::uint32_t row = 0; row < 64; ++row)
        wide_a_[row * form.k + k] = across[k * 64 + row];
  } else {
    exec::widenRows(form.a, a_.data(), 64, wide_a_.data());
  }
  if (form.b_transposed)
    exec::widenRows(form.b, b_.data(), form.n, wide_b_.data());
  else
    exec::widenTransposed(form.b, b_.data(), form.n, wide_b_.data());
  if (form.negates)
    for (float& value : wide_a_)
      value = -value;
  exec::multiplyTiles(sums, wide_a_.data(), wide_b_.data(), form.n, form.k, accumulates);
  if (form.half_sums)
    exec::roundToHalf(sums, std::size_t{64} * form.n);
  else if (form.k == 32)
    exec::truncateTo13Bits(sums, std::size_t{64} * form.n);
}

} // namespace attune::emulator
