// What the printer asks of an op: which function of templates/ it calls.
#ifndef ATTUNE_IR_TILE_INTERFACES
#define ATTUNE_IR_TILE_INTERFACES

include "mlir/IR/OpBase.td"

def DeviceCallInterface : OpInterface<"DeviceCall"> {
  let description = [{
    One op, one function of templates/. The printer writes `callee<template arguments>(operands);`, or a definition when
    the op has a named result. Operand order is parameter order: destination first.
  }];
  let cppNamespace = "::attune::tile";
  let methods = [
    StaticInterfaceMethod<"Qualified name inside namespace attune, e.g. `warp::mm_ABt`.", "llvm::StringRef", "getCallee">,
    InterfaceMethod<"Values between the angle brackets.", "llvm::SmallVector<int64_t>", "getTemplateArguments", (ins), [{}],
                    /*defaultImplementation=*/"return {};">,
  ];
}

#endif
