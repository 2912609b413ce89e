// SPDX-License-Identifier: MIT
module moirai/bench/peers/go

go 1.19
