package site

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"servicepoint/content"
)

var benchNow = time.Date(2026, 11, 22, 18, 0, 0, 0, content.Berlin)

// large is a catalogue of n guides and events, half of each, written in German
// and English.
func large(n int) content.Catalogue {
	cat := content.Catalogue{Origin: "https://service-point.example", Now: benchNow, Providers: []content.Provider{{Slug: "stadt-kassel", Name: "Stadt Kassel", About: content.Text{"de": "Die Stadt."}}}}
	for i := range 8 {
		cat.Topics = append(cat.Topics, content.Topic{Slug: fmt.Sprintf("thema-%d", i), Name: content.Text{"de": fmt.Sprintf("Thema %d", i), "en": fmt.Sprintf("Topic %d", i)}, About: content.Text{"de": "Worum es geht.", "en": "What it is about."}, Order: i})
	}
	fee := 1300
	for i := range n / 2 {
		g := content.Guide{Slug: fmt.Sprintf("leistung-%d", i), Provider: "stadt-kassel", Topic: cat.Topics[i%8].Slug, Channels: []string{"counter", "case"}, FeeCents: &fee, LeiKa: "99046004000000", Updated: benchNow, Texts: map[string]content.GuideText{}}
		ev := content.Event{Slug: fmt.Sprintf("termin-%d", i), Kind: "lecture", Topic: g.Topic, Provider: "stadt-kassel", Organiser: "Stadt Kassel", Place: "Event Lounge", Start: benchNow.AddDate(0, 0, i%400-200), End: benchNow.AddDate(0, 0, i%400-200).Add(90 * time.Minute), Precision: content.ToMinute, Free: true, Published: benchNow, Updated: benchNow, Texts: map[string]content.EventText{}, Pools: []content.Pool{{Code: "saal", Size: 30}}}
		for _, lang := range []string{"de", "en"} {
			text := func(what string) string { return markdown(i, lang, what) }
			g.Texts[lang] = content.GuideText{Title: fmt.Sprintf("Leistung %d %s", i, lang), Short: "Ein kurzer Satz, der sagt, worum es geht.", Full: text("full"), Requirements: text("requirements"), Documents: text("documents"), Fees: "13 Euro.", Duration: "1 bis 2 Wochen", Procedure: text("procedure"), Office: "[Service Point](/service-point/)"}
			ev.Texts[lang] = content.EventText{Title: fmt.Sprintf("Veranstaltung %d %s", i, lang), Summary: "Ein kurzer Satz, der neugierig macht.", Body: text("one") + "\n\n" + text("two")}
		}
		cat.Guides, cat.Events = append(cat.Guides, g), append(cat.Events, ev)
	}
	return cat
}

func markdown(i int, lang, what string) string {
	return fmt.Sprintf("Absatz %d %s %s mit **Nachdruck**, *Betonung* und einem [Link](/leistungen/).\n\n%s\n\n- eins\n- zwei mit `code`\n- drei\n\n## Mehr dazu\n\n%s", i, lang, what, strings.Repeat("Die Stadt hilft gern weiter. ", 8), strings.Repeat("Kommen Sie vorbei oder schreiben Sie uns. ", 6))
}

// BenchmarkSite compares, for guides and events in two languages, a build from
// records to the checked release (compression apart) with the plain Hugo command
// on the same pages as Markdown files and the same layouts. peak-MB is the child's.
func BenchmarkSite(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		cat := large(n)
		builder := &Builder{Dir: b.TempDir(), Languages: []string{"de", "en"}}
		build := func(b *testing.B) {
			measured(b, func() {
				m, err := builder.make(b.Context(), cat, time.Now())
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { os.RemoveAll(m.stage) })
			})
		}
		b.Run(fmt.Sprint(n, "/from records, first"), func(b *testing.B) { builder.html = htmlCache{}; build(b) })
		builder.html.forgetUnused()
		b.Run(fmt.Sprint(n, "/from records, again"), build)
		project := filepath.Join(b.TempDir(), "project")
		writeMarkdownProject(b, builder, cat, project)
		b.Run(fmt.Sprint(n, "/plain Hugo"), func(b *testing.B) {
			measured(b, func() {
				public := b.TempDir()
				cmd := exec.Command(os.Args[0], HugoCommand, "--source", project, "--destination", public, "--noBuildLock", "--cacheDir", b.TempDir())
				cmd.Env = []string{"PATH=", "HOME=" + project, "HUGO_DISABLELANGUAGES=ls"}
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
			})
		})
	}
}

