#pragma once

#include "runtime/emulator/Program.h"
#include "runtime/emulator/exec/BulkForm.h"

namespace attune::emulator {
class Decode;
}

namespace attune::emulator::exec {

/// cp.async.bulk... and cp.reduce.async.bulk... from behind "cp".
void decodeBulk(Decode& decode, bool reduces);

Handler bulkHandler(BulkForm::Kind kind);
Handler bulkCommit();
Handler bulkWait();
Handler tensorMapPrefetch();

} // namespace attune::emulator::exec
