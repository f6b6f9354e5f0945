// Package objects keeps files in S3-compatible storage with the client that PocketBase
// brings along (ADR 0025).
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/filesystem/blob"
)

// Bucket is a place in a bucket.
type Bucket struct {
	bucket, region, endpoint, key, secret string
	pathStyle                             bool
	prefix                                string
}

// Open takes an address "s3://bucket/prefix?endpoint=https://host&region=eu-central-1" and
// the credentials. With "path=1" the bucket stands in the path of requests and not in
// the name of the host. It does not connect.
func Open(address, key, secret string) (*Bucket, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return nil, errors.New(`objects: the address is not of the form s3://bucket/prefix?endpoint=https://host&region=…`)
	}
	q := u.Query()
	b := &Bucket{bucket: u.Host, region: q.Get("region"), endpoint: q.Get("endpoint"), pathStyle: q.Get("path") == "1",
		prefix: strings.Trim(u.Path, "/"), key: key, secret: secret}
	if b.endpoint == "" || key == "" || secret == "" {
		return nil, errors.New("objects: S3 storage needs an endpoint in its address, a key and a secret")
	}
	if b.region == "" {
		b.region = "us-east-1" // what servers without regions expect
	}
	if b.prefix != "" {
		b.prefix += "/"
	}
	return b, nil
}

func (b *Bucket) system(ctx context.Context) (*filesystem.System, error) {
	s, err := filesystem.NewS3(b.bucket, b.region, b.endpoint, b.key, b.secret, b.pathStyle)
	if err != nil {
		return nil, err
	}
	s.SetContext(ctx)
	return s, nil
}

// Read gives an object; an error that is fs.ErrNotExist when there is none.
func (b *Bucket) Read(ctx context.Context, name string) ([]byte, error) {
	s, err := b.system(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r, err := s.GetReader(b.prefix + name)
	if errors.Is(err, filesystem.ErrNotFound) {
		return nil, fmt.Errorf("objects: %s: %w", name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Write makes an object. It is written to a file of this machine first: an upload that
// begins is complete, and storage shows an object when its upload ends.
func (b *Bucket) Write(ctx context.Context, name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp("", "servicepoint-object-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := b.system(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := s.NewWriter(b.prefix+name, &blob.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, f); err != nil {
		cancel() // ends the upload before it counts
		w.Close()
		return err
	}
	return w.Close()
}
