// Servicepoint is the Kassel Service Point platform: one program that serves the
// site, takes answers, bookings and requests, and does the nightly work.
//
//	servicepoint serve --http 127.0.0.1:8090 --dir data [--demo]
//	servicepoint site build --dir data --out public
//	servicepoint export SURVEY --dir data --out answers.xlsx
//	servicepoint simulate PROVIDER --addr 127.0.0.1:9100 --faults cut=5%
//	servicepoint survey import|check|convert FILE
//
// This package only wires: it names every concrete matter, provider, job and
// setting. What they do stands in their own packages.
package main

import (
	"errors"
	"fmt"
	"os"
	_ "time/tzdata" // Europe/Berlin on machines without zone files

	"servicepoint/site"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run(os.Args)) }

// run is main with the exit code as its result; the stories of the test suite
// run it as the command "servicepoint".
func run(args []string) int {
	// Before anything of PocketBase exists: the child processes that run Hugo and write packages.
	if len(args) > 1 && args[1] == site.HugoCommand {
		return site.HugoMain(args[2:])
	}
	if len(args) > 1 && args[1] == packageCommand {
		return packageMain()
	}
	if err := command(args).Execute(); err != nil {
		var quiet quietError
		if !errors.As(err, &quiet) {
			fmt.Fprintln(os.Stderr, "servicepoint:", err)
		}
		return 1
	}
	return 0
}

// quietError has been told to the user already.
type quietError struct{ error }
