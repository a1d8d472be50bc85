// m64n192k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(192, 96, 97, 98, 99, 100)
