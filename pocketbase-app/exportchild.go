package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"servicepoint/exports"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/participation"
	"servicepoint/pocketbase-app/planning"
	"servicepoint/pocketbase-app/results"
)

// A package of a running server is written by a process of its own, this program
// again: what it needs is given back when it ends, its garbage collector does not
// stop those who answer meanwhile, and the system lets them go first (ADR 0038).

// packageCommand is the first argument of the child process.
const packageCommand = "write-package"

// packageNiceness is how far a child steps back behind the server, 0 to 19.
const packageNiceness = 10

// packageJob is what the child reads from its standard input, as one line of JSON. The
// input stays open as long as the file is wanted: its end cancels.
type packageJob struct {
	Database string           `json:"database"`
	Path     string           `json:"path"` // of the package
	Package  planning.Package `json:"package"`
	Now      time.Time        `json:"now"`

	Released []exports.ReleasedText `json:"released"` // what anybody may read
}

// packageNews is a line that the child writes to its standard output.
type packageNews struct {
	Done  int    `json:"done"`
	Total int    `json:"total"`
	Ended bool   `json:"ended,omitempty"` // the last line; Done is the number of responses then
	Error string `json:"error,omitempty"`
	// What the caller must tell apart.
	Reason  string `json:"reason,omitempty"`  // of a refusal, German, for planners
	Missing bool   `json:"missing,omitempty"` // base.ErrNotFound
	Full    bool   `json:"full,omitempty"`    // no space left on the disk
}

// packageMain is the child. Call it before anything else is started.
func packageMain() int {
	syscall.Setpriority(syscall.PRIO_PGRP, 0, packageNiceness) // all its threads; refused, it is as fast as the server
	signal.Ignore(syscall.SIGPIPE)                             // whoever reads the news may be gone; what was written must be removed first
	in := json.NewDecoder(os.Stdin)
	var job packageJob
	if err := in.Decode(&job); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the server, whatever ended that
		cancel()
	}()
	out := json.NewEncoder(os.Stdout)
	shown := -1
	rows, err := packageOf(ctx, job, func(done, total int) {
		if shown < 0 || done == total || done-shown >= total/200 {
			shown = done
			if out.Encode(packageNews{Done: done, Total: total}) != nil {
				cancel()
			}
		}
	})
	last := packageNews{Ended: true, Done: rows}
	if err != nil {
		last.Error, last.Missing, last.Full = err.Error(), errors.Is(err, base.ErrNotFound), errors.Is(err, syscall.ENOSPC)
		var refusal *exports.Refusal
		if errors.As(err, &refusal) {
			last.Reason = refusal.Reason()
		}
	}
	if out.Encode(last) != nil {
		return 1
	}
	return 0
}

func packageOf(ctx context.Context, job packageJob, progress func(done, total int)) (rows int, err error) {
	snapshot, err := participation.OpenSnapshot(ctx, job.Database, job.Package.Survey)
	if err != nil {
		return 0, err
	}
	defer snapshot.Close()
	p := job.Package.Profile
	from := surveyOf(snapshot, p.Personal, p.FreeText, job.Package.Purpose, job.Now)
	from.Released = job.Released
	m, err := exports.WritePackage(ctx, job.Path, from, exports.Profile{
		Formats: p.Formats,
		Filter:  exports.Filter{From: p.From, To: p.To, Channels: p.Channels, Languages: p.Languages},
	}, progress)
	return m.Rows, err
}

// childError is what the child said of its failure.
type childError struct{ news packageNews }

func (e childError) Error() string { return e.news.Error }

func (e childError) Is(target error) bool {
	return e.news.Missing && target == base.ErrNotFound || e.news.Full && target == syscall.ENOSPC
}

// refusedByChild is a childError that says itself why there is no file.
type refusedByChild struct{ childError }

func (e refusedByChild) Reason() string { return e.news.Reason }

// writePackage writes the package that a planner wants; it gives the number of
// responses in it.
func (s *server) writePackage(ctx context.Context, pkg planning.Package, path string, progress func(done, total int)) (int, error) {
	binary, err := os.Executable()
	if err != nil {
		return 0, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return 0, err
	}
	database, err := filepath.Abs(filepath.Join(s.p.App.DataDir(), "data.db"))
	if err != nil {
		return 0, err
	}
	order := packageJob{Database: database, Path: path, Package: pkg, Now: s.p.Now()}
	texts, err := results.ReleasedTexts(ctx, s.p.App.DB(), pkg.Survey)
	if err != nil {
		return 0, err
	}
	for _, one := range texts {
		order.Released = append(order.Released, exports.ReleasedText(one))
	}
	job, err := json.Marshal(order)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, binary, packageCommand)
	cmd.Dir = filepath.Dir(path)
	cmd.Env = []string{"TZ=Europe/Berlin", "LANG=C.UTF-8", "TMPDIR=" + os.TempDir(), "GOGC=" + packageGC, "GOMEMLIMIT=" + packageMemory}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	cmd.Cancel = in.Close // it removes what it wrote, and ends
	cmd.WaitDelay = 15 * time.Second
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	in.Write(append(job, '\n')) // a child that is gone has said why
	var last packageNews
	for lines := json.NewDecoder(out); !last.Ended; {
		var news packageNews
		if err := lines.Decode(&news); err != nil {
			break // it died; Wait knows more
		}
		if last = news; !news.Ended {
			progress(news.Done, news.Total)
		}
	}
	in.Close()
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case last.Reason != "":
		return 0, refusedByChild{childError{last}}
	case last.Error != "":
		return 0, childError{last}
	case err != nil || !last.Ended:
		return 0, fmt.Errorf("the process that writes packages: %w: %.2000s", errors.Join(err, io.ErrUnexpectedEOF), strings.TrimSpace(said.String()))
	}
	return last.Done, nil
}

// The collector of the child: what lives are buffers of the formats, some tens of MiB
// whatever the number of rows. Near the limit it runs more often, at a tenth more CPU;
// the limit is soft, and a survey that needs more gets it.
const (
	packageGC     = "50"
	packageMemory = "80MiB"
)
