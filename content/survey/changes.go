package survey

import (
	"slices"
	"strconv"

	"servicepoint/content"
)

// Effect is what a change means for answers that are stored already.
type Effect string

const (
	StaysComparable Effect = "comparable"     // answers of both versions mean the same
	Noteworthy      Effect = "note"           // they do, but who reads the figures should know of the change
	NotComparable   Effect = "not_comparable" // answers of both versions must not be added up
	NotAllowed      Effect = "not_allowed"    // fixed with the first published version
)

// Change is one difference between two versions. Field is its path in the newer
// questionnaire's JSON, in the older one's when the newer has no such thing; Item
// is the code of the question it concerns, "" when it is about the whole. Code is
// stable; Old and New are what people read, German where there is a choice.
type Change struct {
	Field    string
	Code     string
	Item     string
	Effect   Effect
	Old, New string
}

// Changes lists what is different in a newer version, in the order of its
// questions; what is gone comes last. Questions, options and rows are the same
// when their codes are.
func Changes(older, newer Questionnaire) []Change {
	c := changes{}
	c.run(older, newer)
	was := placesOf(older)
	is := placesOf(newer)
	for p, page := range newer.Pages {
		c.page(older, p, page)
		for i := range page.Items {
			it := &page.Items[i]
			at := "pages." + strconv.Itoa(p) + ".items." + strconv.Itoa(i)
			before, ok := was[it.Code]
			if !ok {
				if from := renamed(older, is, it); from != nil {
					c.add(at+".code", "item_code", it.Code, NotComparable, from.Code, it.Code)
					continue
				}
				c.add(at, "item_added", it.Code, Noteworthy, "", german(it.Text))
				continue
			}
			if before.page != page.Code {
				c.add(at, "item_moved", it.Code, Noteworthy, before.page, page.Code)
			}
			c.item(at, before.item, it)
		}
	}
	c.order(older, newer)
	for p, page := range older.Pages {
		for i := range page.Items {
			it := &page.Items[i]
			if _, ok := is[it.Code]; !ok && renamed(newer, was, it) == nil {
				c.add("pages."+strconv.Itoa(p)+".items."+strconv.Itoa(i), "item_removed", it.Code, Noteworthy, german(it.Text), "")
			}
		}
	}
	return c
}

type changes []Change

func (c *changes) add(field, code, item string, e Effect, older, newer string) {
	*c = append(*c, Change{Field: field, Code: code, Item: item, Effect: e, Old: older, New: newer})
}

// text notes a text that reads otherwise in any language.
func (c *changes) text(field, code, item string, older, newer content.Text) {
	for _, lang := range content.Languages {
		if older[lang] != newer[lang] {
			c.add(field+"."+lang, code, item, StaysComparable, older[lang], newer[lang])
		}
	}
}

func (c *changes) when(differs bool, field, code, item string, e Effect, older, newer string) {
	if differs {
		c.add(field, code, item, e, older, newer)
	}
}

type placed struct {
	page string
	item *Item
}

func placesOf(q Questionnaire) map[string]placed {
	at := map[string]placed{}
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			it := &q.Pages[p].Items[i]
			at[it.Code] = placed{q.Pages[p].Code, it}
		}
	}
	return at
}

// renamed finds the question of another version that it is, under another code:
// same type, same wording, and its code unknown to the version of it.
func renamed(other Questionnaire, known map[string]placed, it *Item) *Item {
	for p := range other.Pages {
		for i := range other.Pages[p].Items {
			o := &other.Pages[p].Items[i]
			if _, ok := known[o.Code]; !ok && o.Type == it.Type && o.Type != Info && german(o.Text) == german(it.Text) {
				return o
			}
		}
	}
	return nil
}

func german(t content.Text) string { return t[content.German] }

