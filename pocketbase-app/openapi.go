package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// openAPI describes the public API for programs (OpenAPI 3.1); docs/api.md does it
// for people. Written by hand and held against the handlers by a test.
//
//go:embed openapi.json
var openAPI []byte

var openAPITag = func() string {
	sum := sha256.Sum256(openAPI)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}()

// describeAPI is GET /api/v1/openapi.json.
func describeAPI(e *core.RequestEvent) error {
	h := e.Response.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", openAPITag)
	http.ServeContent(e.Response, e.Request, "", time.Time{}, bytes.NewReader(openAPI))
	return nil
}
