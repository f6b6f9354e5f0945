package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/contenttest"
)

// BuildCommand makes the test binary a process that builds a site of many pages
// and tells what it cost, so that memory is that of a build alone (see TestMain).
const BuildCommand = "bench-build"

// cost is what a process and its children needed.
type cost struct {
	Records, Hugo, Check, Publish, Pack time.Duration
	CPU                                 time.Duration // user and system, children too, without Pack
	Memory                              int64         // peak in bytes, see watch
	Pages                               int
}

// built is the time from records to a checked release, without compression.
func (c cost) built() time.Duration { return c.Records + c.Hugo + c.Check + c.Publish }

var (
	benchNow       = time.Date(2026, 11, 22, 9, 0, 0, 0, content.Berlin)
	benchLanguages = []string{content.German, content.English}
)

// BuildForBenchmark is the process of BuildCommand: it builds n guides and
// events into a release below dir, as often as asked, each time after the first
// with one guide changed, and prints the costs. One build is left uncompressed.
func BuildForBenchmark(args []string) int {
	n, err := strconv.Atoi(args[1])
	times, err2 := strconv.Atoi(args[2])
	if err = errors.Join(err, err2); err == nil {
		err = buildForBenchmark(args[0], n, times)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func buildForBenchmark(dir string, n, times int) error {
	cat, err := contenttest.Many(n, benchNow)
	if err != nil {
		return err
	}
	b := &Builder{Dir: dir, Languages: benchLanguages}
	var costs []cost
	for range times {
		debug.FreeOSMemory() // what the catalogue's making has left behind
		stop := watch(os.Getpid())
		c, err := b.costly(cat, times > 1)
		if err != nil {
			return err
		}
		c.Memory = stop()
		costs = append(costs, c)
		changed := cat.Guides[0].Texts[content.German]
		changed.Full += "\n\nNeu."
		cat.Guides[0].Texts[content.German] = changed
	}
	return json.NewEncoder(os.Stdout).Encode(costs)
}

// costly is [Builder.Build] with a clock between its steps and the compression last.
func (b *Builder) costly(cat content.Catalogue, compress bool) (c cost, err error) {
	ctx := context.Background()
	defer b.html.forgetUnused()
	last, before := time.Now(), used()
	lap := func(d *time.Duration) { *d, last = time.Since(last), time.Now() }
	b.Progress = func(s string) {
		switch {
		case strings.HasPrefix(s, "Hugo"):
			lap(&c.Records)
		case strings.HasPrefix(s, "Prüfe"):
			lap(&c.Hugo)
		}
	}
	started := time.Now()
	m, err := b.make(ctx, cat, started)
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(m.stage)
	lap(&c.Check)
	c.CPU = used() - before
	files := m.files
	if compress {
		former, _ := b.currentManifest()
		if files, err = files.pack(ctx, m.public, former, b.releaseDir(former.Name)); err != nil {
			return c, err
		}
	}
	lap(&c.Pack)
	packed := used()
	defer func() { c.CPU += used() - packed }()
	release := manifest{Release: m.release(started, time.Now()), Files: files}
	release.Name = b.freeName(started)
	c.Pages = release.Pages
	err = b.publish(ctx, m.public, release)
	lap(&c.Publish)
	return c, err
}

func used() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		syscall.Getrusage(who, &u)
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// watch samples the memory of a process with its children until stop is called,
// which gives the most there was at one moment: what is theirs alone, and the
// program's own pages (they share the file) once.
func watch(pid int) (stop func() int64) {
	end, peak := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			own, shared := resident(pid)
			children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
			for _, name := range children {
				list, _ := os.ReadFile(name)
				for _, child := range strings.Fields(string(list)) {
					id, _ := strconv.Atoi(child)
					o, s := resident(id)
					own, shared = own+o, max(shared, s)
				}
			}
			most = max(most, own+shared)
			select {
			case <-end:
				peak <- most
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 { close(end); return <-peak }
}

// resident is the memory of a process now; nothing when it has ended.
func resident(pid int) (own, shared int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	kB := func(name string) int64 {
		_, rest, found := strings.Cut(string(status), name+":")
		if !found {
			return 0
		}
		n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		return n << 10
	}
	return kB("RssAnon") + kB("RssShmem"), kB("RssFile")
}

// ours builds in a process of its own.
func ours(b *testing.B, n, times int) []cost {
	b.Helper()
	cmd := exec.Command(os.Args[0], BuildCommand, b.TempDir(), strconv.Itoa(n), strconv.Itoa(times))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	var costs []cost
	if err := json.Unmarshal(out, &costs); err != nil {
		b.Fatal(err)
	}
	return costs
}

// peer is what the plain Hugo command needs for the same content as Markdown
// files: same version, layouts and configuration, but Hugo renders the Markdown
// and its templates gather the lists from the pages.
func peer(b *testing.B, source string) (took time.Duration, c cost) {
	b.Helper()
	public := filepath.Join(b.TempDir(), "public")
	cmd := exec.Command(os.Args[0], HugoCommand, "--source", source, "--destination", public, "--baseURL", "https://service-point.example/",
		"--cacheDir", b.TempDir(), "--noBuildLock", "--environment", "production")
	cmd.Env = []string{"HOME=" + b.TempDir(), "PATH=", "LANG=C.UTF-8", "TZ=Europe/Berlin", "HUGO_DISABLELANGUAGES=" + content.Easy}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if _, err := cmd.StdinPipe(); err != nil { // see HugoMain
		b.Fatal(err)
	}
	started := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	stop := watch(cmd.Process.Pid)
	if err := cmd.Wait(); err != nil {
		b.Fatalf("%v: %s", err, said.String())
	}
	took, c.Memory = time.Since(started), stop()
	c.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fs.WalkDir(os.DirFS(public), ".", func(name string, _ fs.DirEntry, _ error) error {
		if strings.HasSuffix(name, ".html") {
			c.Pages++
		}
		return nil
	})
	return took, c
}

// peerProject writes the catalogue as a Hugo project that an author would have:
// one Markdown file per page and language with the facts in its front matter.
func peerProject(b *testing.B, cat content.Catalogue) string {
	b.Helper()
	dir := b.TempDir()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	check(os.CopyFS(dir, project))
	check(os.Remove(filepath.Join(dir, "content", "_content.gotmpl")))
	const own = "testdata/peer"
	check(fs.WalkDir(os.DirFS(own), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(own, name))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), text, 0o644)
	}))
	all, err := (&Builder{Languages: benchLanguages}).records(b.Context(), cat)
	check(err)
	bodies := markdownOf(cat)
	for _, lang := range benchLanguages {
		for section, records := range all[lang] {
			for weight, r := range records {
				if r.Path == shellPath {
					continue
				}
				front := map[string]any{}
				raw, err := json.Marshal(r.Params)
				check(err)
				check(json.Unmarshal(raw, &front))
				for _, key := range []string{"body", "modules", "contents", "groups", "index", "months", "guides", "events", "topics", "feed"} {
					delete(front, key) // Hugo's to make
				}
				if topic, ok := front["topic"].(map[string]any); ok && section == guidesSection {
					front["group"] = topic["text"]
				}
				if line, ok := front["line"].(map[string]any); ok {
					front["year"], front["month"] = line["iso"].(string)[:4], line["iso"].(string)[:7]
				}
				front["title"], front["weight"] = r.Title, weight+1
				if r.Updated != "" {
					front["lastmod"] = r.Updated
				}
				if r.Path == eventsSection {
					front["outputs"] = []string{"html", "rss"}
				}
				name := r.Path + "." + lang + ".md"
				if r.Kind != "page" {
					name = filepath.Join(r.Path, "_index."+lang+".md")
				}
				text, err := json.MarshalIndent(front, "", "  ")
				check(err)
				full := filepath.Join(dir, "content", name)
				check(os.MkdirAll(filepath.Dir(full), 0o755))
				check(os.WriteFile(full, append(append(text, "\n\n"...), bodies[lang+"/"+r.Path]...), 0o644))
			}
		}
	}
	return dir
}

