// m64n160k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(160, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100)
