// m64n192k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(192, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116)
