// SPDX-License-Identifier: MIT

// What bench/support/work.h says, again.

package main

import (
	"fmt"
	"time"
)

// Tasks that are spawned before they are waited for.
const spawnBatch = 10000

const (
	steps20ns  = 12
	steps100ns = 60
	steps2us   = 1200
	steps5us   = 3000
	steps100us = 60000
	steps100ms = 60000000
)

// burn: each step needs the one before; x is not 0.
func burn(x uint64, steps int) uint64 {
	for ; steps > 0; steps-- {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

func splitmix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// sleepers: how long after the first one task i is due.
func sleepAfter(i int) time.Duration {
	return time.Duration(splitmix64(uint64(i)) % 100000000)
}

func fibSize(scale float64) int {
	n := 34
	for ; scale <= 1/1.618 && n > 5; n-- {
		scale *= 1.618
	}
	for ; scale >= 1.618; n++ {
		scale /= 1.618
	}
	return n
}

func fibValue(n int) uint64 {
	a, b := uint64(0), uint64(1)
	for ; n > 0; n-- {
		a, b = b, a+b
	}
	return a
}

var queensNodes = [...]uint64{1, 2, 3, 6, 17, 54, 153, 552, 2057, 8394, 35539,
	166926, 856189, 4674890, 27358553}

func queensSize(scale float64) int {
	n := 6
	for n < 14 && float64(queensNodes[n+1]) <= scale*856189 {
		n++
	}
	return n
}

const (
	utsSeed     = 28
	utsChildren = 8
)

func utsInner(hash uint64) bool {
	return hash < 2296619637176839168
}

func utsSerial(node uint64, children int) uint64 {
	nodes := uint64(1)
	for i := 0; i < children; i++ {
		child := splitmix64(node + uint64(i))
		if utsInner(child) {
			nodes += utsSerial(child, utsChildren)
		} else {
			nodes++
		}
	}
	return nodes
}

func skewedLeft(n uint64) uint64 {
	if n >= 16 {
		return n / 16
	}
	return 1
}

func leaf(number uint64) uint64 {
	return burn(number+1, steps100ns)
}

// leaves is the sum of the first n leaves.
func leaves(n uint64) uint64 {
	sum := uint64(0)
	for i := uint64(0); i < n; i++ {
		sum += leaf(i)
	}
	return sum
}

func irregular(i uint64) uint64 {
	if splitmix64(i)%64 == 0 {
		return burn(i+1, steps20ns+steps2us)
	}
	return burn(i+1, steps20ns)
}

func irregularSum(n int) uint64 {
	sum := uint64(0)
	for i := 0; i < n; i++ {
		sum += irregular(uint64(i))
	}
	return sum
}

// expected says what must come out, as ../expected.txt does.
func expected(b bench) {
	fmt.Println("fib", fibSize(b.scale))
	fmt.Println("nqueens", queensNodes[queensSize(b.scale)])
	fmt.Println("uts", utsSerial(splitmix64(utsSeed), b.scaled(2000, 1)))
	fmt.Println("skewed", leaves(uint64(b.scaled(1e5, 2))))
	fmt.Println("nested", leaves(64*64))
	fmt.Println("irregular", irregularSum(b.scaled(1e5, 1)))
}
