// SPDX-License-Identifier: MIT

package main

import (
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	waiters     = 16
	pieceLeaves = 50
	requestSize = 64
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

func joined(of [][]float64) []float64 {
	var all []float64
	for _, each := range of {
		all = append(all, each...)
	}
	return all
}

func need(err error) {
	if err != nil {
		fail("%v", err)
	}
}

// serveOne computes for 5 us for each request.
func serveOne(c net.Conn) {
	var request [requestSize]byte
	x := uint64(1)
	for {
		if _, err := io.ReadFull(c, request[:]); err != nil {
			break
		}
		x = burn(x, steps5us)
		_, err := c.Write(request[:])
		need(err)
	}
	c.Close()
	expect("work", x != 0, true)
}

// asksLate sleeps for 1 ms at a time and then asks over a connection: how long
// after it was due it has the answer, and how long after it has asked.
func asksLate(address string, over *atomic.Bool, most int) (late,
	took []float64) {
	var request [requestSize]byte
	c, err := net.Dial("tcp", address)
	need(err)
	for len(took) == 0 || len(took) < most && !over.Load() {
		due := time.Now().Add(time.Millisecond)
		time.Sleep(time.Millisecond)
		start := time.Now()
		_, err = c.Write(request[:])
		need(err)
		_, err = io.ReadFull(c, request[:])
		need(err)
		took = append(took, float64(time.Since(start).Nanoseconds()))
		late = append(late, float64(time.Since(due).Nanoseconds()))
	}
	c.Close()
	return late, took
}

// listenFor serves every connection, and gives back where.
func listenFor() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	need(err)
	go func() {
		for i := 0; i < waiters; i++ {
			c, err := listener.Accept()
			need(err)
			go serveOne(c)
		}
	}()
	return listener
}

// mixed: goroutines that sleep, or ask each other over sockets, beside
// goroutines that compute.
func mixed(b bench, turn int, forks bool, sockets bool) {
	long := time.Duration(float64(time.Second) * b.scale)
	most := int(long/time.Millisecond) + 2
	pieces := make([]int, 4*b.workers)
	late := make([][]float64, waiters)
	took := make([][]float64, waiters)
	var over atomic.Bool
	var all sync.WaitGroup
	wait := func(i int) { late[i] = sleepsLate(&over, most) }
	if sockets {
		address := listenFor().Addr().String()
		wait = func(i int) {
			late[i], took[i] = asksLate(address, &over, most)
		}
	}
	start := time.Now()
	for i := range late {
		all.Add(1)
		go func(i int) {
			wait(i)
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
	sleeps := joined(late)
	report("compute_ns", ns*float64(b.workers)/float64(done))
	report("wait_ns", ns*waiters/float64(len(sleeps)))
	report("p50_ns", percentile(sleeps, 0.5))
	report("p99_ns", percentile(sleeps, 0.99))
	if sockets {
		report("answer_ns", percentile(joined(took), 0.99))
	}
}
