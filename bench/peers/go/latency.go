// SPDX-License-Identifier: MIT

package main

import (
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// wake: the sender keeps its own worker busy throughout, so that the receiver
// has to run on the other, which had 50 us to go to sleep.
func wake(b bench) {
	if b.workers < 2 {
		os.Exit(noAnswer)
	}
	count := b.scaled(2000, 20)
	late := make([]float64, 0, count)
	messages := make(chan time.Time)
	var received atomic.Int64
	go func() {
		for sent := range messages {
			late = append(late, float64(time.Since(sent).Nanoseconds()))
			received.Add(1)
		}
	}()
	goAndWait(func() {
		for i := 0; i < count; i++ {
			for pause := time.Now(); time.Since(pause) < 50*time.Microsecond; {
			}
			messages <- time.Now()
			for received.Load() == int64(i) {
			}
		}
	})
	expect("wake", len(late), count)
	report("p50_ns", percentile(late, 0.5))
	report("p99_ns", percentile(late, 0.99))
}

// tail: four computing goroutines for each worker, and one with a timer.
func tail(b bench) {
	count := b.scaled(2000, 20)
	var stop atomic.Bool
	var all sync.WaitGroup
	for i := 0; i < 4*b.workers; i++ {
		all.Add(1)
		go func(x uint64) {
			for !stop.Load() {
				x = burn(x, steps100us)
				runtime.Gosched()
			}
			all.Done()
		}(uint64(i + 1))
	}
	late := make([]float64, count)
	goAndWait(func() {
		for i := range late {
			due := time.Now().Add(time.Millisecond)
			time.Sleep(time.Millisecond)
			late[i] = float64(time.Since(due).Nanoseconds())
		}
	})
	stop.Store(true)
	all.Wait()
	report("p50_ns", percentile(late, 0.5))
	report("p999_ns", percentile(late, 0.999))
}

// parked: created means that all have run until they wait.
func parked(b bench) {
	tasks := b.scaled(1e6, 1)
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	task := func() {
		ready.Done()
		<-gate
		done.Done()
	}
	ready.Add(tasks)
	done.Add(tasks)
	before := resident()
	start := time.Now()
	for i := 0; i < tasks; i++ {
		go task()
	}
	ready.Wait()
	created := time.Since(start)
	bytes := resident() - before
	start = time.Now()
	close(gate)
	done.Wait()
	woken := time.Since(start)
	report("create_ns", float64(created.Nanoseconds())/float64(tasks))
	report("bytes", float64(bytes)/float64(tasks))
	report("wake_ns", float64(woken.Nanoseconds())/float64(tasks))
}

// parkedList: a record of every goroutine, with its stack, as profiles have it.
func sleepers(b bench) {
	tasks := b.scaled(1e6, 100)
	var begun, all sync.WaitGroup
	begun.Add(tasks)
	all.Add(tasks)
	memory := resident()
	start := time.Now()
	due := start.Add(time.Duration(tasks) * 5 * time.Microsecond)
	for i := 0; i < tasks; i++ {
		go func(i int) {
			begun.Done()
			time.Sleep(time.Until(due.Add(sleepAfter(i))))
			all.Done()
		}(i)
	}
	begun.Wait()
	report("create_ns", float64(time.Since(start).Nanoseconds())/
		float64(tasks))
	report("bytes", float64(resident()-memory)/float64(tasks))
	cpu := cpuTime()
	all.Wait()
	report("fire_ns", float64((cpuTime()-cpu).Nanoseconds())/float64(tasks))
}

func parkedList(b bench) {
	tasks := b.scaled(1e6, 1)
	gate := make(chan struct{})
	var ready sync.WaitGroup
	ready.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			ready.Done()
			<-gate
		}()
	}
	ready.Wait()
	records := make([]runtime.StackRecord, tasks+1000)
	start := time.Now()
	listed, all := runtime.GoroutineProfile(records)
	passed := time.Since(start)
	if !all || listed < tasks {
		fail("%d of %d are listed", listed, tasks)
	}
	report("list_ns", float64(passed.Nanoseconds())/float64(tasks))
}

// idle: a thousand goroutines wait for a message that does not come.
func idle(b bench) {
	never := make(chan int)
	var ready sync.WaitGroup
	for i := 0; i < 1000; i++ {
		ready.Add(1)
		go func() {
			ready.Done()
			<-never
		}()
	}
	ready.Wait()
	second := time.Duration(float64(time.Second) * math.Min(b.scale, 1))
	used := make([]float64, rounds)
	for i := range used {
		before := cpuTime()
		time.Sleep(second)
		used[i] = float64((cpuTime() - before).Nanoseconds()) / 1e3 /
			second.Seconds()
	}
	report("cpu_us", percentile(used, 0.5))
}
