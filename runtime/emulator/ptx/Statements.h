#pragma once

#include "runtime/emulator/ptx/Ast.h"
#include "runtime/emulator/ptx/Cursor.h"

namespace attune::emulator::ptx {

/// `@!%p ld.global.v2.f32 {%f1, %f2}, [%rd1 + 8];`
Statement statement(Cursor& at, unsigned scope);

} // namespace attune::emulator::ptx
