// Command agent makes a pile of boards one etcd cluster and keeps it one.
//
// This package is the command line and nothing else: flags, output and exit
// codes. What a board does is decided below, in package agent.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(newApp(os.Environ(), os.Stdin, os.Stdout, os.Stderr).run(context.Background(), os.Args[1:]))
}
