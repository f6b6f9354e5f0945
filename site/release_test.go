package site_test

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/site"
)

func TestAFailedBuildKeepsTheOldSite(t *testing.T) {
	b := &site.Builder{Dir: t.TempDir()}
	first, err := b.Build(t.Context(), catalogue())
	if err != nil {
		t.Fatal(err)
	}
	words, err := content.LoadWords()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*content.Catalogue)
		code  string
		say   string
	}{
		"a link that leads nowhere":     {func(c *content.Catalogue) { body(c, "[hier](/leistungen/gibt-es-nicht/)") }, "site_link", "/leistungen/gibt-es-nicht/"},
		"an anchor that is not there":   {func(c *content.Catalogue) { body(c, "[hier](/leistungen/#nirgends)") }, "site_fragment", "#nirgends"},
		"a slug that leaves the site":   {func(c *content.Catalogue) { c.Guides[0].Slug = "../../../evil" }, "site_slug", "../../../evil"},
		"two guides of one name":        {func(c *content.Catalogue) { c.Guides = append(c.Guides, c.Guides[0]) }, "site_twice", "/leistungen/fuehrungszeugnis/"},
		"an event in the archive's way": {func(c *content.Catalogue) { c.Events[0].Slug = "archiv" }, "site_reserved", "archiv"},
		"a page in the way of ours":     {func(c *content.Catalogue) { c.Pages[1].Slug = "redaktion" }, "site_reserved", "redaktion"},
		"an image without description":  {func(c *content.Catalogue) { body(c, "![](/logo.svg)") }, "alt_missing", ""},
		"an image that is not there":    {func(c *content.Catalogue) { body(c, "![Plan](/plan.png)") }, "site_link", "/plan.png"},
	} {
		t.Run(name, func(t *testing.T) {
			cat := catalogue()
			c.spoil(&cat)
			_, err := b.Build(t.Context(), cat)
			var p content.Problems
			if !errors.As(err, &p) || p[0].Code != c.code {
				t.Fatalf("want %s, got %v", c.code, err)
			}
			for _, lang := range content.Languages {
				if said := words.Say(lang, p[0]); !strings.Contains(said, c.say) || strings.ContainsAny(said, "{}") {
					t.Errorf("%s: %q", lang, said)
				}
			}
			if live, err := b.Current(); err != nil || live != first.Name {
				t.Errorf("live is %s, want %s (%v)", live, first.Name, err)
			}
		})
	}
	if left, _ := filepath.Glob(filepath.Join(b.Dir, "stage-*")); len(left) > 0 {
		t.Error("failed builds left", left)
	}
}

func body(c *content.Catalogue, md string) {
	c.Pages[1].Texts = map[string]content.PageText{"de": {Title: "Der Service Point", Body: md}}
}

func TestReleasesAreKeptAndCanComeBack(t *testing.T) {
	clock := now
	b := &site.Builder{Dir: t.TempDir(), Keep: 3, Now: func() time.Time { clock = clock.Add(time.Second); return clock }}
	small := content.Catalogue{Now: now}
	var names []string
	for range 4 {
		r, err := b.Build(t.Context(), small)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, r.Name)
	}
	kept, err := b.Releases()
	if err != nil || len(kept) != 3 || kept[0].Name != names[3] || kept[2].Name != names[1] {
		t.Fatalf("%v %v", kept, err)
	}
	if kept[0].Pages == 0 || kept[0].Bytes == 0 || !kept[0].Finished.After(kept[0].Started) {
		t.Errorf("%+v", kept[0])
	}
	h := site.NewHandler(b.Dir)
	if live, _ := h.Release(); live != names[3] {
		t.Error("live is", live)
	}
	if err := b.Rollback(t.Context(), names[1]); err != nil {
		t.Fatal(err)
	}
	if live, _ := h.Release(); live != names[1] {
		t.Error("after the rollback live is", live)
	}
	for _, name := range []string{names[0], "", "..", "nie"} {
		if err := b.Rollback(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("rollback to %q: %v", name, err)
		}
	}
}

func TestUnchangedFilesAreTheSameFilesOnTheDisk(t *testing.T) {
	b := &site.Builder{Dir: t.TempDir()}
	cat := catalogue()
	first, err := b.Build(t.Context(), cat)
	if err != nil {
		t.Fatal(err)
	}
	text := cat.Guides[2].Texts["de"]
	text.Full = "Neu geschrieben."
	cat.Guides[2].Texts["de"] = text
	second, err := b.Build(t.Context(), cat)
	if err != nil {
		t.Fatal(err)
	}
	inode := func(release, name string) uint64 {
		info, err := os.Stat(filepath.Join(b.Dir, "releases", release, name))
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Ino
	}
	for name, same := range map[string]bool{
		"leistungen/fuehrungszeugnis/index.html": true, "leistungen/fuehrungszeugnis/index.html.br": true, "index.html.gz": true, "logo.svg": true,
		"leistungen/aenderung-name/index.html": false, "leistungen/aenderung-name/index.html.br": false,
	} {
		if got := inode(first.Name, name) == inode(second.Name, name); got != same {
			t.Errorf("%s: the same file %v, want %v", name, got, same)
		}
	}
	if !strings.Contains(read(t, b.Dir, "leistungen/aenderung-name/index.html"), "Neu geschrieben.") {
		t.Error("the change is not live")
	}
}

