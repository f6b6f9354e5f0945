package editorial

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/upload"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// maxFormOptions is how many options or rows a form may send.
const maxFormOptions = 200

// itemFields are the fields of each type beside text, help, code and rule.
var itemFields = map[survey.Type][]string{
	survey.SingleChoice: {"look", "required", "dont_know", "no_answer", "random", "options"}, survey.MultipleChoice: {"look", "required", "dont_know", "no_answer", "random", "min_choices", "max_choices", "options"},
	survey.YesNo: {"required", "dont_know", "no_answer"}, survey.Scale: {"look", "min", "max", "min_label", "max_label", "required", "dont_know", "no_answer"},
	survey.Ranking:      {"required", "dont_know", "no_answer", "random", "min_choices", "max_choices", "options"},
	survey.MatrixSingle: {"required", "dont_know", "no_answer", "random", "rows", "options"}, survey.MatrixMultiple: {"required", "dont_know", "no_answer", "random", "min_choices", "max_choices", "rows", "options"},
	survey.Number: {"min", "max", "step", "integer", "unit", "required", "dont_know", "no_answer"}, survey.ShortText: {"max_length", "required", "dont_know", "no_answer"},
	survey.LongText: {"max_length", "required", "dont_know", "no_answer"}, survey.Email: {"required", "dont_know", "no_answer"}, survey.Date: {"earliest", "latest", "required", "dont_know", "no_answer"},
	survey.Time: {"earliest", "latest", "required", "dont_know", "no_answer"}, survey.District: {"required", "dont_know", "no_answer", "options"}, survey.Street: {"required", "dont_know", "no_answer"},
	survey.Point: {"required", "dont_know", "no_answer", "options"}, survey.File: {"min_choices", "max_choices", "required", "dont_know", "no_answer"}, survey.Photo: {"min_choices", "max_choices", "required", "dont_know", "no_answer"},
	survey.Consent: {"required"}, survey.Info: {}, survey.Calculated: {"formula", "unit", "min", "max"},
}

func has(t survey.Type, field string) bool { return slices.Contains(itemFields[t], field) }

// looksOf are the looks that a form offers.
var looksOf = map[survey.Type][]string{survey.SingleChoice: {survey.Dropdown, survey.Pictures}, survey.MultipleChoice: {survey.Pictures}, survey.Scale: {survey.Stars, survey.NPS}}

var itemFlags = []string{"required", "dont_know", "no_answer", "integer", "random"}

func flagsOf(it *survey.Item) map[string]*bool {
	return map[string]*bool{"required": &it.Required, "dont_know": &it.DontKnow, "no_answer": &it.NoAnswer, "integer": &it.Integer, "random": &it.Random, "personal": &it.Personal}
}

// itemForm writes an item into a form; the form is German, other languages are
// written on the page for translations.
func itemForm(it survey.Item) url.Values {
	form := url.Values{"code": {it.Code}, "was": {it.Code}, "type": {string(it.Type)}, "look": {it.Look}, "text.de": {german(it.Text)}, "help.de": {german(it.Help)},
		"min_label.de": {german(it.MinLabel)}, "max_label.de": {german(it.MaxLabel)}, "unit": {it.Unit}, "earliest": {it.Earliest}, "latest": {it.Latest}}
	for name, flag := range flagsOf(&it) {
		if *flag {
			form.Set(name, "ja")
		}
	}
	for name, n := range map[string]int{"min_choices": it.MinChoices, "max_choices": it.MaxChoices, "max_length": it.MaxLength} {
		if n != 0 {
			form.Set(name, strconv.Itoa(n))
		}
	}
	for name, f := range map[string]*float64{"min": it.Min, "max": it.Max, "step": &it.Step} {
		if f != nil && (name != "step" || *f != 0) {
			form.Set(name, survey.FormatNumber(*f, content.German))
		}
	}
	if !it.Formula.IsZero() {
		raw, _ := json.MarshalIndent(it.Formula, "", "  ") // a parsed expression
		form.Set("formula", string(raw))
	}
	showRule(form, "show_if", it.ShowIf)
	for list, options := range map[string][]survey.Option{"options": it.Options, "rows": it.Rows} {
		for i, o := range options {
			at := list + "." + strconv.Itoa(i) + "."
			form.Set(at+"was", o.Code)
			form.Set(at+"code", o.Code)
			form.Set(at+"text.de", german(o.Text))
			for name, on := range map[string]bool{"exclusive": o.Exclusive, "other": o.Other, "fixed": o.Fixed} {
				if on {
					form.Set(at+name, "ja")
				}
			}
			if o.Image != nil {
				form.Set(at+pictureName, o.Image.Name)
				form.Set(at+pictureAlt, german(o.Image.Alt))
			}
			if o.Place != nil {
				form.Set(at+"place", survey.FormatNumber(o.Place.Latitude, content.English)+", "+survey.FormatNumber(o.Place.Longitude, content.English))
			}
			showRule(form, at+"show_if", o.ShowIf)
		}
	}
	return form
}

