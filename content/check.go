package content

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Channels are the ways a guide may offer.
var Channels = []string{"counter", "terminal", "case", "booking", "listing", "info", "dokbox"}

// Bounds of what editors write, in characters or entries. A whole guide in
// three languages stays far below the megabyte that the database takes.
const (
	MaxTitle    = 200
	MaxSummary  = 1000
	MaxModule   = 20_000 // one Markdown module
	MaxPlaces   = 100_000
	MaxFeeCents = 1_000_000
	maxEntries  = 40 // pools, questions, options, audiences
)

var (
	leikaPattern    = regexp.MustCompile(`^[0-9]{14}$`)
	poolPattern     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	questionPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
)

// Check says what stands against publishing the guide. Whether its provider and
// topic exist is not known here.
func (g Guide) Check() Problems {
	var p Problems
	p.slug("slug", g.Slug)
	p.slug("provider", g.Provider)
	p.slug("topic", g.Topic)
	if g.LeiKa != "" && !leikaPattern.MatchString(g.LeiKa) {
		p.Add("leika", "not_leika")
	}
	p.codes("channels", g.Channels, Channels)
	if len(g.Channels) == 0 {
		p.Add("channels", "required")
	}
	if g.FeeCents != nil {
		p.within("fee_cents", *g.FeeCents, 0, MaxFeeCents)
	}
	p.within("min_age", g.MinAge, 0, 150)
	for _, lang := range languages(&p, "texts", g.Texts) {
		t, at := g.Texts[lang], "texts."+lang+"."
		p.line(at+"title", t.Title, MaxTitle, true)
		p.line(at+"short", t.Short, MaxSummary, lang == German)
		for _, m := range t.Modules() {
			p.markdown(at+m.Code, m.Text)
		}
	}
	p.questions("questions", g.Questions)
	return p
}

// Module is one Markdown part of a [GuideText].
type Module struct{ Code, Text string }

// Modules lists the Markdown modules in the order of German service
// descriptions, empty ones included.
func (t GuideText) Modules() []Module {
	return []Module{
		{"full", t.Full}, {"requirements", t.Requirements}, {"documents", t.Documents}, {"fees", t.Fees},
		{"deadlines", t.Deadlines}, {"duration", t.Duration}, {"legal_basis", t.LegalBasis},
		{"procedure", t.Procedure}, {"forms", t.Forms}, {"office", t.Office},
	}
}

// Check says what stands against publishing the event.
func (e Event) Check() Problems {
	var p Problems
	p.slug("slug", e.Slug)
	if !slices.Contains(EventKinds, e.Kind) {
		p.Add("kind", "unknown_option")
	}
	p.reference("topic", e.Topic)
	p.reference("provider", e.Provider)
	p.reference("district", e.District)
	p.reference("survey", e.Survey)
	p.line("series", e.Series, MaxTitle, false)
	p.line("organiser", e.Organiser, MaxTitle, false)
	p.line("place", e.Place, MaxTitle, !e.Online)
	if len(e.Audience) > maxEntries {
		p.Add("audience", "too_many", "max", maxEntries)
	}
	for _, a := range e.Audience {
		p.line("audience", a, MaxTitle, true)
	}
	switch {
	case e.Start.IsZero():
		p.Add("start", "required")
	case e.Start.Year() < 1900 || e.Start.Year() > 2200:
		p.Add("start", "not_date")
	}
	if !e.End.IsZero() && e.End.Before(e.Start) {
		p.Add("end", "before_start")
	}
	if e.Precision != "" && !slices.Contains([]string{ToMinute, ToDay, ToMonth}, e.Precision) {
		p.Add("precision", "unknown_option")
	}
	for _, lang := range languages(&p, "texts", e.Texts) {
		t, at := e.Texts[lang], "texts."+lang+"."
		p.line(at+"title", t.Title, MaxTitle, true)
		p.line(at+"summary", t.Summary, MaxSummary, false)
		p.markdown(at+"body", t.Body)
	}
	p.details(e)
	p.pools("pools", e.Pools)
	p.booking("booking.", e.Booking)
	return p
}

