// m64n144k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(144, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92)
