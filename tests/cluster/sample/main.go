// Sample is the one program in an image that has nothing else in it, no shell either:
//
//	sample              answer HTTP on $PORT (8080) until told to stop; /ready says "ok"
//	sample exit N       print a line and end with exit code N
//	sample eat MIB      fill that much memory, then answer
//	sample pause        wait until told to stop: what a pod's sandbox needs
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

var memory []byte

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	what := ""
	if len(os.Args) > 1 {
		what = os.Args[1]
	}
	switch what {
	case "exit":
		fmt.Println("exit as asked")
		os.Exit(number(2))
	case "eat":
		eat(number(2) << 20)
		go serve()
	case "":
		go serve()
	}
	<-stop
}

func serve() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	host, _ := os.Hostname()
	http.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello from", host) })
	fmt.Println("serving on", port)
	fmt.Println(http.ListenAndServe(":"+port, nil))
	os.Exit(1)
}

// eat writes to every page: memory that nobody touched is not counted.
func eat(size int) {
	memory = make([]byte, size)
	for at := 0; at < size; at += os.Getpagesize() {
		memory[at] = 1
	}
}

func number(argument int) int {
	if len(os.Args) <= argument {
		fmt.Println("a number is missing")
		os.Exit(2)
	}
	n, err := strconv.Atoi(os.Args[argument])
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	return n
}