func (p *Problems) pools(field string, pools []Pool) {
	if len(pools) > maxEntries {
		p.Add(field, "too_many", "max", maxEntries)
		return
	}
	seen := map[string]bool{}
	for i, pool := range pools {
		at := field + "." + strconv.Itoa(i) + "."
		if !poolPattern.MatchString(pool.Code) {
			p.Add(at+"code", "not_slug")
		}
		if seen[pool.Code] {
			p.Add(at+"code", "twice")
		}
		seen[pool.Code] = true
		p.within(at+"size", pool.Size, 1, MaxPlaces)
		p.text(at+"label", pool.Label, MaxTitle, false, false)
		if !slices.Contains(PoolKinds, pool.Kind) {
			p.Add(at+"kind", "unknown_option")
		}
		p.within(at+"release_hours", pool.ReleaseHours, 0, maxHours)
	}
	for i, pool := range pools {
		of := slices.IndexFunc(pools, func(other Pool) bool { return other.Code == pool.CompanionOf })
		if pool.CompanionOf != "" && (of < 0 || of == i || pools[of].CompanionOf != "") {
			p.Add(field+"."+strconv.Itoa(i)+".companion_of", "unknown_option")
		}
	}
}

// maxHours is a year.
const maxHours = 366 * 24

func (p *Problems) booking(at string, b Booking) {
	if !b.Closes.IsZero() && !b.Opens.IsZero() && b.Closes.Before(b.Opens) {
		p.Add(at+"closes", "before_start")
	}
	p.within(at+"max_places", b.MaxPlaces, 0, 100)
	p.within(at+"offer_hours", b.OfferHours, 0, maxHours)
	p.within(at+"block_minutes", b.BlockMinutes, 0, 24*60)
	if len(b.Questions) > 0 && !json.Valid(b.Questions) {
		p.Add(at+"questions", "wrong_type")
	}
	p.count(at+"ask", len(b.Ask))
	seen := map[string]bool{}
	for i, a := range b.Ask {
		at := at + "ask." + strconv.Itoa(i) + "."
		p.code(at+"code", a.Code, seen)
		p.text(at+"label", a.Label, MaxTitle, true, false)
		p.text(at+"options", a.Options, MaxSummary, false, false)
		if a.Type != "" && !slices.Contains(AskedTypes, a.Type) {
			p.Add(at+"type", "unknown_option")
		}
		german := a.Lines(German)
		if (a.Type == AskedChoice || a.Type == AskedChoices) && len(german) < 2 {
			p.Add(at+"options", "too_few_options", "min", 2)
		}
		slugs := map[string]bool{}
		for _, line := range german {
			if slug := SlugOf(line); slug == "" || slugs[slug] {
				p.Add(at+"options", "twice")
			} else {
				slugs[slug] = true
			}
		}
		for _, lang := range Languages {
			if own := a.Options[lang]; own != "" && len(a.Lines(lang)) != len(german) {
				p.Add(at+"options."+lang, "other_lines", "n", len(german))
			}
		}
	}
}

func (p *Problems) questions(field string, questions []Question) {
	if len(questions) > maxEntries {
		p.Add(field, "too_many", "max", maxEntries)
		return
	}
	seen := map[string]bool{}
	for i, q := range questions {
		at := field + "." + strconv.Itoa(i) + "."
		p.code(at+"code", q.Code, seen)
		p.text(at+"label", q.Label, MaxTitle, true, false)
		p.text(at+"help", q.Help, MaxSummary, false, false)
		switch q.Type {
		case "text", "number", "date":
			if len(q.Options) > 0 {
				p.Add(at+"options", "unknown_field")
			}
		case "choice":
			p.options(at+"options", q.Options)
		default:
			p.Add(at+"type", "unknown_option")
		}
	}
}

func (p *Problems) options(field string, options []Option) {
	switch {
	case len(options) < 2:
		p.Add(field, "too_few", "min", 2)
	case len(options) > maxEntries:
		p.Add(field, "too_many", "max", maxEntries)
		return
	}
	seen := map[string]bool{}
	for i, o := range options {
		at := field + "." + strconv.Itoa(i) + "."
		p.code(at+"code", o.Code, seen)
		p.text(at+"label", o.Label, MaxTitle, true, false)
	}
}

