package objects_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base/objects"
)

const (
	key    = "servicepoint"
	secret = "only-for-this-test"
)

// server starts versitygw, a real S3 server in Go that keeps objects as files, as a
// child process, and returns its address and where its files lie.
func server(t *testing.T) (endpoint, dir string) {
	t.Helper()
	if os.Getenv("SERVICEPOINT_VERIFY") == "" {
		t.Skip("NOT CHECKED: S3 storage is tried in make verify only")
	}
	binary, err := filepath.Abs(filepath.Join("..", "..", "..", "bin", "s3", "versitygw"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatal("no bin/s3/versitygw: .ci/tools verify installs it")
	}
	dir = t.TempDir()
	for _, d := range []string{"files/feed", "iam"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command(binary, "--port", address, "--access", key, "--secret", secret, "--region", "eu-central-1", "posix", "--sidecar", filepath.Join(dir, "iam"), filepath.Join(dir, "files"))
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for range 200 {
		r, err := http.Get("http://" + address + "/")
		if err == nil {
			r.Body.Close()
			return "http://" + address, filepath.Join(dir, "files")
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the server does not answer: %s", log.String())
	return "", ""
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func TestForeignReaderAnS3ServerKeepsObjects(t *testing.T) {
	endpoint, files := server(t)
	b, err := objects.Open("s3://feed/kassel?path=1&region=eu-central-1&endpoint="+endpoint, key, secret)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, err := b.Read(ctx, "manifest.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("nothing is there: %v", err)
	}
	name := "survey=smart-kassel/version=1/000000000001.parquet"
	for _, s := range []string{"first", "second"} {
		if err := b.Write(ctx, name, text(s)); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Read(ctx, name); err != nil || string(got) != s {
			t.Errorf("%q %v", got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(files, "feed", "kassel", filepath.FromSlash(name))); err != nil {
		t.Error(err)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB: several parts
	if err := b.Write(ctx, "large", func(w io.Writer) error { _, err := w.Write(large); return err }); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Read(ctx, "large"); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	broken := errors.New("broken")
	if err := b.Write(ctx, "half", func(w io.Writer) error { text("half")(w); return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := b.Write(gone, "half", text("half")); err == nil {
		t.Error("written after the end")
	}
	if _, err := b.Read(ctx, "half"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half of a file is there: %v", err)
	}
	wrong, err := objects.Open("s3://feed/kassel?path=1&region=eu-central-1&endpoint="+endpoint, key, "guessed")
	if err != nil {
		t.Fatal(err)
	}
	if err := wrong.Write(ctx, "x", text("x")); err == nil {
		t.Error("a wrong secret was taken")
	}
	if _, err := wrong.Read(ctx, name); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a wrong secret reads as an empty place: %v", err)
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	for address, secret := range map[string]string{
		"https://host/bucket": "s", "s3://bucket/feed": "s", "s3:///feed?endpoint=https://host": "s", "s3://bucket?endpoint=https://host": "",
	} {
		if _, err := objects.Open(address, "k", secret); err == nil {
			t.Errorf("%s was taken", address)
		}
	}
	if _, err := objects.Open("s3://bucket?endpoint=https://host", "k", "s"); err != nil {
		t.Error(err)
	}
}
