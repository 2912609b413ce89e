// SPDX-License-Identifier: MIT

package main

import (
	"sync"
)

func pingpong(b bench) {
	times := b.scaled(2e5, 10)
	ns := b.median(timed(func() {
		ping := make(chan int64)
		pong := make(chan int64)
		go func() {
			for value := range ping {
				pong <- value + 1
			}
		}()
		goAndWait(func() {
			value := int64(0)
			for i := 0; i < times; i++ {
				ping <- value
				value = <-pong
			}
			close(ping)
			expect("pingpong", value, int64(times))
		})
	}))
	report("ns", ns/float64(times))
}

// buffered: `sides` senders and as many receivers; the last sender closes.
func buffered(b bench, sides int) {
	each := b.scaled(1e6, sides) / sides
	total := int64(each * sides)
	ns := b.median(timed(func() {
		queue := make(chan int64, 1024)
		var senders, receivers sync.WaitGroup
		sums := make([]int64, sides)
		senders.Add(sides)
		receivers.Add(sides)
		for side := 0; side < sides; side++ {
			go func(first int64) {
				for i := int64(0); i < int64(each); i++ {
					queue <- first + i
				}
				senders.Done()
			}(int64(side * each))
			go func(sum *int64) {
				mine := int64(0)
				for value := range queue {
					mine += value
				}
				*sum = mine
				receivers.Done()
			}(&sums[side])
		}
		senders.Wait()
		close(queue)
		receivers.Wait()
		sum := int64(0)
		for _, part := range sums {
			sum += part
		}
		expect("chan", sum, total*(total-1)/2)
	}))
	report("ns", ns/float64(total))
}

// batches: messages of 64 numbers, by value; as many numbers as buffered's fit
// in. Slices would go through a channel faster, and a pool of them or the
// garbage collector take longer than that.
func batches(b bench) {
	const batch = 64
	count := b.scaled(1e6/batch, 1)
	total := int64(count * batch)
	ns := b.median(timed(func() {
		queue := make(chan [batch]int64, 1024/batch)
		go func() {
			var numbers [batch]int64
			for i := int64(0); i < total; {
				for j := range numbers {
					numbers[j] = i
					i++
				}
				queue <- numbers
			}
			close(queue)
		}()
		goAndWait(func() {
			sum := int64(0)
			for numbers := range queue {
				for _, number := range numbers {
					sum += number
				}
			}
			expect("chan-batch", sum, total*(total-1)/2)
		})
	}))
	report("ns", ns/float64(total))
}

// selectQuestion: one goroutine sends by turns, the other selects.
func selectQuestion(b bench) {
	total := int64(b.scaled(3e5, 3))
	ns := b.median(timed(func() {
		var queues [3]chan int64
		for i := range queues {
			queues[i] = make(chan int64, 1024)
		}
		go func() {
			for i := int64(0); i < total; i++ {
				queues[i%3] <- i
			}
		}()
		goAndWait(func() {
			sum := int64(0)
			for i := int64(0); i < total; i++ {
				select {
				case value := <-queues[0]:
					sum += value
				case value := <-queues[1]:
					sum += value
				case value := <-queues[2]:
					sum += value
				}
			}
			expect("select", sum, total*(total-1)/2)
		})
	}))
	report("ns", ns/float64(total))
}

func mutex(b bench) {
	const tasks = 8
	each := b.scaled(1e6, tasks) / tasks
	ns := b.median(timed(func() {
		var lock sync.Mutex
		var all sync.WaitGroup
		counter := 0
		all.Add(tasks)
		for i := 0; i < tasks; i++ {
			go func() {
				for i := 0; i < each; i++ {
					lock.Lock()
					counter++
					lock.Unlock()
				}
				all.Done()
			}()
		}
		all.Wait()
		expect("mutex", counter, tasks*each)
	}))
	report("ns", ns/float64(tasks*each))
}