// run compares everything that is not a page.
func (c *changes) run(older, newer Questionnaire) {
	c.when(older.Anonymous != newer.Anonymous, "anonymous", "anonymous", "", NotAllowed, yesOrNo(older.Anonymous), yesOrNo(newer.Anonymous))
	access := func(q Questionnaire) string {
		if q.Access == "" {
			return AccessOpen
		}
		return q.Access
	}
	if a, b := access(older), access(newer); a != b {
		effect := Noteworthy
		if older.Named() != newer.Named() {
			effect = NotAllowed
		}
		c.add("access", "access", "", effect, a, b)
	}
	c.text("title", "title", "", older.Title, newer.Title)
	c.text("intro", "intro", "", older.Intro, newer.Intro)
	c.text("thanks", "thanks", "", older.Thanks, newer.Thanks)
	for _, lang := range newer.Languages {
		c.when(!slices.Contains(older.Languages, lang), "languages", "language_added", "", StaysComparable, "", lang)
	}
	for _, lang := range older.Languages {
		c.when(!slices.Contains(newer.Languages, lang), "languages", "language_removed", "", Noteworthy, lang, "")
	}
	number := strconv.Itoa
	c.when(!older.Opens.Equal(newer.Opens) || !older.Closes.Equal(newer.Closes), "opens", "period", "", StaysComparable, "", "")
	c.when(older.Minutes != newer.Minutes, "minutes", "minutes", "", StaysComparable, number(older.Minutes), number(newer.Minutes))
	c.when(older.TimeLimit != newer.TimeLimit, "time_limit", "time_limit", "", StaysComparable, number(older.TimeLimit), number(newer.TimeLimit))
	c.when(older.MaxResponses != newer.MaxResponses, "max_responses", "max_responses", "", Noteworthy, number(older.MaxResponses), number(newer.MaxResponses))
	c.when(!slices.EqualFunc(older.Quotas, newer.Quotas, func(a, b Quota) bool {
		return a.Code == b.Code && a.Limit == b.Limit && a.When.Equal(b.When)
	}), "quotas", "quotas", "", Noteworthy, number(len(older.Quotas)), number(len(newer.Quotas)))
	c.when(!slices.EqualFunc(older.Sections, newer.Sections, func(a, b Section) bool {
		return a.Code == b.Code && sameText(a.Title, b.Title)
	}), "sections", "sections", "", StaysComparable, "", "")
}

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func sameText(a, b content.Text) bool {
	for _, lang := range content.Languages {
		if a[lang] != b[lang] {
			return false
		}
	}
	return true
}

func (c *changes) page(older Questionnaire, p int, page Page) {
	at := "pages." + strconv.Itoa(p)
	for _, was := range older.Pages {
		if was.Code != page.Code {
			continue
		}
		c.text(at+".title", "page_title", "", was.Title, page.Title)
		c.when(!was.ShowIf.Equal(page.ShowIf), at+".show_if", "page_routing", "", Noteworthy, german(was.Title), german(page.Title))
		c.when(was.Random != page.Random, at+".random", "page_random", "", Noteworthy, german(was.Title), german(page.Title))
	}
}

// order notes, once, that questions swapped places: people answer later questions
// with the earlier ones in mind.
func (c *changes) order(older, newer Questionnaire) {
	place := map[string]int{}
	for i, it := range older.Items() {
		place[it.Code] = i
	}
	var kept []int
	for _, it := range newer.Items() {
		if n, ok := place[it.Code]; ok {
			kept = append(kept, n)
		}
	}
	c.when(!slices.IsSorted(kept), "pages", "item_order", "", Noteworthy, "", "")
}

