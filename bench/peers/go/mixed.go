// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	waiters     = 16
	pieceLeaves = 50
)

// walkTree: leaves of 2 us, a goroutine for the left side.
func walkTree(leaves int) uint64 {
	if leaves == 1 {
		return burn(1, steps2us)
	}
	f := new(fork)
	f.done.Add(1)
	go func() {
		f.result = walkTree(leaves / 2)
		f.done.Done()
	}()
	mine := walkTree(leaves - leaves/2)
	f.done.Wait()
	return mine + f.result
}

// busyPieces computes until it is over, a piece of 100 us after the other, and
// yields after so many of them. It gives back how many there were.
func busyPieces(over *atomic.Bool, turn int, forks bool) int {
	done := 0
	x := uint64(1)
	for !over.Load() {
		for i := 0; i < turn && !over.Load(); i++ {
			if forks {
				x += walkTree(pieceLeaves)
			} else {
				x = burn(x, steps100us)
			}
			done++
		}
		runtime.Gosched()
	}
	expect("computing", x != 0, true)
	return done
}

// sleepsLate sleeps for 1 ms at a time, at most so often.
func sleepsLate(over *atomic.Bool, most int) []float64 {
	late := make([]float64, 0, most)
	x := uint64(1)
	for len(late) == 0 || len(late) < most && !over.Load() {
		due := time.Now().Add(time.Millisecond)
		time.Sleep(time.Millisecond)
		late = append(late, float64(time.Since(due).Nanoseconds()))
		x = burn(x, steps5us)
	}
	expect("work", x != 0, true)
	return late
}

// mixed: goroutines that sleep beside goroutines that compute.
func mixed(b bench, turn int, forks bool) {
	long := time.Duration(float64(time.Second) * b.scale)
	most := int(long/time.Millisecond) + 2
	pieces := make([]int, 4*b.workers)
	late := make([][]float64, waiters)
	var over atomic.Bool
	var all sync.WaitGroup
	start := time.Now()
	for i := range late {
		all.Add(1)
		go func(i int) {
			late[i] = sleepsLate(&over, most)
			all.Done()
		}(i)
	}
	for i := range pieces {
		all.Add(1)
		go func(i int) {
			pieces[i] = busyPieces(&over, turn, forks)
			all.Done()
		}(i)
	}
	time.Sleep(long)
	over.Store(true)
	ns := float64(time.Since(start).Nanoseconds())
	all.Wait()
	done := 0
	for _, n := range pieces {
		done += n
	}
	var sleeps []float64
	for _, each := range late {
		sleeps = append(sleeps, each...)
	}
	report("compute_ns", ns*float64(b.workers)/float64(done))
	report("wait_ns", ns*waiters/float64(len(sleeps)))
	report("p50_ns", percentile(sleeps, 0.5))
	report("p99_ns", percentile(sleeps, 0.99))
}
