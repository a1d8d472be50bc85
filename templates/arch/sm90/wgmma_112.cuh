// m64n112k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(112, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76)
