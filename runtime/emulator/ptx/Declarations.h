#pragma once

#include "runtime/emulator/ptx/Ast.h"
#include "runtime/emulator/ptx/Cursor.h"

namespace attune::emulator::ptx {

/// `.shared .align 16 .b8 name[128] = {1, 2};`
Variable variable(Cursor& at, bool external);
/// `(.param .u64 a, .param .u32 b)`, or nothing.
std::vector<Variable> parameterList(Cursor& at);
/// What follows `.reg`: `.b32 %r<12>, %x;`
void registers(Cursor& at, Scope& scope);

} // namespace attune::emulator::ptx