// optionCount is how many rows of a list a form has.
func optionCount(form url.Values, list string) int {
	n := 0
	for i := range maxFormOptions {
		if _, ok := form[list+"."+strconv.Itoa(i)+".text.de"]; ok {
			n = i + 1
		}
	}
	return n
}

// readItem reads a form over the item that was there; known are the variables
// that rules may name. What can be read and is wrong all the same is left to
// Validate.
func readItem(form url.Values, old survey.Item, known []survey.Variable) (survey.Item, content.Problems) {
	var problems content.Problems
	it := cloned(old)
	it.Type = survey.Type(form.Get("type"))
	if itemFields[it.Type] == nil {
		problems.Add("type", "required")
		return it, problems
	}
	line := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	it.Text, it.Help = withGerman(it.Text, line("text.de")), withGerman(it.Help, line("help.de"))
	if _, sent := form["look"]; sent || it.Type != old.Type {
		if it.Look = line("look"); !slices.Contains(looksOf[it.Type], it.Look) && (it.Type != old.Type || it.Look != old.Look) {
			it.Look = ""
		}
	}
	for name, flag := range flagsOf(&it) {
		*flag = (has(it.Type, name) || name == "personal" && it.Asks()) && form.Get(name) == "ja"
	}
	it.MinLabel, it.MaxLabel = withGerman(it.MinLabel, line("min_label.de")), withGerman(it.MaxLabel, line("max_label.de"))
	if !has(it.Type, "min_label") {
		it.MinLabel, it.MaxLabel = nil, nil
	}
	for name, n := range map[string]*int{"min_choices": &it.MinChoices, "max_choices": &it.MaxChoices, "max_length": &it.MaxLength} {
		*n = 0
		if s := line(name); s != "" && has(it.Type, name) {
			var err error
			if *n, err = strconv.Atoi(s); err != nil {
				problems.Add(name, "not_integer")
			}
		}
	}
	it.Min, it.Max, it.Step = nil, nil, 0
	for _, name := range []string{"min", "max", "step"} {
		s := line(name)
		if s == "" || !has(it.Type, name) {
			continue
		}
		f, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", "."), 64)
		if err != nil {
			problems.Add(name, "not_number")
			continue
		}
		switch name {
		case "min":
			it.Min = &f
		case "max":
			it.Max = &f
		default:
			it.Step = f
		}
	}
	it.Unit, it.Earliest, it.Latest = "", "", ""
	for name, s := range map[string]*string{"unit": &it.Unit, "earliest": &it.Earliest, "latest": &it.Latest} {
		if has(it.Type, name) {
			*s = line(name)
		}
	}
	it.Formula = readRuleJSON("", "", nil)
	if has(it.Type, "formula") {
		it.Formula = readRuleJSON(form.Get("formula"), "formula", &problems)
	}
	it.ShowIf = readRule(form, "show_if", known, &problems)
	it.Options, it.Rows = nil, nil
	if has(it.Type, "options") {
		it.Options = readOptions(form, "options", old.Options, it.Type, known, &problems)
	}
	if has(it.Type, "rows") {
		it.Rows = readOptions(form, "rows", old.Rows, it.Type, known, &problems)
	}
	if it.Code = line("code"); it.Code == "" {
		it.Code = itemCodeOf(german(it.Text), "frage")
	}
	return it, problems
}

// withGerman sets the German of a text; a text without German is gone.
func withGerman(t content.Text, s string) content.Text {
	if s == "" {
		return nil
	}
	c := content.Text{}
	for lang, other := range t {
		c[lang] = other
	}
	c[content.German] = s
	return c
}

