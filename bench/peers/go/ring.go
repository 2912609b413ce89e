// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// ring: tasks are there, and yield, before the clock starts; the last to have
// yielded its number of times stops it.
func ring(b bench, tasks int) {
	times := b.scaled(1e6/float64(tasks), 1)
	if least := int(50 * b.scale); times < least {
		times = least
	}
	if times < 5 {
		times = 5
	}
	ns := b.median(func() time.Duration { return ringOnce(tasks, times) })
	report("ns", ns/float64(tasks*times))
}

func ringOnce(tasks, times int) time.Duration {
	var ready, done atomic.Int64
	var open atomic.Bool
	var all sync.WaitGroup
	var end time.Time
	all.Add(tasks)
	task := func() {
		ready.Add(1)
		for !open.Load() {
			runtime.Gosched()
		}
		for i := 0; i < times; i++ {
			runtime.Gosched()
		}
		if done.Add(1) == int64(tasks) {
			end = time.Now()
		}
		all.Done()
	}
	for i := 0; i < tasks; i++ {
		go task()
	}
	for ready.Load() < int64(tasks) {
		runtime.Gosched()
	}
	start := time.Now()
	open.Store(true)
	all.Wait()
	return end.Sub(start)
}