func (c *changes) item(at string, older, newer *Item) {
	code := newer.Code
	if older.Type != newer.Type {
		c.add(at+".type", "item_type", code, NotComparable, string(older.Type), string(newer.Type))
		return
	}
	c.text(at+".text", "item_text", code, older.Text, newer.Text)
	c.text(at+".help", "item_help", code, older.Help, newer.Help)
	c.text(at+".min_label", "end_label", code, older.MinLabel, newer.MinLabel)
	c.text(at+".max_label", "end_label", code, older.MaxLabel, newer.MaxLabel)
	bounds := Noteworthy
	if newer.Type == Scale {
		bounds = NotComparable
	}
	for _, b := range []struct {
		field        string
		older, newer *float64
	}{{"min", older.Min, newer.Min}, {"max", older.Max, newer.Max}} {
		c.when(bound(b.older) != bound(b.newer), at+"."+b.field, "bounds", code, bounds, bound(b.older), bound(b.newer))
	}
	c.when(older.Unit != newer.Unit, at+".unit", "unit", code, NotComparable, older.Unit, newer.Unit)
	c.when(!older.Formula.Equal(newer.Formula), at+".formula", "formula", code, NotComparable, "", "")
	c.when(older.Look != newer.Look, at+".look", "look", code, Noteworthy, older.Look, newer.Look)
	c.when(!older.ShowIf.Equal(newer.ShowIf), at+".show_if", "routing", code, Noteworthy, "", "")
	c.when(older.Required != newer.Required, at+".required", "required", code, Noteworthy, yesOrNo(older.Required), yesOrNo(newer.Required))
	c.when(older.DontKnow != newer.DontKnow, at+".dont_know", "marks", code, Noteworthy, yesOrNo(older.DontKnow), yesOrNo(newer.DontKnow))
	c.when(older.NoAnswer != newer.NoAnswer, at+".no_answer", "marks", code, Noteworthy, yesOrNo(older.NoAnswer), yesOrNo(newer.NoAnswer))
	c.when(older.IsPersonal() != newer.IsPersonal(), at+".personal", "personal", code, Noteworthy, yesOrNo(older.IsPersonal()), yesOrNo(newer.IsPersonal()))
	c.when(older.Random != newer.Random, at+".random", "random", code, Noteworthy, yesOrNo(older.Random), yesOrNo(newer.Random))
	c.when(older.MinChoices != newer.MinChoices || older.MaxChoices != newer.MaxChoices, at+".max_choices", "choices", code, Noteworthy,
		strconv.Itoa(older.MinChoices)+"–"+strconv.Itoa(older.MaxChoices), strconv.Itoa(newer.MinChoices)+"–"+strconv.Itoa(newer.MaxChoices))
	c.when(older.MaxLength != newer.MaxLength || older.Step != newer.Step || older.Integer != newer.Integer ||
		older.Earliest != newer.Earliest || older.Latest != newer.Latest, at, "limits", code, Noteworthy, "", "")
	c.options(at+".options", "option", code, older.Options, newer.Options)
	c.options(at+".rows", "row", code, older.Rows, newer.Rows)
}

func bound(f *float64) string {
	if f == nil {
		return ""
	}
	return FormatNumber(*f, content.German)
}

// options compares options, or the rows of a matrix. Without a row the others
// mean what they meant; without an option people choose otherwise.
func (c *changes) options(at, what, item string, older, newer []Option) {
	removed := NotComparable
	if what == "row" {
		removed = Noteworthy
	}
	find := func(list []Option, code string) int {
		return slices.IndexFunc(list, func(o Option) bool { return o.Code == code })
	}
	var kept []int // places in the older list of what both have
	for i, o := range newer {
		field := at + "." + strconv.Itoa(i)
		n := find(older, o.Code)
		if n < 0 {
			c.add(field, what+"_added", item, Noteworthy, "", german(o.Text))
			continue
		}
		kept = append(kept, n)
		was := older[n]
		c.text(field+".text", what+"_text", item, was.Text, o.Text)
		c.when(!was.ShowIf.Equal(o.ShowIf), field+".show_if", "routing", item, Noteworthy, "", german(o.Text))
		c.when(was.Exclusive != o.Exclusive || was.Other != o.Other || was.Fixed != o.Fixed, field, "option_kind", item, Noteworthy, german(was.Text), german(o.Text))
		c.when((was.Place == nil) != (o.Place == nil) || was.Place != nil && *was.Place != *o.Place, field+".place", "option_place", item, NotComparable, german(was.Text), german(o.Text))
		image := func(o Option) string {
			if o.Image == nil {
				return ""
			}
			return o.Image.Name
		}
		c.when(image(was) != image(o), field+".image", "option_image", item, Noteworthy, german(was.Text), german(o.Text))
	}
	c.when(!slices.IsSorted(kept), at, what+"_order", item, Noteworthy, "", "")
	for i, o := range older {
		if find(newer, o.Code) < 0 {
			c.add(at+"."+strconv.Itoa(i), what+"_removed", item, removed, german(o.Text), "")
		}
	}
}
