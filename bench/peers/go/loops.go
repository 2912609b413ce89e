// SPDX-License-Identifier: MIT

// Loops: Go has none of its own that are parallel. What its users write: the
// range in as many chunks as there are processors, a goroutine for each but the
// last; or, where iterations differ, chunks taken from a shared counter.

package main

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// chunks calls body(chunk, from, to) for each of as many equal parts of n as
// there are processors.
func chunks(n int, body func(chunk, from, to int)) {
	parts := runtime.GOMAXPROCS(0)
	var others sync.WaitGroup
	others.Add(parts - 1)
	for i := 0; i < parts-1; i++ {
		go func(i int) {
			body(i, n*i/parts, n*(i+1)/parts)
			others.Done()
		}(i)
	}
	body(parts-1, n*(parts-1)/parts, n)
	others.Wait()
}

// dynamic calls body(from, to) for chunks of up to grain, as they are taken.
func dynamic(n, grain int, body func(from, to int)) {
	var next atomic.Int64
	chunks(runtime.GOMAXPROCS(0), func(_, _, _ int) {
		for {
			from := int(next.Add(int64(grain))) - grain
			if from >= n {
				return
			}
			to := from + grain
			if to > n {
				to = n
			}
			body(from, to)
		}
	})
}

func sum(values []uint64) uint64 {
	total := uint64(0)
	for _, value := range values {
		total += value
	}
	return total
}

func nested(b bench) {
	const side = 64
	times := b.scaled(50, 1)
	out := make([]uint64, side*side)
	should := leaves(side * side)
	ns := b.median(timed(func() {
		for t := 0; t < times; t++ {
			chunks(side, func(_, from, to int) {
				for i := from; i < to; i++ {
					row := out[side*i : side*i+side]
					first := uint64(side * i)
					chunks(side, func(_, from, to int) {
						for j := from; j < to; j++ {
							row[j] = leaf(first + uint64(j))
						}
					})
				}
			})
		}
	}))
	expect("nested", sum(out), should)
	report("ns", ns/float64(times*side*side))
}

func (b bench) irregular(loop func(n int, body func(from, to int))) {
	n := b.scaled(1e5, 1)
	out := make([]uint64, n)
	should := irregularSum(n)
	ns := b.median(timed(func() {
		loop(n, func(from, to int) {
			for i := from; i < to; i++ {
				out[i] = irregular(uint64(i))
			}
		})
	}))
	expect("irregular", sum(out), should)
	report("ns", ns/float64(n))
}

func irregularStatic(b bench) {
	b.irregular(func(n int, body func(from, to int)) {
		chunks(n, func(_, from, to int) { body(from, to) })
	})
}

func irregularDynamic(b bench) {
	b.irregular(func(n int, body func(from, to int)) {
		dynamic(n, 64, body)
	})
}

func saxpy(b bench) {
	n := b.scaled(1e7, 1)
	x := make([]float32, n)
	y := make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	times := 0
	ns := b.median(timed(func() {
		chunks(n, func(_, from, to int) {
			x, y := x[from:to], y[from:to]
			for i := range x {
				y[i] += 2 * x[i]
			}
		})
		times++
	}))
	for i := range y {
		expect("saxpy", y[i], float32(2*times))
	}
	report("ns", ns/float64(n))
}

func stencil(b bench) {
	side := int(math.Sqrt(float64(b.scaled(4e6, 16))))
	in := make([]float32, side*side)
	out := make([]float32, side*side)
	for i := range in {
		in[i] = float32((i/side + i%side) % 16)
	}
	ns := b.median(timed(func() {
		chunks(side-2, func(_, from, to int) {
			for row := from + 1; row <= to; row++ {
				stencilRow(out[row*side:][:side], in[(row-1)*side:][:side],
					in[row*side:][:side], in[(row+1)*side:][:side])
			}
		})
	}))
	for row := 1; row < side-1; row++ {
		for column := 1; column < side-1; column++ {
			i := row*side + column
			expect("stencil", out[i], 0.2*(in[i]+in[i-1]+in[i+1]+
				in[i-side]+in[i+side]))
		}
	}
	report("ns", ns/float64((side-2)*(side-2)))
}

// stencilRow: the slices' lengths are equal, which spares most checks.
func stencilRow(out, above, middle, below []float32) {
	above = above[:len(out)]
	middle = middle[:len(out)]
	below = below[:len(out)]
	for i := 1; i < len(out)-1; i++ {
		out[i] = 0.2 * (middle[i] + middle[i-1] + middle[i+1] + above[i] +
			below[i])
	}
}

// reduce: four sums, since an addition waits for the one before.
func reduce(b bench) {
	n := b.scaled(1e7, 1)
	x := make([]float64, n)
	should := 0.0
	for i := range x {
		x[i] = float64(i % 1024)
		should += x[i]
	}
	ns := b.median(timed(func() {
		sums := make([]float64, runtime.GOMAXPROCS(0))
		chunks(n, func(chunk, from, to int) { sums[chunk] = sumOf(x[from:to]) })
		total := 0.0
		for _, part := range sums {
			total += part
		}
		expect("reduce", total, should)
	}))
	report("ns", ns/float64(n))
}

func sumOf(x []float64) float64 {
	var a, b, c, d float64
	for len(x) >= 4 {
		a += x[0]
		b += x[1]
		c += x[2]
		d += x[3]
		x = x[4:]
	}
	for _, value := range x {
		a += value
	}
	return a + b + c + d
}

// scan: the sums of the chunks but the last, then all chunks, each from the sum
// before it. One processor does it in one pass.
func scan(b bench) {
	n := b.scaled(1e7, 1)
	in := make([]int64, n)
	out := make([]int64, n)
	for i := range in {
		in[i] = int64(i % 8)
	}
	ns := b.median(timed(func() { scanOnce(in, out) }))
	running := int64(0)
	for i := range in {
		running += in[i]
		expect("scan", out[i], running)
	}
	report("ns", ns/float64(n))
}

func scanOnce(in, out []int64) {
	parts := runtime.GOMAXPROCS(0)
	before := make([]int64, parts+1)
	chunks(len(in), func(chunk, from, to int) {
		if chunk == parts-1 {
			return
		}
		total := int64(0)
		for _, value := range in[from:to] {
			total += value
		}
		before[chunk+1] = total
	})
	for i := 1; i < parts; i++ {
		before[i] += before[i-1]
	}
	chunks(len(in), func(chunk, from, to int) {
		running := before[chunk]
		in, out := in[from:to], out[from:to]
		for i := range in {
			running += in[i]
			out[i] = running
		}
	})
}

func sortQuestion(b bench) {
	n := b.scaled(1e6, 1)
	items := make([]uint32, n)
	ns := b.median(func() time.Duration {
		should := uint64(0)
		for i := range items {
			items[i] = uint32(splitmix64(uint64(i)) >> 32)
			should += uint64(items[i])
		}
		start := time.Now()
		quicksort(items)
		passed := time.Since(start)
		is := uint64(items[0])
		for i := 1; i < n; i++ {
			is += uint64(items[i])
			if items[i-1] > items[i] {
				fail("sort: not in order at %d", i)
			}
		}
		expect("sort", is, should)
		return passed
	})
	report("ns", ns/float64(n))
}