// measured runs f b.N times and reports the CPU time of this process and its
// children, and the memory of the largest child so far.
func measured(b *testing.B, f func()) {
	cpu := func() (seconds float64, peak int64) {
		for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
			var r syscall.Rusage
			if err := syscall.Getrusage(who, &r); err != nil {
				b.Fatal(err)
			}
			seconds += float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
			peak = r.Maxrss
		}
		return seconds, peak
	}
	before, _ := cpu()
	for range b.N {
		f()
	}
	after, peak := cpu()
	b.ReportMetric((after-before)/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(peak)/1024, "peak-MB")
}

// writeMarkdownProject writes the same pages as Markdown files: what Go prepares
// stands in the front matter, the texts below it.
func writeMarkdownProject(b *testing.B, builder *Builder, cat content.Catalogue, dir string) {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(os.CopyFS(dir, project))
	must(os.RemoveAll(filepath.Join(dir, "content")))
	for name, change := range map[string][2]string{
		"layouts/leistungen/page.html": {`{{ range $id := $order }}{{ with index $modules $id }}
<section class="prose" aria-labelledby="{{ $id }}"><h2 id="{{ $id }}">{{ T (print "guide_" $id) }}</h2>
<div{{ with $lang }} lang="{{ . }}" dir="ltr"{{ end }}>{{ . | safeHTML }}</div></section>
{{ end }}{{ end }}`, `{{ .Content }}`},
		"layouts/veranstaltungen/page.html": {`{{ with .Params.body }}<div class="prose"{{ with $lang }} lang="{{ . }}" dir="ltr"{{ end }}>{{ . | safeHTML }}</div>{{ end }}`, `{{ .Content }}`},
	} {
		full := filepath.Join(dir, name)
		text, err := os.ReadFile(full)
		must(err)
		if !strings.Contains(string(text), change[0]) {
			b.Fatal(name, "has changed")
		}
		must(os.WriteFile(full, []byte(strings.Replace(string(text), change[0], change[1], 1)), 0o644))
	}
	all, err := builder.records(context.Background(), cat)
	must(err)
	for lang, sections := range all {
		bodies := map[string]string{}
		for _, g := range cat.Guides {
			t := g.Texts[lang]
			bodies["leistungen/"+g.Slug] = "## Worum es geht\n\n" + t.Full + "\n\n## Voraussetzungen\n\n" + t.Requirements + "\n\n## Unterlagen\n\n" + t.Documents + "\n\n## Kosten\n\n" + t.Fees + "\n\n## Dauer\n\n" + t.Duration + "\n\n## Ablauf\n\n" + t.Procedure + "\n\n## Stelle\n\n" + t.Office
		}
		for _, e := range cat.Events {
			bodies["veranstaltungen/"+e.Slug] = e.Texts[lang].Body
		}
		for _, records := range sections {
			for _, r := range records {
				switch p := r.Params.(type) {
				case guidePage:
					p.Modules = map[string]string{"full": "x", "requirements": "x", "documents": "x", "fees": "x", "duration": "x", "procedure": "x", "office": "x"} // for the list of contents
					r.Params = p
				case eventPage:
					p.Body = ""
					r.Params = p
				}
				front := map[string]any{"title": r.Title, "params": r.Params}
				if r.Updated != "" {
					front["lastmod"] = r.Updated
				}
				text, err := marshal(front)
				must(err)
				name := filepath.Join(dir, "content", r.Path+"."+lang+".md")
				if r.Kind != "page" {
					name = filepath.Join(dir, "content", r.Path, "_index."+lang+".md")
				}
				must(os.MkdirAll(filepath.Dir(name), 0o755))
				must(os.WriteFile(name, append(text, []byte("\n"+bodies[r.Path]+"\n")...), 0o644))
			}
		}
	}
}