// readOptions reads a list of options; what the form does not show (other
// languages) comes from the option that it was. Empty lines fall away.
func readOptions(form url.Values, list string, old []survey.Option, t survey.Type, known []survey.Variable, problems *content.Problems) []survey.Option {
	var options []survey.Option
	taken := map[string]bool{}
	for i := range optionCount(form, list) {
		taken[strings.TrimSpace(form.Get(list+"."+strconv.Itoa(i)+".code"))] = true
	}
	for i := range optionCount(form, list) {
		at := list + "." + strconv.Itoa(i) + "."
		code, text := strings.TrimSpace(form.Get(at+"code")), strings.TrimSpace(form.Get(at+"text.de"))
		if code == "" && text == "" && form.Get(at+pictureName) == "" {
			continue
		}
		var o survey.Option
		if was := form.Get(at + "was"); was != "" {
			if n := slices.IndexFunc(old, func(o survey.Option) bool { return o.Code == was }); n >= 0 {
				o = cloned(old[n])
			}
		}
		if code == "" {
			code = freeCode(codeOf(text, "antwort"), taken)
		}
		// Problems stand at the line of the form, Validate's at the option's number:
		// both are the same once empty lines are left out.
		mine := list + "." + strconv.Itoa(len(options)) + "."
		var own content.Problems
		o.Code, o.Text = code, withGerman(o.Text, text)
		if list == "options" {
			o.Exclusive = form.Get(at+"exclusive") == "ja" && (t == survey.MultipleChoice || t == survey.MatrixMultiple)
			o.Other = form.Get(at+"other") == "ja" && (t == survey.SingleChoice || t == survey.MultipleChoice)
			o.Place = nil
			if s := strings.TrimSpace(form.Get(at + "place")); s != "" && t == survey.Point {
				north, east, _ := strings.Cut(s, ",")
				lat, err := strconv.ParseFloat(strings.TrimSpace(north), 64)
				lon, err2 := strconv.ParseFloat(strings.TrimSpace(east), 64)
				if err != nil || err2 != nil {
					own.Add(at+"place", "not_point")
				}
				o.Place = &survey.Place{Latitude: lat, Longitude: lon}
			}
			o.Image = readPicture(form, at, o.Image, t)
		} else {
			o.Exclusive, o.Other, o.Place, o.Image = false, false, nil, nil
		}
		o.Fixed = form.Get(at+"fixed") == "ja"
		o.ShowIf = readRule(form, at+"show_if", known, &own)
		for _, q := range own {
			q.Field = mine + strings.TrimPrefix(q.Field, at)
			*problems = append(*problems, q)
		}
		options = append(options, o)
	}
	return options
}

// readPicture reads the picture of an option over the one that it had. A new
// picture needs new descriptions in the other languages.
func readPicture(form url.Values, at string, old *survey.Image, t survey.Type) *survey.Image {
	name, shown := form[at+pictureName]
	switch {
	case !withPictures(t) || form.Get(at+pictureRemove) == "ja":
		return nil
	case !shown || name[0] == "":
		return old
	}
	image := survey.Image{Name: name[0]}
	if old != nil && old.Name == image.Name {
		image.Alt = old.Alt
	}
	image.Alt = withGerman(image.Alt, strings.TrimSpace(form.Get(at+pictureAlt)))
	return &image
}

// compact renumbers the lines of a list without the empty ones, as readOptions
// does, so that problems find their line.
func compact(form url.Values, list string) {
	var order []int
	for i := range optionCount(form, list) {
		at := list + "." + strconv.Itoa(i) + "."
		if strings.TrimSpace(form.Get(at+"code")+form.Get(at+"text.de")+form.Get(at+pictureName)) != "" {
			order = append(order, i)
		}
	}
	reorder(form, list, order)
}

// reorder puts the lines of a list into another order; -1 is a new line.
func reorder(form url.Values, list string, order []int) {
	lines := make([]url.Values, len(order))
	for i, n := range order {
		lines[i] = url.Values{"text.de": {""}}
		if n >= 0 {
			lines[i] = below(form, list+"."+strconv.Itoa(n)+".")
		}
	}
	for name := range form {
		if rest, ok := strings.CutPrefix(name, list+"."); ok {
			if n, _, ok := strings.Cut(rest, "."); ok {
				if _, err := strconv.Atoi(n); err == nil {
					delete(form, name)
				}
			}
		}
	}
	for i, line := range lines {
		for name, v := range line {
			form[list+"."+strconv.Itoa(i)+"."+name] = v
		}
	}
}

func below(form url.Values, prefix string) url.Values {
	part := url.Values{}
	for name, v := range form {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			part[rest] = v
		}
	}
	return part
}

