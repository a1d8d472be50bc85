// m64n144k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(144, 72, 73, 74, 75, 76)
