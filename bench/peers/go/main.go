// SPDX-License-Identifier: MIT

// The questions of the benchmarks, answered in Go: ../README.md says how.
//
//	go QUESTION WORKERS [SCALE]
//	go questions
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

// Exit status: Go has no answer to this question.
const noAnswer = 77

type bench struct {
	workers int
	scale   float64
}

var questions = map[string]func(b bench){
	"spawn-warm":        spawnWarm,
	"spawn-cold":        spawnCold,
	"fib":               fibQuestion,
	"nqueens":           queensQuestion,
	"uts":               utsQuestion,
	"skewed":            skewedQuestion,
	"nested":            nested,
	"ring-2":            func(b bench) { ring(b, 2) },
	"ring-100":          func(b bench) { ring(b, 100) },
	"ring-10000":        func(b bench) { ring(b, 10000) },
	"ring-100000":       func(b bench) { ring(b, 100000) },
	"pingpong":          pingpong,
	"chan":              func(b bench) { buffered(b, 1) },
	"chan-44":           func(b bench) { buffered(b, 4) },
	"chan-batch":        batches,
	"pipeline":          func(b bench) { pipeline(b, 1e6, 0) },
	"pipeline-work":     func(b bench) { pipeline(b, 2e5, steps100ns) },
	"select":            selectQuestion,
	"mutex":             mutex,
	"wake":              wake,
	"parked":            parked,
	"parked-list":       parkedList,
	"saxpy":             saxpy,
	"stencil":           stencil,
	"irregular-static":  irregularStatic,
	"irregular-dynamic": irregularDynamic,
	"reduce":            reduce,
	"scan":              scan,
	"sort":              sortQuestion,
	"cpu":               cpu,
	"sleepers":          sleepers,
	"start":             start,
	"idle":              idle,
	"expected":          expected,
	"tail":              tail,
	"mixed-fork":        func(b bench) { mixed(b, 10, true, false) },
	"mixed-1ms":         func(b bench) { mixed(b, 10, false, false) },
	"mixed-10ms":        func(b bench) { mixed(b, 100, false, false) },
	"mixed-100ms":       func(b bench) { mixed(b, 1000, false, false) },
	"mixed-net-1ms":     func(b bench) { mixed(b, 10, false, true) },
	"mixed-net-10ms":    func(b bench) { mixed(b, 100, false, true) },
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

func expect[T comparable](what string, is, should T) {
	if is != should {
		fail("%s: %v in place of %v", what, is, should)
	}
}

func number(text string) float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value <= 0 || value > 1e6 {
		fmt.Fprintf(os.Stderr, "not a positive number: %q\n", text)
		os.Exit(2)
	}
	return value
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "questions" {
		for name := range questions {
			fmt.Println(name)
		}
		return
	}
	if len(os.Args) < 3 || len(os.Args) > 4 {
		fmt.Fprintln(os.Stderr, "usage: go QUESTION WORKERS [SCALE]\n"+
			"       go questions")
		os.Exit(2)
	}
	b := bench{workers: int(number(os.Args[2])), scale: 1}
	if len(os.Args) > 3 {
		b.scale = number(os.Args[3])
	}
	question, known := questions[os.Args[1]]
	if os.Args[1] == started {
		question, known = goNothing, true
	}
	switch os.Args[1] {
	case serveEcho:
		question, known = serve(echo), true
	case serveHTTP:
		question, known = serve(http), true
	}
	if !known {
		os.Exit(noAnswer)
	}
	runtime.GOMAXPROCS(b.workers)
	question(b)
}
