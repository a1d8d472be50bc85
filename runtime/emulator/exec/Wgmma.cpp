#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/exec/Lanes.h"
#include "runtime/emulator/exec/Tracked.h"

namespace attune::emulator::exec {

namespace {

/// .sync.aligned: false where the warp has yet to come together.
bool together(Warp& warp, const char* what) {
  if (!warp.converge(all_lanes))
    return false;
  if (warp.exec != all_lanes)
    throw Fault{std::string(what) + " needs all 32 lanes, and " + std::to_string(std::popcount(warp.exec)) +
                " are here"};
  return true;
}

void issue(Warp& warp, const Instr& instr) {
  if (together(warp, "wgmma.mma_async"))
    warp.block->proxy->groups.issue(warp, instr);
}
void fence(Warp& warp, const Instr&) {
  if (together(warp, "wgmma.fence"))
    warp.block->proxy->groups.fence(warp);
}
void commit(Warp& warp, const Instr&) {
  if (together(warp, "wgmma.commit_group"))
    warp.block->proxy->groups.commit(warp);
}
void wait(Warp& warp, const Instr& instr) {
  if (together(warp, "wgmma.wait_group") && !warp.block->proxy->groups.wait(warp, instr.target))
    warp.retry({Wait::Kind::Warpgroup, 0, 0});
}

/// The first one that is left: A's comes before B's.
WgmmaElement takeElement(Decode& decode) {
  static constexpr std::pair<const char*, WgmmaElement> names[] = {{"bf16", WgmmaElement::Bfloat},
                                                                   {"f16", WgmmaElement::Half},
                                                                   {"e4m3", WgmmaElement::E4m3},
                                                                   {"e5m2", WgmmaElement::E5m2},
                                                                   {"tf32", WgmmaElement::Tf32}};
  for (const std::string& suffix : decode.statement.suffix)
    for (const auto& [name, element] : names)
      if (suffix == name && decode.take(suffix))
        return element;
  decode.unsupported("these elements");
}

std::uint32_t bits(WgmmaElement element) {
  return element == WgmmaElement::Tf32 ? 32 : element == WgmmaElement::Bfloat || element == WgmmaElement::Half ? 16 : 8;
}

/// m64nNkK
void takeShape(Decode& decode, WgmmaForm& form) {
  for (std::uint32_t n = 8; n <= 256; n += 8)
    for (const std::uint32_t k : {8u, 16u, 32u})
      if (decode.take("m64n" + std::to_string(n) + "k" + std::to_string(k))) {
        form.n = n, form.k = k;
        return;
      }
  decode.unsupported("this shape");
}

/// -1 or 1
bool negative(Decode& decode, std::size_t at) {
  const auto value = static_cast<std::int32_t>(decode.constantOf(decode.operand(at)));
  if (value != 1 && value != -1)
    decode.unsupported("a scale other than 1 or -1");
  return value < 0;
}

bool flag(Decode& decode, std::size_t at) {
  const std::uint32_t value = decode.constantOf(decode.operand(at));
  if (value > 1)
    decode.unsupported("a transposition other than 0 or 1");
  return value == 1;
}

/// The suffixes are D, A, B in order; f16 may be all three.
void takeTypes(Decode& decode, WgmmaForm& form) {
  form.half_sums = !decode.take("f32");
  if (form.half_sums && !decode.take("f16"))
    decode.unsupported("these sums");
  form.a = takeElement(decode);
  form.b = takeElement(decode);
  const bool mixed = bits(form.a) == 8 && bits(form.b) == 8;
  if ((form.a != form.b && !mixed) || form.k * bits(form.a) != 256 ||
      (form.half_sums && form.a != WgmmaElement::Half && bits(form.a) != 8))
    decode.unsupported("these elements");
}

void decodeProduct(Decode& decode) {
  WgmmaForm form;
  takeShape(decode, form);
  takeTypes(decode, form);
  const Operand &d = decode.operand(0), &a = decode.operand(1);
  form.a_in_registers = a.kind == Operand::Kind::Vector;
  const std::size_t transposable = bits(form.a) != 16 ? 0 : form.a_in_registers ? 1 : 2;
  decode.expectOperands(6 + transposable, 6 + transposable);
  const std::size_t sums = form.half_sums ? form.n / 4 : form.n / 2;
  if (d.kind != Operand::Kind::Vector || d.elements.size() != sums || (form.a_in_registers && a.elements.size() != 4))
    decode.unsupported("a fragment of this size");
  std::vector<Slot> fragment;
  fragment.reserve(sums);
  for (const Operand& element : d.elements)
    fragment.push_back(decode.decoder.pinnedRegister(decode, element));
  if (form.a_in_registers)
    for (const Operand& element : a.elements) {
      decode.decoder.pinnedRegister(decode, element);
      decode.source(element, {'b', 32});
    }
  else
    decode.source(a, {'b', 64});
  decode.source(decode.operand(2), {'b', 64});
  decode.source(decode.operand(3), {'p', 1});
  form.negates = negative(decode, 4) != negative(decode, 5);
  if (transposable != 0)
    form.b_transposed = flag(decode, 5 + transposable);
  if (transposable == 2)
    form.a_transposed = flag(decode, 6);
  Program& program = decode.decoder.program();
  decode.instr.flops = 2 * 16 * form.n * form.k; // of one warp
  decode.instr.target = static_cast<std::uint32_t>(program.wgmma_forms.size());
  decode.instr.immediate = static_cast<std::int64_t>(program.fragments.size());
  program.wgmma_forms.push_back(form);
  program.fragments.push_back(std::move(fragment));
  decode.handler(&issue, Class::Wgmma);
}

void decodeWgmma(Decode& decode) {
  decode.usesAsyncProxy();
  const bool product = decode.take("mma_async");
  decode.take("sync"), decode.take("aligned");
  if (product)
    return decodeProduct(decode);
  if (decode.take("fence"))
    return decode.handler(&fence, Class::Other);
  if (decode.take("commit_group"))
    return decode.handler(&commit, Class::Other);
  if (!decode.take("wait_group"))
    decode.unsupported("this form");
  decode.expectOperands(1, 1);
  decode.instr.target = decode.constantOf(decode.operand(0));
  decode.handler(&wait, Class::Other);
}

} // namespace

void runTracked(Warp& warp, const Instr& instr) {
  const TrackedInstr& tracked =
      warp.program->tracked.at(static_cast<std::uint32_t>(&instr - warp.program->code.data()));
  warp.block->proxy->groups.touch(warp, tracked);
  tracked.run(warp, instr);
}

bool isWgmma(Handler run) { return run == &issue; }

} // namespace attune::emulator::exec

namespace attune::emulator {

void addWgmmaRules(Rules& rules) { rules["wgmma"] = &exec::decodeWgmma; }

} // namespace attune::emulator
