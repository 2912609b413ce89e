// SPDX-License-Identifier: MIT

package main

// pipeline: numbers through four goroutines, each of which computes for so many
// steps, with a buffer of 256 between any two.
func pipeline(b bench, amount float64, steps int) {
	n := b.scaled(amount, 1)
	expected := uint64(0)
	for i := 1; i <= n; i++ {
		expected += burn(uint64(i), 4*steps)
	}
	ns := b.median(timed(func() {
		first := make(chan uint64, 256)
		go func() {
			for i := 1; i <= n; i++ {
				first <- burn(uint64(i), steps)
			}
			close(first)
		}()
		goAndWait(func() {
			sum := uint64(0)
			for value := range change(change(first, steps), steps) {
				sum += burn(value, steps)
			}
			expect("pipeline", sum, expected)
		})
	}))
	report("ns", ns/float64(n))
}

// change is a stage in between.
func change(from <-chan uint64, steps int) <-chan uint64 {
	to := make(chan uint64, 256)
	go func() {
		for value := range from {
			to <- burn(value, steps)
		}
		close(to)
	}()
	return to
}
