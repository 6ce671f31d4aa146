// Forward joins a TCP port of one network namespace to the same port of another:
//
//	forward ADDRESS LISTENING-NAMESPACE DIALLING-NAMESPACE
//
// A namespace is a file such as /proc/self/ns/net. The address is an IP literal with a port.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: forward ADDRESS LISTENING-NAMESPACE DIALLING-NAMESPACE"))
	}
	address, there := os.Args[1], open(os.Args[3])
	listener, err := within(open(os.Args[2]), func() (net.Listener, error) { return net.Listen("tcp", address) })
	if err != nil {
		fail(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			fail(err)
		}
		go join(client, there, address)
	}
}

// join carries bytes both ways, until both ends have said their last.
func join(client net.Conn, there *os.File, address string) {
	defer client.Close()
	server, err := within(there, func() (net.Conn, error) { return net.Dial("tcp", address) })
	if err != nil {
		return // nobody there: the client sees its connection end
	}
	defer server.Close()
	answered := make(chan struct{})
	go func() {
		carry(client, server)
		close(answered)
	}()
	carry(server, client)
	<-answered
}

// carry copies one direction and passes on that it has ended.
func carry(to, from net.Conn) {
	io.Copy(to, from)
	to.(*net.TCPConn).CloseWrite()
}

// within makes a socket in a network namespace; it belongs there for good. The thread that went there is thrown
// away: its goroutine ends while it is locked to it.
func within[T any](namespace *os.File, connect func() (T, error)) (made T, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err == nil {
			made, err = connect()
		}
	}()
	<-done
	return made, err
}

func open(path string) *os.File {
	file, err := os.Open(path)
	if err != nil {
		fail(err)
	}
	return file
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "forward:", err)
	os.Exit(1)
}
