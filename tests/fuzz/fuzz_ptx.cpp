#include "runtime/emulator/Decode.h"
#include "tests/fuzz/Targets.h"

namespace attune::fuzz {

void ptx(std::string_view text) {
  try {
    const emulator::ptx::Module module = emulator::ptx::parse(std::string(text));
    emulator::GlobalAddresses globals;
    for (const emulator::ptx::Variable& variable : module.variables)
      globals.emplace(variable.name, 0x10000);
    for (const auto& [name, function] : module.functions)
      if (function.entry)
        try {
          emulator::decode(module, name, globals);
        } catch (const DeviceError&) { // this kernel is none, others may be
        }
  } catch (const DeviceError&) { // the right answer for most inputs
  }
}

} // namespace attune::fuzz