// markdownOf gives the texts of all pages by language and path.
func markdownOf(cat content.Catalogue) map[string]string {
	bodies := map[string]string{}
	for _, lang := range benchLanguages {
		heads, err := words(lang)
		if err != nil {
			panic(err) // embedded
		}
		for _, g := range cat.Guides {
			t, _ := pick(g.Texts, lang)
			var md strings.Builder
			for _, m := range []struct{ id, md string }{
				{"full", t.Full}, {"requirements", t.Requirements}, {"documents", t.Documents}, {"fees", t.Fees}, {"deadlines", t.Deadlines},
				{"duration", t.Duration}, {"legal_basis", t.LegalBasis}, {"procedure", t.Procedure}, {"forms", t.Forms}, {"office", t.Office},
			} {
				if m.md != "" {
					fmt.Fprintf(&md, "## %s\n\n%s\n\n", heads["guide_"+m.id], m.md)
				}
			}
			bodies[lang+"/"+guidesSection+"/"+g.Slug] = md.String()
		}
		for _, e := range cat.Events {
			t, _ := pick(e.Texts, lang)
			bodies[lang+"/"+eventsSection+"/"+e.Slug] = t.Body
		}
		for _, p := range cat.Providers {
			bodies[lang+"/"+providersSection+"/"+p.Slug], _ = p.About.In(lang)
		}
		for _, p := range cat.Pages {
			path, ok := content.PagePaths[p.Slug]
			if !ok {
				path = p.Slug
			}
			t, _ := pick(p.Texts, lang)
			bodies[lang+"/"+path] = t.Body
		}
	}
	return bodies
}

