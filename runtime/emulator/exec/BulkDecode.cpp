#include "runtime/emulator/exec/BulkDecode.h"

#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/exec/BulkReductions.h"

namespace attune::emulator::exec {

namespace {

class BulkDecoder {
public:
  explicit BulkDecoder(Decode& decode) : decode_(decode) {}

  void run(bool reduces) {
    decode_.usesAsyncProxy();
    decode_.take("async"), decode_.take("bulk");
    if (decode_.take("commit_group"))
      return decode_.handler(bulkCommit(), Class::BulkCopy);
    if (decode_.take("wait_group")) {
      decode_.instr.detail = decode_.take("read");
      decode_.instr.target = decode_.constantOf(decode_.operand(0));
      return decode_.handler(bulkWait(), Class::BulkCopy);
    }
    const bool prefetches = decode_.take("prefetch");
    form_.tensor = decode_.take("tensor");
    decode_.take("tile");
    for (unsigned rank = 1; rank <= 5 && form_.tensor; ++rank)
      if (decode_.take(std::to_string(rank) + "d"))
        form_.rank = static_cast<std::uint8_t>(rank);
    policy_ = decode_.take("L2::cache_hint");
    if (prefetches)
      prefetch();
    else
      copy(reduces);
    decode_.instr.target = static_cast<std::uint32_t>(decode_.decoder.program().bulk_forms.size());
    decode_.decoder.program().bulk_forms.push_back(form_);
    decode_.handler(bulkHandler(form_.kind), Class::BulkCopy);
  }

private:
  std::uint8_t next() const { return decode_.instr.operands; }

  BulkForm::Address address(const Operand& operand) {
    BulkForm::Address made;
    made.op = next();
    decode_.address(operand);
    made.wide = decode_.instr.wide_address;
    made.offset = decode_.instr.immediate;
    return made;
  }
  std::uint8_t value(const Operand& operand, unsigned bits) {
    const std::uint8_t at = next();
    decode_.source(operand, {'b', bits});
    return at;
  }
  /// [map, {coordinates}]
  void tensor(const Operand& operand) {
    if (operand.elements.size() != 2 || operand.elements[1].elements.size() != form_.rank || form_.rank == 0)
      decode_.unsupported("these coordinates");
    form_.map = address(operand);
    form_.coordinates = next();
    for (const Operand& coordinate : operand.elements[1].elements)
      value(coordinate, 32);
  }
  void prefetch() {
    form_.kind = BulkForm::Kind::Prefetch;
    if (!decode_.take("L2") || !decode_.take("global"))
      decode_.unsupported("these spaces");
    const std::size_t operands = (form_.tensor ? 1 : 2) + (policy_ ? 1 : 0);
    decode_.expectOperands(operands, operands);
    if (form_.tensor)
      return tensor(decode_.operand(0));
    form_.source = address(decode_.operand(0));
    form_.size = value(decode_.operand(1), 32);
  }
  /// The first space is that of the destination.
  void copy(bool reduces) {
    std::string_view spaces[2];
    unsigned count = 0;
    for (const std::string& suffix : decode_.statement.suffix)
      if ((suffix == "global" || suffix.starts_with("shared")) && count < 2)
        spaces[count++] = suffix;
    if (count != 2)
      decode_.unsupported("these spaces");
    for (const std::string_view space : spaces)
      decode_.take(space);
    const bool to_global = spaces[0] == "global";
    decode_.instr.own_shared = spaces[0] == "shared::cta";
    form_.kind = to_global ? BulkForm::Kind::Store : BulkForm::Kind::Load;
    form_.from_shared = !to_global && spaces[1] != "global";
    form_.multicast = decode_.take("multicast::cluster");
    if (form_.from_shared && (form_.tensor || form_.multicast))
      decode_.unsupported("these spaces");
    if (!decode_.take(to_global ? "bulk_group" : "mbarrier::complete_tx::bytes") ||
        (to_global && spaces[1] == "global"))
      decode_.unsupported("this completion mechanism");
    if (reduces)
      reduction(to_global);
    const std::size_t operands =
        (form_.tensor ? 2u : 3u) + (to_global ? 0u : 1u) + (form_.multicast ? 1u : 0u) + (policy_ ? 1u : 0u);
    decode_.expectOperands(operands, operands);
    const Operand &to = decode_.operand(0), &from = decode_.operand(1);
    if (form_.tensor)
      tensor(to_global ? to : from);
    if (!form_.tensor || !to_global)
      form_.destination = address(to);
    if (!form_.tensor || to_global)
      form_.source = address(from);
    std::size_t at = 2;
    if (!form_.tensor)
      form_.size = value(decode_.operand(at++), 32);
    if (!to_global)
      form_.barrier = address(decode_.operand(at++));
    if (form_.multicast)
      form_.mask = value(decode_.operand(at++), 16);
  }
  void reduction(bool to_global) {
    static constexpr const char* operations[] = {"add", "min", "max", "inc", "dec", "and", "or", "xor"};
    for (const char* operation : operations)
      if (form_.operation.empty() && decode_.take(operation))
        form_.operation = operation;
    bool of_halves = false;
    if (!form_.tensor) // which has its type in the map
      for (const char* type : {"u32", "s32", "u64", "s64", "b32", "b64", "f16", "bf16", "f32", "f64"})
        if (decode_.take(type)) {
          form_.reduction = bulkReduction(form_.operation, type);
          of_halves = std::string_view(type).ends_with("f16");
        }
    const bool keeps_subnormals = decode_.take("noftz"); // a sum of halves must say so, nothing else may
    if (!to_global || (form_.tensor ? form_.operation.empty() : form_.reduction == nullptr) ||
        keeps_subnormals != (of_halves && form_.operation == "add"))
      decode_.unsupported("this reduction");
  }

  Decode& decode_;
  BulkForm form_;
  bool policy_ = false;
};

} // namespace

void decodeBulk(Decode& decode, bool reduces) { BulkDecoder(decode).run(reduces); }

} // namespace attune::emulator::exec