func TestABuildCanBeCancelledAndTimedOut(t *testing.T) {
	// A child that never ends, in a process group with a child of its own.
	sleeper := filepath.Join(t.TempDir(), "sleeper")
	mark := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(sleeper, []byte("#!/bin/sh\n/bin/sleep 600 &\necho $! > "+mark+"\nwait\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := &site.Builder{Dir: t.TempDir(), Binary: sleeper}
		time.AfterFunc(300*time.Millisecond, cancel)
		started := time.Now()
		if _, err := b.Build(ctx, catalogue()); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if d := time.Since(started); d > 4*time.Second {
			t.Error("took", d)
		}
		gone(t, mark)
	})
	t.Run("timed out", func(t *testing.T) {
		b := &site.Builder{Dir: t.TempDir(), Binary: sleeper, Timeout: 300 * time.Millisecond}
		_, err := b.Build(t.Context(), catalogue())
		var p content.Problems
		if !errors.As(err, &p) || p[0].Code != "site_timeout" {
			t.Error(err)
		}
		gone(t, mark)
	})
	t.Run("waiting for another build", func(t *testing.T) {
		b := &site.Builder{Dir: t.TempDir(), Binary: sleeper}
		outer, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := b.Build(outer, catalogue()); done <- err }()
		time.Sleep(200 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := b.Build(ctx, catalogue()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		stop()
		<-done
	})
}

// gone checks that the grandchild whose id stands in a file is dead.
func gone(t *testing.T, mark string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	pid, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the child's child still runs")
}

func TestWhatHugoSaysReachesTheEditor(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho 'Start building sites'\necho 'ERROR render of \"/x\" failed' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := (&site.Builder{Dir: t.TempDir(), Binary: broken}).Build(t.Context(), catalogue())
	var p content.Problems
	if !errors.As(err, &p) || p[0].Code != "site_failed" || !strings.Contains(p[0].Args["reason"].(string), `render of "/x" failed`) {
		t.Error(err)
	}
}

func TestHostileTextsAreShownAsTheyAre(t *testing.T) {
	cat := catalogue()
	cat.Guides[0].Texts = map[string]content.GuideText{"de": {
		Title: `{{ panic "x" }} <script>alert(1)</script> __hdeferred/x __h_pp_l1 "quoted" ` + "\x00\x07\uFFFE",
		Short: "</p><img src=x onerror=alert(1)> {{< ref \"/\" >}} {{% x %}}",
		Full:  "{{< ref \"/nix\" >}}\n\n    {{% shortcode %}}\n\n<script>alert(1)</script>\n\n__hdeferred/1 [x](javascript:alert(1)) \x07\n\n`{{ .Site }}`",
	}}
	cat.Events[0].Texts = map[string]content.EventText{"de": {
		Title: "</script><script>alert(1)</script>\u2028\x1f", Summary: "]]> & <b> __hdeferred/", Body: "# Ein\n\n### Drei",
	}}
	b := &site.Builder{Dir: t.TempDir()}
	if _, err := b.Build(t.Context(), cat); err != nil {
		t.Fatal(err)
	}
	page := read(t, b.Dir, "leistungen/fuehrungszeugnis/index.html")
	for _, want := range []string{
		`<h1>{{ panic &#34;x&#34; }} &lt;script&gt;alert(1)&lt;/script&gt; _`, `&lt;img src=x onerror=alert(1)&gt; {{&lt; ref &#34;/&#34; &gt;}} {{% x %}}`, `{{&lt; ref`, `<code>{{ .Site }}</code>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, bad := range []string{"__hdeferred", "__h_pp_l1", "<script>alert", "javascript:", "\x07", "\x00", "\uFFFE", "<img src=x"} {
		if strings.Contains(page, bad) {
			t.Errorf("has %q", bad)
		}
	}
	event := read(t, b.Dir, "veranstaltungen/solarstrom-vom-balkon/index.html")
	if strings.Count(event, "<script") != 2 { // the linked data and our own file
		t.Error("a script came in through the title")
	}
	if feed := read(t, b.Dir, "veranstaltungen/index.xml"); !strings.Contains(feed, "&lt;/script&gt;") {
		t.Error("the feed lost the title")
	}
}

// A server that is killed leaves no build behind that goes on writing.
func TestABuildEndsWithItsParent(t *testing.T) {
	source := t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "hugo.toml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], site.HugoCommand, "--source", source, "--watch") // for ever
	cmd.Env = []string{"HOME=" + source, "PATH="}
	hold, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	watches := false
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if strings.Contains(lines.Text(), "Watching for changes") {
			watches = true
			hold.Close()
		}
	}
	if err := cmd.Wait(); err == nil || !watches {
		t.Errorf("watched %v, ended with %v", watches, err)
	}
}