// BenchmarkBuildBesideHugo builds from records to a checked release and lets the
// plain Hugo command build the same content from Markdown files, in turns.
// Nothing is deleted in between: ext4 takes its time to find a new inode among
// those that were freed in the last seconds.
func BenchmarkBuildBesideHugo(b *testing.B) {
	for _, size := range []struct{ n, rounds, builds int }{{1000, 3, 2}, {5000, 3, 1}} {
		b.Run(fmt.Sprint(size.n), func(b *testing.B) {
			cat, err := contenttest.Many(size.n, benchNow)
			if err != nil {
				b.Fatal(err)
			}
			source := peerProject(b, cat)
			var took, again, pack, theirs, memory, theirMemory, cpu, theirCPU, hugo, rest []float64
			for range size.rounds {
				costs := ours(b, size.n, size.builds)
				full := costs[0]
				t, p := peer(b, source)
				if full.Pages < p.Pages-1 || p.Pages < full.Pages-1 { // 404 pages differ
					b.Fatalf("%d pages beside %d", full.Pages, p.Pages)
				}
				took, again, pack = append(took, full.built().Seconds()), append(again, costs[len(costs)-1].built().Seconds()), append(pack, full.Pack.Seconds())
				memory, theirMemory = append(memory, mib(full.Memory)), append(theirMemory, mib(p.Memory))
				cpu, theirCPU, theirs = append(cpu, full.CPU.Seconds()), append(theirCPU, p.CPU.Seconds()), append(theirs, t.Seconds())
				hugo, rest = append(hugo, full.Hugo.Seconds()), append(rest, (full.built()-full.Hugo).Seconds())
				b.Logf("%+v\nhugo %v %+v", costs, t, p)
			}
			row(b, "time", "s", median(took), median(theirs), 1)
			row(b, "cpu-without-compression", "s", median(cpu), median(theirCPU), 0)
			row(b, "memory", "MiB", median(memory), median(theirMemory), 0.5)
			row(b, "time-in-hugo", "s", median(hugo), 0, 0)
			row(b, "time-around-hugo", "s", median(rest), 0, 0)
			if size.builds > 1 {
				row(b, "compression", "s", median(pack), 0, 0)
				row(b, "again-after-one-change", "s", median(again), median(theirs), 0)
			}
		})
	}
}

// row reports one figure, beside the peer's when there is one.
func row(b *testing.B, name, unit string, ours, peer, aim float64) {
	b.Run(name, func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ours, unit)
		if peer > 0 {
			b.ReportMetric(peer, "peer-"+unit)
			b.ReportMetric(ours/peer, "ratio")
		}
		if aim > 0 {
			b.ReportMetric(aim, "aim")
		}
	})
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
