// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"syscall"
	"time"
)

const rounds = 5

// amount at scale 1, at least least.
func (b bench) scaled(amount float64, least int) int {
	n := int(amount * b.scale)
	if n < least {
		return least
	}
	return n
}

func percentile(values []float64, part float64) float64 {
	sort.Float64s(values)
	at := int(float64(len(values)) * part)
	if at >= len(values) {
		at = len(values) - 1
	}
	return values[at]
}

// median does the work once untimed, then at least five times, each time over
// and over until 20 ms (times the scale, if below 1) have passed. once gives
// what one took; the median of that comes back, in ns.
func (b bench) median(once func() time.Duration) float64 {
	least := 20 * time.Millisecond
	if b.scale < 1 {
		least = time.Duration(float64(least) * b.scale)
	}
	once()
	ns := make([]float64, rounds)
	for i := range ns {
		passed := time.Duration(0)
		times := 0
		for passed < least || times == 0 {
			passed += once()
			times++
		}
		ns[i] = float64(passed.Nanoseconds()) / float64(times)
	}
	return percentile(ns, 0.5)
}

// timed is a round of work that needs nothing prepared.
func timed(work func()) func() time.Duration {
	return func() time.Duration {
		start := time.Now()
		work()
		return time.Since(start)
	}
}

func report(metric string, value float64) {
	fmt.Printf("%s %.6g\n", metric, value)
}

// goAndWait runs task as a goroutine of its own, which is no main goroutine
// locked to the first thread.
func goAndWait(task func()) {
	done := make(chan struct{})
	go func() {
		task()
		close(done)
	}()
	<-done
}

// cpuTime is the processor time of the process.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail("getrusage: %v", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// resident is the process' memory with its page tables, in bytes.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail("%v", err)
	}
	total := int64(0)
	for _, line := range strings.Split(string(text), "\n") {
		var kib int64
		for _, key := range []string{"VmRSS: %d", "VmPTE: %d"} {
			if n, _ := fmt.Sscanf(line, key, &kib); n == 1 {
				total += kib * 1024
			}
		}
	}
	return total
}
