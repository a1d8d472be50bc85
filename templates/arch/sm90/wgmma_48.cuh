// m64n48k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(48, 24, 25, 26, 27, 28)
