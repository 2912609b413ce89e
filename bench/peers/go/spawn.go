// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// spawn: one function value for all goroutines, and one Add for the batch.
func spawn(n int) time.Duration {
	var batch sync.WaitGroup
	task := func() { batch.Done() }
	start := time.Now()
	for left := n; left > 0; left -= spawnBatch {
		batch.Add(spawnBatch)
		for i := 0; i < spawnBatch; i++ {
			go task()
		}
		batch.Wait()
	}
	return time.Since(start)
}

func (b bench) spawns() int {
	return b.scaled(1e6/spawnBatch, 1) * spawnBatch
}

func spawnWarm(b bench) {
	n := b.spawns()
	ns := b.median(func() (ns time.Duration) {
		goAndWait(func() { ns = spawn(n) })
		return ns
	})
	report("ns", ns/float64(n))
}

func spawnCold(b bench) {
	n := b.spawns()
	report("ns", float64(spawn(n).Nanoseconds())/float64(n))
}

func cpu(b bench) {
	steps := b.scaled(steps100ms, 1)
	var should, is uint64
	ns := b.median(timed(func() {
		goAndWait(func() { is = burn(1, steps) })
		if should == 0 {
			should = is
		}
		expect("cpu", is, should)
	}))
	report("ns", ns)
}

// What start asks another process of this program.
const started = "started"

func goNothing(bench) {
	goAndWait(func() {})
}

// start: Go's runtime starts and stops with its process; what a process costs
// that does nothing is taken off.
func start(b bench) {
	process := func(name string, args ...string) float64 {
		return b.median(timed(func() {
			if err := exec.Command(name, args...).Run(); err != nil {
				fail("%s: %v", name, err)
			}
		}))
	}
	self, err := os.Executable()
	if err != nil {
		fail("%v", err)
	}
	whole := process(self, started, fmt.Sprint(b.workers))
	report("ns", whole-process("/bin/true"))
}