// pressed does what a button inside a form asks for ("options:up:2", "rows:add",
// "options:lines") and tells which field takes the focus; ok is false for the
// buttons that save.
func pressed(form url.Values) (focus string, ok bool) {
	list, rest, inside := strings.Cut(form.Get("aktion"), ":")
	if !inside || list != "options" && list != "rows" && list != "sections" && list != "quotas" {
		return "", form.Get("aktion") == "type"
	}
	button, number, _ := strings.Cut(rest, ":")
	n, _ := strconv.Atoi(number)
	count := optionCount(form, list)
	order := make([]int, count)
	for i := range order {
		order[i] = i
	}
	at := func(n int) string { return list + "." + strconv.Itoa(n) + "." }
	switch {
	case button == "add":
		order, focus = append(order, -1), at(count)+"text.de"
	case button == "lines":
		lines := strings.Split(form.Get(list+".lines"), "\n")
		form.Del(list + ".lines")
		compact(form, list)
		count = optionCount(form, list)
		focus = at(count) + "text.de"
		for _, s := range lines {
			if s = strings.TrimSpace(s); s != "" && count < maxFormOptions {
				form.Set(at(count)+"text.de", s)
				count++
			}
		}
		return focus, true
	case n < 0 || n >= count:
		return "", true
	case button == "up" && n > 0:
		order[n-1], order[n], focus = n, n-1, at(n-1)+"up"
	case button == "down" && n < count-1:
		order[n+1], order[n], focus = n, n+1, at(n+1)+"down"
	case button == "remove":
		order = slices.Delete(order, n, n+1)
		if focus = list + ".add"; len(order) > 0 {
			focus = at(max(0, n-1)) + "text.de"
		}
	}
	reorder(form, list, order[:min(len(order), maxFormOptions)])
	return focus, true
}

// itemPage is the form of one question.
type itemPage struct {
	New        bool
	Was        string // code of the item as it is stored
	Page       string // code of its page
	PageName   string
	Type       string
	TypeName   string
	TypeHelp   string
	Types      []option
	Fields     []shown
	Flags      []shown
	Lists      []listView
	Rule       ruleView
	RuleText   string
	Values     []option
	Conflict   []difference
	Who, When  string
	Focus      string
	Others     []pageName
	Languages  bool // there are other languages to write
	Anonymous  bool
	Unfinished bool // nothing is saved yet
	Files      bool // the form may carry pictures
}

// listView is the options or the rows of a form.
type listView struct {
	Name, Label, Help string
	Problem           string
	Lines             []lineView
	Bulk              base.Field
	AddFocus          bool
	Plain, Ruled      bool // of sections and quotas
	say               func(key string, args ...any) string
}

// T gives German words.
func (v listView) T(key string, args ...any) string { return v.say(key, args...) }

type lineView struct {
	N           int
	Name        string
	Was         string
	Code, Text  base.Field
	Place       *base.Field
	Picture     *pictureView
	Fields      []shown
	Flags       []shown
	Rule        ruleView
	First, Last bool
	Focus       string
	More        bool // the details are open
	At          string
}

// pictureView is the part of a line that is about its picture.
type pictureView struct {
	Name      string // "" when there is none
	Hidden    string // name of the field that carries it
	Open      bool   // the survey shows its options as pictures: the fields stand in the line itself
	File, Alt base.Field
	Remove    shown
}

// Index is the number of the line in the names of its fields.
func (l lineView) Index() int { return l.N - 1 }

