package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"servicepoint/content"

	"github.com/gohugoio/hugo/commands"
)

// HugoCommand is the first argument of the child process.
const HugoCommand = "hugo-build"

// HugoMain is the child: it runs Hugo with the arguments behind "hugo-build" and
// gives the exit code. Call it before anything else is started. It ends with its
// parent, whatever ended that: the parent holds the other end of its standard input.
func HugoMain(args []string) int {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	if err := commands.Execute(args); err != nil {
		fmt.Fprintln(os.Stderr, "ERROR", err)
		return 1
	}
	return 0
}

// hugo renders <stage>/project, so many pages, into public. Hugo runs in a process of its own: it
// leaks every site it has built, cannot be cancelled, and some texts make it
// panic. The environment is made by hand, because HUGO_* variables override even
// the security settings.
func (b *Builder) hugo(ctx context.Context, stage, public, origin string, pages int) error {
	timeout := b.Timeout
	if timeout == 0 {
		timeout = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	binary := b.Binary
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			return err
		}
	}
	if origin == "" {
		origin = "http://localhost"
	}
	var disabled []string
	for _, lang := range content.Languages {
		if !slices.Contains(b.languages(), lang) {
			disabled = append(disabled, lang)
		}
	}
	tmp := filepath.Join(stage, "tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, binary, HugoCommand,
		"--source", filepath.Join(stage, "project"),
		"--destination", public,
		"--baseURL", origin+"/",
		"--cacheDir", filepath.Join(stage, "cache"),
		"--noBuildLock", "--environment", "production",
	)
	cmd.Dir = stage
	cmd.Env = []string{
		"HOME=" + stage, "TMPDIR=" + tmp, "PATH=", "LANG=C.UTF-8", "TZ=Europe/Berlin",
		// Both limits: GOMEMLIMIT alone doubles the CPU time. A small site costs little
		// more than the program itself, so its speed counts; a large one its memory.
		fmt.Sprintf("GOGC=%d", max(110-pages/200, 60)), "GOMEMLIMIT=768MiB", "HUGO_MEMORYLIMIT=0.25",
		"HUGO_DISABLELANGUAGES=" + strings.Join(disabled, " "),
	}
	debug.FreeOSMemory() // the records are written: the child can have their place
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if _, err := cmd.StdinPipe(); err != nil { // see HugoMain
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("hugo: %w: %w", ctx.Err(), content.Problems{{Field: "site", Code: "site_timeout", Args: map[string]any{"seconds": int(timeout.Seconds())}}})
	case ctx.Err() != nil:
		return ctx.Err()
	}
	reason := hugoReason(said.String(), stage)
	return fmt.Errorf("hugo: %w: %s: %w", err, reason, content.Problems{{Field: "site", Code: "site_failed", Args: map[string]any{"reason": reason}}})
}

var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

// hugoReason picks what Hugo said about its failure, without paths of this machine.
func hugoReason(said, stage string) string {
	said = strings.ReplaceAll(ansi.ReplaceAllString(said, ""), stage+"/", "")
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "ERROR") || strings.HasPrefix(line, "Error:") || strings.HasPrefix(line, "panic:") {
			return cut(line, 600)
		}
	}
	return cut(strings.TrimSpace(said), 600)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + " …"
}
