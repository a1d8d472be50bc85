#include "runtime/emulator/exec/EightBits.h"

#include "runtime/emulator/exec/Lanes.h"

namespace attune::emulator::exec {

namespace {

float value(std::uint8_t bits, bool e5m2) {
  if (e5m2)
    return toFloat(Half{static_cast<std::uint16_t>(bits << 8)});
  const int magnitude = bits & 0x7f;
  if (magnitude == 0x7f)
    return canonical_nan;
  const float real = magnitude < 8 ? std::ldexp(static_cast<float>(magnitude), -9)
                                   : std::ldexp(static_cast<float>(8 + (magnitude & 7)), (magnitude >> 3) - 10);
  return (bits & 0x80) != 0 ? -real : real;
}

std::array<float, 256> table(bool e5m2) {
  std::array<float, 256> values{};
  for (unsigned i = 0; i < 256; ++i)
    values[i] = value(static_cast<std::uint8_t>(i), e5m2);
  return values;
}

/// What the conversions have in `detail`.
struct Detail {
  std::uint16_t e5m2 : 1, relu : 1, spare : 14;
};

std::uint32_t narrow(float real, Detail detail) {
  return toEightBits(detail.relu != 0 && real < 0 ? 0.0f : real, detail.e5m2 != 0);
}

/// op: d, upper, lower
void packFloats(Warp& warp, const Instr& instr) {
  const auto detail = std::bit_cast<Detail>(instr.detail);
  const auto *high = warp.read<float>(instr.op[1]), *low = warp.read<float>(instr.op[2]);
  forLanes<std::uint32_t>(warp, instr.op[0],
                          [&](unsigned i) { return narrow(low[i], detail) | narrow(high[i], detail) << 8; });
}
void packHalves(Warp& warp, const Instr& instr) {
  const auto detail = std::bit_cast<Detail>(instr.detail);
  const auto* pair = warp.read<std::uint32_t>(instr.op[1]);
  forLanes<std::uint32_t>(warp, instr.op[0], [&](unsigned i) {
    return narrow(toFloat(Half{static_cast<std::uint16_t>(pair[i])}), detail) |
           narrow(toFloat(Half{static_cast<std::uint16_t>(pair[i] >> 16)}), detail) << 8;
  });
}
void unpackHalves(Warp& warp, const Instr& instr) {
  const auto detail = std::bit_cast<Detail>(instr.detail);
  const auto& values = eightBitValues(detail.e5m2 != 0);
  const auto* pair = warp.read<std::uint32_t>(instr.op[1]);
  const auto half = [&](std::uint32_t bits) -> std::uint32_t {
    const float real = values[bits & 0xff];
    return toHalf(detail.relu != 0 && real < 0 ? 0.0f : real).bits;
  };
  forLanes<std::uint32_t>(warp, instr.op[0], [&](unsigned i) { return half(pair[i]) | half(pair[i] >> 8) << 16; });
}

} // namespace

const std::array<float, 256>& eightBitValues(bool e5m2) {
  static const std::array<float, 256> e4m3_values = table(false), e5m2_values = table(true);
  return e5m2 ? e5m2_values : e4m3_values;
}

std::uint8_t toEightBits(float real, bool e5m2) {
  const int mantissa = e5m2 ? 2 : 3, lowest = e5m2 ? -14 : -6;
  const float largest = e5m2 ? 57344.0f : 448.0f;
  const std::uint32_t sign = std::bit_cast<std::uint32_t>(real) >> 31;
  if (real != real)
    return 0x7f;
  const float magnitude = std::min(std::fabs(real), 2 * largest);
  const int exponent = magnitude == 0 ? lowest : std::max(std::ilogb(magnitude), lowest);
  const float units =
      std::nearbyint(std::ldexp(magnitude, mantissa - exponent)); // below 2^(mantissa + 1), or just there
  const float rounded = std::min(std::ldexp(units, exponent - mantissa), largest);
  const int final_exponent = rounded == 0 ? lowest : std::max(std::ilogb(rounded), lowest);
  const auto bits = static_cast<std::uint32_t>(std::ldexp(rounded, mantissa - final_exponent)); // with the leading one
  const auto biased = static_cast<std::uint32_t>(final_exponent - lowest); // a leading one adds the 1 that is missing
  return static_cast<std::uint8_t>(sign << 7 | ((biased << mantissa) + bits));
}

void decodeEightBits(Decode& decode) {
  Detail detail{};
  decode.take("rn");
  const bool saturates = decode.take("satfinite");
  detail.relu = decode.take("relu");
  const std::string& to = decode.statement.suffix.at(decode.statement.suffix.size() - 2);
  const bool narrows = to == "e4m3x2" || to == "e5m2x2";
  detail.e5m2 = decode.take("e5m2x2");
  if (detail.e5m2 == 0)
    decode.take("e4m3x2");
  decode.instr.detail = std::bit_cast<std::uint16_t>(detail);
  decode.destination(decode.operand(0), {'b', narrows ? 16u : 32u});
  if (narrows && !saturates)
    decode.unsupported("no .satfinite");
  if (narrows && decode.take("f32")) {
    decode.expectOperands(3, 3);
    decode.sources(1, 2, {'f', 32});
    return decode.handler(&packFloats, Class::Convert);
  }
  decode.expectOperands(2, 2);
  if (!decode.take("f16x2"))
    decode.unsupported("these types");
  decode.source(decode.operand(1), {'b', narrows ? 32u : 16u});
  decode.handler(narrows ? &packHalves : &unpackHalves, Class::Convert);
}

} // namespace attune::emulator::exec