// newItem shows an empty form: ?seite= is the page, ?art= the type.
func (d *Editorial) newItem(e *core.RequestEvent) error {
	w, err := d.workingCopy(d.p.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	q := e.Request.URL.Query()
	p := pageAt(&w.Questionnaire, q.Get("seite"))
	if p < 0 {
		return base.ErrNotFound
	}
	t := survey.Type(q.Get("art"))
	if itemFields[t] == nil {
		t = survey.SingleChoice
	}
	form := blankItem(t)
	return d.showItem(e, http.StatusOK, w, p, len(w.Pages[p].Items), "", form, nil, itemPage{New: true})
}

func blankItem(t survey.Type) url.Values {
	it := survey.Item{Type: t}
	if t == survey.Scale {
		low, high := 1.0, 5.0
		it.Min, it.Max = &low, &high
	}
	form := itemForm(it)
	blankLines(form, t)
	return form
}

// blankLines makes sure that a list that the type needs has lines to write in.
func blankLines(form url.Values, t survey.Type) {
	for _, list := range []string{"options", "rows"} {
		if has(t, list) && t != survey.District && t != survey.Point {
			for i := optionCount(form, list); i < 3; i++ {
				form.Set(list+"."+strconv.Itoa(i)+".text.de", "")
			}
		}
	}
}

func (d *Editorial) editItem(e *core.RequestEvent) error {
	w, err := d.workingCopy(d.p.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	p, i := where(&w.Questionnaire, e.Request.PathValue("code"))
	if p < 0 {
		return base.ErrNotFound
	}
	return d.showItem(e, http.StatusOK, w, p, i, w.Pages[p].Items[i].Code, itemForm(w.Pages[p].Items[i]), nil, itemPage{})
}

// saveItem stores an item, or does what a button inside the form says and shows
// the form again. When somebody else changed the same item meanwhile, the answer
// is 409 with both copies; changes elsewhere in the questionnaire do not matter.
func (d *Editorial) saveItem(e *core.RequestEvent) error {
	form, files, leftOut, err := base.DecodeFormWithFilesUpTo(e.Response, e.Request, base.FormLimits{Text: maxForm, File: upload.MaxBytes, Files: mostPictures})
	if err != nil {
		return err
	}
	slug, was := e.Request.PathValue("slug"), e.Request.PathValue("code")
	w, err := d.workingCopy(d.p.App, slug)
	if err != nil {
		return err
	}
	p, i := where(&w.Questionnaire, was)
	var old survey.Item
	view := itemPage{New: was == ""}
	switch {
	case was == "":
		if p = pageAt(&w.Questionnaire, form.Get("seite")); p < 0 {
			return base.ErrNotFound
		}
		i = len(w.Pages[p].Items)
		old.Type = survey.Type(form.Get("type"))
	case p < 0:
		return base.ErrNotFound
	default:
		old = w.Pages[p].Items[i]
	}
	if problems, err := d.takePictures(e, form, files, leftOut); err != nil {
		return err
	} else if len(problems) > 0 {
		view.Unfinished = true
		return d.showItem(e, http.StatusUnprocessableEntity, w, p, i, was, form, problems, view)
	}
	if focus, ok := pressed(form); ok {
		view.Focus, view.Unfinished = focus, true
		if form.Get("aktion") == "type" {
			form.Set("type", form.Get("neue-art"))
		}
		if t := survey.Type(form.Get("type")); itemFields[t] != nil {
			blankLines(form, t)
		}
		return d.showItem(e, http.StatusOK, w, p, i, was, form, nil, view)
	}
	rev, _ := strconv.Atoi(form.Get("rev"))
	if rev != w.rev && was != "" {
		same, err := d.sameItem(slug, rev, old)
		if err != nil {
			return err
		}
		if !same {
			return d.itemConflict(e, w, p, i, form, view)
		}
	}
	for _, list := range []string{"options", "rows"} {
		if form.Get(list+".lines") != "" { // typed and not taken over yet
			form.Set("aktion", list+":lines")
			pressed(form)
		}
		compact(form, list)
	}
	it, problems := readItem(form, old, before(&w.Questionnaire, p, i))
	if len(problems) == 0 {
		if problems, err = d.judge(w.Questionnaire, p, i, was, it); err != nil {
			return err
		}
	}
	if len(problems) == 0 {
		err = d.rewrite(e, w.rev, func(q *survey.Questionnaire) error {
			placeItem(q, p, i, was, it)
			return nil
		})
	}
	switch {
	case errors.Is(err, errStale):
		if w, err = d.workingCopy(d.p.App, slug); err != nil {
			return err
		}
		if was != "" {
			if p, i = where(&w.Questionnaire, was); p < 0 {
				return base.Refuse(http.StatusConflict, "changed_meanwhile")
			}
			return d.itemConflict(e, w, p, i, form, view)
		}
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	case errors.As(err, &problems) || len(problems) > 0:
		blankLines(form, it.Type)
		return d.showItem(e, http.StatusUnprocessableEntity, w, p, i, was, form, problems, view)
	case err != nil:
		return err
	}
	if form.Get("aktion") == "weitere" {
		return e.Redirect(http.StatusSeeOther, builderPath(slug, "neue-frage/?meldung=gespeichert&seite="+w.Pages[p].Code+"&art="+url.QueryEscape(form.Get("type"))))
	}
	return e.Redirect(http.StatusSeeOther, builderPath(slug, "?meldung=gespeichert&knopf=titel&bei=frage-"+it.Code))
}

// placeItem puts an item into its place; with a new code what other items say of
// it follows.
func placeItem(q *survey.Questionnaire, p, i int, was string, it survey.Item) {
	if was == "" {
		q.Pages[p].Items = append(q.Pages[p].Items, it)
		return
	}
	q.Pages[p].Items[i] = it
	if was != it.Code {
		q.Pages[p].Items[i].Code = was
		renameItem(q, was, it.Code)
		q.Pages[p].Items[i].Code = it.Code
	}
}

// judge says what stands against one item, at the fields of its form.
func (d *Editorial) judge(q survey.Questionnaire, p, i int, was string, it survey.Item) (content.Problems, error) {
	q = cloned(q)
	placeItem(&q, p, i, was, it)
	prefix := "pages." + strconv.Itoa(p) + ".items." + strconv.Itoa(i) + "."
	var out content.Problems
	pictures, err := d.pictureProblems(d.p.App, &q, content.German)
	if err != nil {
		return nil, err
	}
	for _, problem := range append(q.Validate(), pictures...) {
		rest, mine := strings.CutPrefix(problem.Field, prefix)
		if !mine && problem.Code == "twice" && strings.HasSuffix(problem.Field, ".code") && strings.HasPrefix(problem.Field, "pages.") {
			if code := itemAtPath(&q, problem.Field); code == it.Code {
				rest, mine = "code", true // the other item with this code comes later
			}
		}
		if mine {
			problem.Field = rest
			out = append(out, d.onItemForm(problem))
		}
	}
	return out, nil
}

func itemAtPath(q *survey.Questionnaire, field string) string {
	parts := strings.Split(field, ".")
	if len(parts) < 4 || parts[0] != "pages" || parts[2] != "items" {
		return ""
	}
	p, _ := strconv.Atoi(parts[1])
	i, _ := strconv.Atoi(parts[3])
	if p >= len(q.Pages) || i >= len(q.Pages[p].Items) {
		return ""
	}
	return q.Pages[p].Items[i].Code
}

// onItemForm leads a problem to a field that the form has.
func (d *Editorial) onItemForm(q content.Problem) content.Problem {
	if head, _, ok := strings.Cut(q.Field, "show_if"); ok {
		q.Field = head + "show_if.0.var"
		return q
	}
	if strings.HasPrefix(q.Field, "formula") {
		q.Field = "formula"
	}
	for _, lang := range content.Languages[1:] {
		if at, ok := strings.CutSuffix(q.Field, "."+lang); ok {
			return content.Problem{Field: at + ".de", Code: "inside", Args: map[string]any{"where": d.word("staff.lang." + lang), "what": d.p.Words.Say(content.German, q)}}
		}
	}
	switch at, ok := strings.CutSuffix(q.Field, ".image"); {
	case ok:
		q.Field = at + "." + pictureFile
		if q.Code == "required" {
			q.Code = "picture_missing"
		}
	case strings.HasSuffix(q.Field, ".image.alt"):
		q.Field = strings.TrimSuffix(q.Field, "image.alt") + pictureAlt
	}
	return q
}

// sameItem reports whether an item is still what it was at a revision.
func (d *Editorial) sameItem(slug string, rev int, now survey.Item) (bool, error) {
	row, err := oneRevision(d.p.App, surveyKind(), slug, rev)
	if errors.Is(err, base.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var q survey.Questionnaire
	if err := json.Unmarshal([]byte(row.Doc), &q); err != nil {
		return false, err
	}
	it := q.Item(now.Code)
	if it == nil {
		return false, nil
	}
	was, _ := json.Marshal(it)
	is, err := json.Marshal(now)
	return string(was) == string(is), err
}

func (d *Editorial) itemConflict(e *core.RequestEvent, w workingCopy, p, i int, form url.Values, view itemPage) error {
	it := w.Pages[p].Items[i]
	view.Conflict = d.itemDifferences(itemForm(it), form)
	history, err := revisions(d.p.App, surveyKind(), w.rec.GetString("slug"), 1)
	if err != nil {
		return err
	}
	if len(history) > 0 {
		view.Who, view.When = history[0].Name, history[0].When()
	}
	return d.showItem(e, http.StatusConflict, w, p, i, it.Code, form, nil, view)
}

// itemDifferences lists the fields in which two forms of an item differ.
func (d *Editorial) itemDifferences(theirs, yours url.Values) []difference {
	names := map[string]bool{}
	for _, form := range []url.Values{theirs, yours} {
		for name := range form {
			names[name] = true
		}
	}
	for _, inner := range []string{"rev", "aktion", "was", "seite", "show_if.join", "show_if.as"} {
		delete(names, inner)
	}
	var out []difference
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	for _, name := range list {
		if strings.HasSuffix(name, ".was") || strings.HasSuffix(name, ".json") || strings.Contains(name, "show_if.join") {
			continue
		}
		a, b := strings.TrimSpace(theirs.Get(name)), strings.TrimSpace(yours.Get(name))
		if a == b || strings.HasSuffix(name, ".op") && theirs.Get(strings.TrimSuffix(name, "op")+"var")+yours.Get(strings.TrimSuffix(name, "op")+"var") == "" {
			continue
		}
		out = append(out, difference{Label: d.fieldName(name), Theirs: a, Yours: b})
	}
	return out
}

// fieldName names a field of the item's form: "options.2.text.de" is "Antwort 3: Text".
func (d *Editorial) fieldName(name string) string {
	parts := strings.Split(strings.TrimSuffix(name, ".de"), ".")
	switch {
	case len(parts) > 2 && (parts[0] == "options" || parts[0] == "rows"):
		n, _ := strconv.Atoi(parts[1])
		return d.word("staff.builder."+parts[0]+"_n", "n", n+1) + ": " + d.word("staff.item."+parts[2])
	default:
		return d.word("staff.item." + parts[0])
	}
}

func (d *Editorial) showItem(e *core.RequestEvent, status int, w workingCopy, p, i int, was string, form url.Values, problems content.Problems, view itemPage) error {
	t := survey.Type(form.Get("type"))
	if itemFields[t] == nil {
		t = survey.ShortText
	}
	view.Was, view.Page, view.PageName, view.Type = was, w.Pages[p].Code, short(german(w.Pages[p].Title)), string(t)
	view.TypeName, view.TypeHelp = d.word("staff.type."+string(t)), d.wordOr("staff.typehelp."+string(t))
	view.Types, view.Anonymous, view.Languages = d.typeOptions(t), w.Anonymous, len(w.Languages) > 1
	view.Files = withPictures(t)
	known := before(&w.Questionnaire, p, i)
	view.Values = valueOptions(known)
	if was != "" {
		view.RuleText = d.explain(w.Questionnaire, w.Pages[p].Items[i].ShowIf)
	}
	add := func(name, kind string) *shown {
		f := shown{Type: kind, Field: d.input(name, d.word("staff.item."+strings.TrimSuffix(name, ".de")), form, problems)}
		f.Help = d.wordOr("staff.itemhelp." + strings.TrimSuffix(name, ".de"))
		view.Fields = append(view.Fields, f)
		return &view.Fields[len(view.Fields)-1]
	}
	text := add("text.de", asText)
	text.Required, text.Rows = true, "3"
	if t == survey.Info {
		text.Rows, text.Help = "8", d.word("staff.itemhelp.markdown")
	}
	add("help.de", asText).Rows = "2"
	code := add("code", asLine)
	code.MaxLength = "40"
	for _, name := range itemFields[t] {
		switch name {
		case "look":
			if len(looksOf[t]) == 0 {
				continue
			}
			f := add("look", asChoice)
			for _, look := range looksOf[t] {
				f.Options = append(f.Options, option{look, d.word("staff.look." + look), form.Get("look") == look})
			}
		case "min", "max", "step", "min_choices", "max_choices", "max_length":
			add(name, asNumber).InputMode = "decimal"
		case "min_label", "max_label":
			add(name+".de", asLine)
		case "unit":
			add(name, asLine).MaxLength = "20"
		case "earliest", "latest":
			f := add(name, asLine)
			if f.Field.Type = "date"; t == survey.Time {
				f.Field.Type = "time"
			}
		case "formula":
			f := add(name, asJSON)
			f.Rows, f.Required = "8", true
		}
	}
	for _, name := range append(slices.Clone(itemFlags), "personal") {
		if has(t, name) || name == "personal" && (&survey.Item{Type: t}).Asks() && t != survey.Email {
			view.Flags = append(view.Flags, d.flag(name, "staff.item."+name, form, problems))
		}
	}
	for _, list := range []string{"rows", "options"} {
		if has(t, list) {
			view.Lists = append(view.Lists, d.listView(list, t, form, known, problems, view.Focus))
		}
	}
	view.Rule = d.ruleView("show_if", d.word("staff.builder.show_if"), form, known, problems, 2)
	title := d.word("staff.builder.new_item", "type", view.TypeName)
	if was != "" {
		title = d.word("staff.builder.item", "text", short(german(w.Pages[p].Items[i].Text)))
	}
	return d.showBuilder(e, status, w, "item", "fragen", title, base.View{Form: form, Problems: problems}, view)
}

func (d *Editorial) flag(name, word string, form url.Values, problems content.Problems) shown {
	f := shown{Type: asFlag, Field: d.input(name, d.word(word), form, problems), On: form.Get(name) == "ja"}
	f.Help = d.wordOr(strings.Replace(word, "staff.item.", "staff.itemhelp.", 1))
	return f
}

func (d *Editorial) listView(list string, t survey.Type, form url.Values, known []survey.Variable, problems content.Problems, focus string) listView {
	v := listView{Name: list, say: d.word, AddFocus: focus == list+".add", Label: d.word("staff.builder." + list), Help: d.wordOr("staff.builder." + list + "_help")}
	if t == survey.District {
		v.Help = d.word("staff.builder.districts_help")
	}
	for _, q := range problems {
		if q.Field == list {
			v.Problem = d.p.Words.Say(content.German, q)
		}
	}
	v.Bulk = d.input(list+".lines", d.word("staff.builder.lines"), form, problems)
	v.Bulk.Rows, v.Bulk.Help = "4", d.word("staff.builder.lines_help")
	count := optionCount(form, list)
	for i := range count {
		at := list + "." + strconv.Itoa(i) + "."
		n := strconv.Itoa(i + 1)
		line := lineView{N: i + 1, Name: d.word("staff.builder."+list+"_n", "n", n), Was: form.Get(at + "was"), At: at, First: i == 0, Last: i == count-1}
		line.Code = d.input(at+"code", d.word("staff.item.code"), form, problems)
		line.Text = d.input(at+"text.de", d.word("staff.item.text"), form, problems)
		line.Code.MaxLength = "40"
		if rest, ok := strings.CutPrefix(focus, at); ok {
			line.Focus = rest
		}
		var flags []string
		switch {
		case list == "rows":
			flags = []string{"fixed"}
		case t == survey.SingleChoice:
			flags = []string{"other", "fixed"}
		case t == survey.MultipleChoice:
			flags = []string{"exclusive", "other", "fixed"}
		case t == survey.MatrixMultiple:
			flags = []string{"exclusive", "fixed"}
		case t == survey.Ranking || t == survey.MatrixSingle:
			flags = []string{"fixed"}
		}
		for _, name := range flags {
			f := d.flag(at+name, "staff.item."+name, form, problems)
			line.More = line.More || f.On || f.Problem != ""
			line.Flags = append(line.Flags, f)
		}
		if t == survey.Point {
			place := d.input(at+"place", d.word("staff.item.place"), form, problems)
			line.Place = &place
			line.More = line.More || place.Value != "" || place.Problem != ""
		}
		if withPictures(t) && list == "options" {
			line.Picture = d.pictureView(at, form, problems)
			line.More = line.More || !line.Picture.Open && (line.Picture.Name != "" || line.Picture.File.Problem != "")
		}
		line.Rule = d.ruleView(at+"show_if", d.word("staff.builder.show_option_if"), form, known, problems, 1)
		line.More = line.More || line.Rule.Open
		v.Lines = append(v.Lines, line)
	}
	return v
}

func (d *Editorial) pictureView(at string, form url.Values, problems content.Problems) *pictureView {
	v := pictureView{Name: form.Get(at + pictureName), Hidden: at + pictureName, Open: form.Get("look") == survey.Pictures}
	if !base.IsPictureName(v.Name) {
		v.Name = ""
	}
	v.File = d.input(at+pictureFile, d.word("staff.item.file"), form, problems)
	v.File.Value, v.File.Help = "", d.word("staff.itemhelp.file", "max", upload.MaxBytes>>20)
	if v.Name != "" {
		v.File.Label = d.word("staff.item.file_other")
		v.Remove = d.flag(at+pictureRemove, "staff.item.noimage", form, problems)
	}
	v.Alt = d.input(at+pictureAlt, d.word("staff.item.alt"), form, problems)
	v.Alt.Help, v.Alt.MaxLength = d.word("staff.itemhelp.alt"), "300"
	return &v
}
