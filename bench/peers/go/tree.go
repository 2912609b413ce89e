// SPDX-License-Identifier: MIT

// Trees: a goroutine for each child but the last, which the parent walks
// itself. The children's results meet in one object of the parent, with the
// WaitGroup that it waits for.

package main

import (
	"sync"
	"sync/atomic"
)

// fork is a joint for one child.
type fork struct {
	done   sync.WaitGroup
	result uint64
}

type joint struct {
	children sync.WaitGroup
	sum      atomic.Uint64
}

func (b bench) tree(what string, walk func() uint64, should uint64,
	ops float64) {
	ns := b.median(timed(func() { expect(what, walk(), should) }))
	report("ns", ns/ops)
}

func fib(n int) uint64 {
	if n < 2 {
		return uint64(n)
	}
	f := new(fork)
	f.done.Add(1)
	go fibTask(f, n-1)
	mine := fib(n - 2)
	f.done.Wait()
	return mine + f.result
}

func fibTask(f *fork, n int) {
	f.result = fib(n)
	f.done.Done()
}

func fibQuestion(b bench) {
	n := fibSize(b.scale)
	calls := 2*fibValue(n+1) - 1
	b.tree("fib", func() uint64 { return fib(n) }, fibValue(n),
		float64(calls))
}

type board struct {
	columns, left, right uint32
}

func (b board) put(place uint32) board {
	return board{b.columns | place, (b.left | place) << 1,
		(b.right | place) >> 1}
}

func queensTask(j *joint, b board, n int) {
	j.sum.Add(queens(b, n))
	j.children.Done()
}

func queens(b board, n int) uint64 {
	free := ^(b.columns | b.left | b.right) & (1<<n - 1)
	if free == 0 {
		return 1
	}
	if free&(free-1) == 0 {
		return 1 + queens(b.put(free), n)
	}
	j := new(joint)
	for ; free&(free-1) != 0; free &= free - 1 {
		j.children.Add(1)
		go queensTask(j, b.put(free&-free), n)
	}
	nodes := 1 + queens(b.put(free), n)
	j.children.Wait()
	return nodes + j.sum.Load()
}

func queensQuestion(b bench) {
	n := queensSize(b.scale)
	b.tree("nqueens", func() uint64 { return queens(board{}, n) },
		queensNodes[n], float64(queensNodes[n]))
}

func utsTask(j *joint, node uint64) {
	j.sum.Add(uts(node))
	j.children.Done()
}

func uts(node uint64) uint64 {
	if !utsInner(node) {
		return 1
	}
	return utsBelow(node, utsChildren)
}

func utsBelow(node uint64, children int) uint64 {
	j := new(joint)
	j.children.Add(children - 1)
	for i := 0; i < children-1; i++ {
		go utsTask(j, splitmix64(node+uint64(i)))
	}
	nodes := 1 + uts(splitmix64(node+uint64(children-1)))
	j.children.Wait()
	return nodes + j.sum.Load()
}

func utsQuestion(b bench) {
	children := b.scaled(2000, 1)
	root := splitmix64(utsSeed)
	nodes := utsSerial(root, children)
	b.tree("uts", func() uint64 { return utsBelow(root, children) }, nodes,
		float64(nodes))
}

func skewed(first, n uint64) uint64 {
	if n == 1 {
		return leaf(first)
	}
	left := skewedLeft(n)
	f := new(fork)
	f.done.Add(1)
	go skewedTask(f, first+left, n-left)
	mine := skewed(first, left)
	f.done.Wait()
	return mine + f.result
}

func skewedTask(f *fork, first, n uint64) {
	f.result = skewed(first, n)
	f.done.Done()
}

func skewedQuestion(b bench) {
	n := uint64(b.scaled(1e5, 2))
	b.tree("skewed", func() uint64 { return skewed(0, n) }, leaves(n),
		float64(n))
}
