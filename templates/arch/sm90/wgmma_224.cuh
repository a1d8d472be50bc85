// m64n224k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(224, 112, 113, 114, 115, 116)
