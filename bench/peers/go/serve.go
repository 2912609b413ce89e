// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"fmt"
	"net"
)

// What load.c asks a server for, besides the questions.
const (
	serveEcho = "serve-echo"
	serveHTTP = "serve-http"
)

const room = 4096

var page = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" +
	"Content-Length: 13\r\n\r\nHello, world\n")

// serve prints its port, and serves each connection until it ends.
func serve(one func(net.Conn)) func(bench) {
	return func(bench) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fail("%v", err)
		}
		fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
		for {
			c, err := listener.Accept()
			if err != nil {
				fail("%v", err)
			}
			go one(c)
		}
	}
}

func echo(c net.Conn) {
	defer c.Close()
	var buffer [room]byte
	for {
		n, err := c.Read(buffer[:])
		if err != nil {
			return
		}
		if _, err = c.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func http(c net.Conn) {
	defer c.Close()
	var buffer [room]byte
	got := 0
	for got < room {
		n, err := c.Read(buffer[got:])
		if err != nil {
			return
		}
		got += n
		for {
			end := bytes.Index(buffer[:got], []byte("\r\n\r\n"))
			if end < 0 {
				break
			}
			if _, err = c.Write(page); err != nil {
				return
			}
			got = copy(buffer[:], buffer[end+4:got])
		}
	}
}
