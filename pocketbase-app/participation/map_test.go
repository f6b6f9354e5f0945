package participation_test

import (
	"image/png"
	"net/http"
	"testing"

	"servicepoint/content/citymap"
)

func TestTheCityMapIsServedAndCached(t *testing.T) {
	w := newWorld(t)
	for path, kind := range map[string]string{"/umfragen/karte.png": "image/png", "/umfragen/karte.svg": "image/svg+xml"} {
		res, err := w.client.Get(w.srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != kind || res.Header.Get("Cache-Control") == "" {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
		if kind == "image/png" {
			if img, err := png.Decode(res.Body); err != nil || img.Bounds().Dx() != 2*citymap.Width {
				t.Error(err)
			}
		}
		res.Body.Close()
		req, _ := http.NewRequest("GET", w.srv.URL+path, nil)
		req.Header.Set("If-None-Match", res.Header.Get("ETag"))
		if res, err = w.client.Do(req); err != nil || res.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %v %v", path, res, err)
		}
		res.Body.Close()
	}
}