func (p *Problems) code(field, code string, seen map[string]bool) {
	if !questionPattern.MatchString(code) {
		p.Add(field, "not_code")
	}
	if seen[code] {
		p.Add(field, "twice")
	}
	seen[code] = true
}

// Check says what stands against publishing the page.
func (g Page) Check() Problems {
	var p Problems
	p.slug("slug", g.Slug)
	for _, lang := range languages(&p, "texts", g.Texts) {
		t, at := g.Texts[lang], "texts."+lang+"."
		p.line(at+"title", t.Title, MaxTitle, true)
		p.line(at+"summary", t.Summary, MaxSummary, false)
		p = append(p, CheckMarkdown(at+"body", t.Body)...)
	}
	return p
}

// Check says what stands against publishing the provider.
func (v Provider) Check() Problems {
	var p Problems
	p.slug("slug", v.Slug)
	p.line("name", v.Name, MaxTitle, true)
	p.line("kind", v.Kind, MaxTitle, false)
	p.reference("topic", v.Topic)
	p.text("about", v.About, MaxModule, false, true)
	return p
}

// Check says what stands against publishing the topic.
func (t Topic) Check() Problems {
	var p Problems
	p.slug("slug", t.Slug)
	p.text("name", t.Name, MaxTitle, true, false)
	p.text("about", t.About, MaxSummary, false, false)
	return p
}

// Check says what stands against publishing the district.
func (d District) Check() Problems {
	var p Problems
	p.slug("slug", d.Slug)
	p.line("name", d.Name, MaxTitle, true)
	return p
}

func (p *Problems) slug(field, slug string) {
	switch {
	case slug == "":
		p.Add(field, "required")
	case !IsSlug(slug):
		p.Add(field, "not_slug")
	}
}

// reference checks the slug of something else; empty means none.
func (p *Problems) reference(field, slug string) {
	if slug != "" && !IsSlug(slug) {
		p.Add(field, "not_slug")
	}
}

func (p *Problems) within(field string, n, low, high int) {
	switch {
	case n < low:
		p.Add(field, "too_small", "min", low)
	case n > high:
		p.Add(field, "too_large", "max", high)
	}
}

func (p *Problems) codes(field string, have, known []string) {
	for i, code := range have {
		switch {
		case !slices.Contains(known, code):
			p.Add(field, "unknown_option")
			return
		case slices.Contains(have[:i], code):
			p.Add(field, "twice")
			return
		}
	}
}

// line checks one line or paragraph of plain text.
func (p *Problems) line(field, s string, limit int, required bool) {
	switch {
	case required && strings.TrimSpace(s) == "":
		p.Add(field, "required")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		p.Add(field, "not_text")
	case utf8.RuneCountInString(s) > limit:
		p.Add(field, "too_long", "max", limit)
	}
}

func (p *Problems) markdown(field, md string) {
	if utf8.RuneCountInString(md) > MaxModule {
		p.Add(field, "too_long", "max", MaxModule)
		return
	}
	*p = append(*p, CheckMarkdown(field, md)...)
}

// text checks a text in its languages; German must be there when required.
func (p *Problems) text(field string, t Text, limit int, required, markdown bool) {
	if required && strings.TrimSpace(t[German]) == "" {
		p.Add(field+"."+German, "required")
	}
	for _, lang := range slices.Sorted(maps.Keys(t)) {
		switch {
		case !slices.Contains(Languages, lang):
			p.Add(field, "unknown_field")
		case markdown:
			p.markdown(field+"."+lang, t[lang])
		default:
			p.line(field+"."+lang, t[lang], limit, false)
		}
	}
}

// languages lists the languages of a document, German first, whether it is
// written or not; a language that the pages do not have is a problem.
func languages[T any](p *Problems, field string, texts map[string]T) []string {
	list := []string{German}
	for _, lang := range slices.Sorted(maps.Keys(texts)) {
		switch {
		case lang == German:
		case slices.Contains(Languages, lang):
			list = append(list, lang)
		default:
			p.Add(field, "unknown_field")
		}
	}
	return list
}
