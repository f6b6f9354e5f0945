package site

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
)

func page0(head, body string) string {
	return `<!doctype html><html lang="de"><head><title>Titel</title>` + head + `</head><body><main id="inhalt">` + body + `</main></body></html>`
}

func TestTheCheckerFindsPlantedDefects(t *testing.T) {
	const h1 = "<h1>Eins</h1>"
	for name, c := range map[string]struct {
		html string
		want []string
	}{
		"nothing wrong":                {page0(`<link rel="stylesheet" href="/a.css"><link rel="canonical" href="https://service-point.example/x/">`, h1+`<h2 id="a">Zwei</h2><h3>Drei</h3><h2>Vier</h2><a href="#a">a</a><img alt="" src="/x.svg"><a href="https://kassel.de">fort</a>`), nil},
		"no h1":                        {page0("", "<p>Text</p>"), []string{"site_heading_count"}},
		"two h1":                       {page0("", h1+h1), []string{"site_heading_count"}},
		"a level skipped":              {page0("", h1+"<h3>Drei</h3>"), []string{"site_heading_skip"}},
		"h2 first":                     {page0("", "<h2>Zwei</h2>"+h1), []string{"site_heading_skip"}},
		"no lang":                      {strings.Replace(page0("", h1), ` lang="de"`, "", 1), []string{"site_lang"}},
		"the wrong lang":               {strings.Replace(page0("", h1), `lang="de"`, `lang="en"`, 1), []string{"site_lang"}},
		"no title":                     {strings.Replace(page0("", h1), "Titel", " ", 1), []string{"site_title"}},
		"no main":                      {strings.ReplaceAll(page0("", h1), "main", "div"), []string{"site_main"}},
		"an image without alt":         {page0("", h1+`<img src="/x.svg">`), []string{"site_alt"}},
		"an id twice":                  {page0("", h1+`<p id="a"></p><p id="a"></p>`), []string{"site_id"}},
		"an anchor that is not there":  {page0("", h1+`<a href="#weg">x</a>`), []string{"site_fragment"}},
		"a style attribute":            {page0("", h1+`<p style="color:red">x</p>`), []string{"site_style"}},
		"a style element":              {page0("<style>p{}</style>", h1), []string{"site_style"}},
		"an inline script":             {page0("<script>alert(1)</script>", h1), []string{"site_script"}},
		"an event handler":             {page0("", h1+`<p onclick="x()">x</p>`), []string{"site_script"}},
		"a javascript address":         {page0("", h1+`<a href=" JavaScript:x()">x</a>`), []string{"site_script"}},
		"linked data":                  {page0("", h1+`<script type="application/ld+json">{"a":1}</script>`), nil},
		"broken linked data":           {page0("", h1+`<script type="application/ld+json">{"a":</script>`), []string{"site_template"}},
		"an unsafe template value":     {page0("", h1+`<a href="#ZgotmplZ">x</a>`), []string{"site_fragment", "site_template"}},
		"a script of another site":     {page0(`<script src="https://cdn.example/x.js"></script>`, h1), []string{"site_third_party"}},
		"a style of another site":      {page0(`<link rel="stylesheet" href="//fonts.example/x.css">`, h1), []string{"site_third_party"}},
		"an image of another site":     {page0("", h1+`<img alt="" src="http://bad.example/x.png">`), []string{"site_third_party"}},
		"an image in the address":      {page0("", h1+`<img alt="" src="data:image/png;base64,AA">`), []string{"site_third_party"}},
		"a form to another site":       {page0("", h1+`<form action="https://bad.example/"></form>`), []string{"site_third_party"}},
		"a frame":                      {page0("", h1+`<iframe src="/x/"></iframe>`), []string{"site_third_party"}},
		"a host that begins like ours": {page0("", h1+`<img alt="" src="https://service-point.example.bad.example/x.png">`), []string{"site_third_party"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range checkPage("x/index.html", []byte(c.html), "https://service-point.example").problems {
				got = append(got, p.Code)
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestTheCheckerFollowsLinksAndKnowsThePages(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("index.html", page0("", `<h1>x</h1>
		<a href="/da/">ok</a> <a href="/da/#ok">ok</a> <a href="da/">ok</a> <a href="/da">ok</a> <a href="https://service-point.example/da/">ok</a> <a href="/alt/">redirect</a>
		<a href="/anliegen/?x=1">dynamic</a> <a href="/en/umfragen/x/teilnehmen/">dynamic</a> <a href="mailto:a@example.org">mail</a> <a href="/da/?a=b#ok">ok</a>
		<a href="/weg/">1</a> <a href="/da/#weg">2</a> <a href="https://service-point.example/auch-weg/">3</a> <a href="/umfragen/x/loeschen/">4</a> <a href="../draussen/">5</a>`))
	write("da/index.html", page0("", `<h1 id="ok">x</h1>`))
	write("zuviel/index.html", page0("", `<h1>x</h1>`))
	write("404.html", page0("", `<h1>x</h1>`))
	write("_redirects", "/alt/ /da/ 301\n# nothing\n")
	write("robots.txt", "")
	write("sitemap.xml", "<a><b></a>")
	write("rss.xml", "<a>\x01</a>")
	_, err := check(t.Context(), dir, "https://service-point.example", []string{"/", "/da/", "/fehlt/"})
	if err == nil {
		t.Fatal("nothing found")
	}
	var got []string
	for _, p := range unwrapProblems(t, err) {
		what := p.Args["link"]
		if what == nil {
			what = p.Args["page"]
		}
		got = append(got, p.Code+" "+what.(string))
	}
	slices.Sort(got)
	want := []string{
		"site_fragment /da/#weg", "site_link /auch-weg/", "site_link /draussen/", "site_link /umfragen/x/loeschen/", "site_link /weg/",
		"site_missing /fehlt/", "site_unexpected /zuviel/", "site_xml /rss.xml", "site_xml /sitemap.xml",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func unwrapProblems(t *testing.T, err error) content.Problems {
	t.Helper()
	for e := err; e != nil; {
		if p, ok := e.(content.Problems); ok {
			return p
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			break
		}
		e = u.Unwrap()
	}
	t.Fatal("no problems in", err)
	return nil
}

func TestEveryProblemOfTheSiteHasWords(t *testing.T) {
	w, err := content.LoadWords()
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range sources {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(b), `"site_`)[1:] {
			code, _, ok := strings.Cut(part, `"`)
			if !ok || strings.ContainsAny(code, " /.#…") {
				continue
			}
			seen++
			if w.In("de", "problem.site_"+code) == "problem.site_"+code {
				t.Errorf("%s: no words for site_%s", name, code)
			}
		}
	}
	if seen < 20 {
		t.Error("only", seen, "codes found")
	}
}

func TestWhenSaysNoMoreThanIsKnown(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, content.Berlin)
		if err != nil {
			t.Fatal(err)
		}
		return v.UTC()
	}
	for _, c := range []struct{ lang, precision, start, end, want string }{
		{"de", content.ToMinute, "2026-11-25 18:00", "2026-11-25 19:30", "Mittwoch, 25. November 2026, 18:00 bis 19:30 Uhr"},
		{"de", content.ToMinute, "2026-07-01 18:00", "", "Mittwoch, 1. Juli 2026, 18:00 Uhr"},
		{"en", content.ToMinute, "2026-11-25 18:00", "2026-11-25 19:30", "Wednesday, 25 November 2026, 18:00 to 19:30"},
		{"ls", content.ToMinute, "2026-11-25 18:00", "2026-11-25 19:30", "Mittwoch, 25. November 2026, von 18 Uhr bis 19:30 Uhr"},
		{"de", content.ToMinute, "2026-12-31 22:00", "2027-01-01 01:00", "Donnerstag, 31. Dezember 2026, 22:00 Uhr bis Freitag, 1. Januar 2027, 01:00 Uhr"},
		{"de", content.ToDay, "2026-03-29 00:00", "", "Sonntag, 29. März 2026"},
		{"de", content.ToDay, "2026-03-28 00:00", "2026-03-29 00:00", "Samstag, 28. März 2026 bis Sonntag, 29. März 2026"},
		{"en", content.ToMonth, "2022-09-01 00:00", "", "September 2022"},
	} {
		ev := content.Event{Start: at(c.start), Precision: c.precision}
		if c.end != "" {
			ev.End = at(c.end)
		}
		if got := when(c.lang, ev); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestAnEventIsOverWhenItHasEnded(t *testing.T) {
	day := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, content.Berlin)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		precision, start, end, now string
		want                       bool
	}{
		{content.ToMinute, "2026-11-22 10:00", "2026-11-22 12:00", "2026-11-22 11:59", false},
		{content.ToMinute, "2026-11-22 10:00", "2026-11-22 12:00", "2026-11-22 12:00", true},
		{content.ToMinute, "2026-11-22 10:00", "", "2026-11-22 11:59", false},
		{content.ToMinute, "2026-11-22 10:00", "", "2026-11-22 12:00", true},
		{content.ToDay, "2026-11-22 00:00", "", "2026-11-22 23:59", false},
		{content.ToDay, "2026-11-22 00:00", "", "2026-11-23 00:00", true},
		{content.ToDay, "2026-10-25 00:00", "", "2026-10-25 23:59", false}, // this day has 25 hours
		{content.ToMonth, "2026-11-01 00:00", "", "2026-11-30 23:59", false},
		{content.ToMonth, "2026-12-01 00:00", "", "2027-01-01 00:00", true},
	} {
		ev := content.Event{Start: day(c.start), Precision: c.precision}
		if c.end != "" {
			ev.End = day(c.end)
		}
		if got := over(ev, day(c.now)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func FuzzNeutralise(f *testing.F) {
	f.Add(`a\u0001 __hdeferred/x __h_pp_l1`)
	f.Add("\\u0001\x00\x07\uFFFE\\")
	f.Add("____hdeferred/h_pp_l1")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := marshal(map[string]string{"x": s})
		if err != nil {
			t.Skip()
		}
		var back map[string]string
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		for _, r := range back["x"] {
			if r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff || r == 0x7f {
				t.Fatalf("%q keeps %q", back["x"], r)
			}
		}
		if strings.Contains(back["x"], "__hdeferred/") || strings.Contains(back["x"], "__h_pp_l1") {
			t.Fatalf("%q keeps a mark", back["x"])
		}
	})
}

func FuzzCheckPage(f *testing.F) {
	f.Add(page0("", `<h1>x</h1><a href="//x">y</a>`))
	f.Add(`<a href="%zz"><img src=":"><svg/onload=x>`)
	f.Fuzz(func(t *testing.T, s string) { checkPage("x/index.html", []byte(s), "https://a.example") })
}
