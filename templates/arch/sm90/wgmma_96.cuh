// m64n96k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(96, 48, 49, 50, 51, 52)
