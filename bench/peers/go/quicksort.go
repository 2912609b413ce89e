// SPDX-License-Identifier: MIT

// What Go 1.19's library sorts through an interface or a function value takes
// several times as long; so this is what its users write for numbers.

package main

import "sync"

// Below this many, a goroutine costs more than it brings.
const sortAlone = 4096

func quicksort(items []uint32) {
	var all sync.WaitGroup
	sortPart(items, &all)
	all.Wait()
}

func sortPart(items []uint32, all *sync.WaitGroup) {
	for len(items) > 24 {
		middle := partition(items)
		left := items[:middle]
		items = items[middle+1:]
		if len(left) < sortAlone {
			sortPart(left, all)
			continue
		}
		all.Add(1)
		go func() {
			sortPart(left, all)
			all.Done()
		}()
	}
	insertionSort(items)
}

// partition puts the pivot, a median of three, in its place, which it gives.
// Lomuto's, without branches: which way an item goes cannot be foreseen.
func partition(items []uint32) int {
	pivotToEnd(items)
	pivot := items[len(items)-1]
	middle := 0
	for i := range items {
		item := items[i]
		items[i] = items[middle]
		items[middle] = item
		middle += int((uint64(item) - uint64(pivot)) >> 63)
	}
	return middle
}

func pivotToEnd(items []uint32) {
	last := len(items) - 1
	a, b, c := &items[0], &items[len(items)/2], &items[last]
	if *b < *a {
		*a, *b = *b, *a
	}
	if *c < *a {
		*a, *c = *c, *a
	}
	if *b < *c {
		*b, *c = *c, *b
	}
}

func insertionSort(items []uint32) {
	for i := 1; i < len(items); i++ {
		item := items[i]
		j := i
		for ; j > 0 && items[j-1] > item; j-- {
			items[j] = items[j-1]
		}
		items[j] = item
	}
}
