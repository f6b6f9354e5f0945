package participation

import (
	"bytes"
	"encoding/base64"
	"html/template"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/citymap"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// sheet is one page of a questionnaire and what is known of its answers: all
// that [Participation.renderItems] needs. It knows no draft, so that previews,
// staff and tablets show the same fields as the citizens' journey.
type sheet struct {
	q        *survey.Questionnaire
	page     int // index
	lang     string
	typed    url.Values       // fields of all pages, right or wrong
	problems content.Problems // to be shown, at the keys of variables
	seed     int
	focus    string // id of the control that takes the focus, "" for none
	live     bool   // every item with its rule, for scripts that know the other pages too
	offline  bool   // nothing that needs the server to answer: no map picture, no uploads, gaps for earlier answers stay
}

// items is a rendered page of questions. The caller puts HTML into a form; a form
// that must be Multipart says so.
type items struct {
	HTML        template.HTML
	Faults      []faultView // for the error summary, in the order of the page
	AnyRequired bool
	Multipart   bool   // there are fields for files
	Buttons     bool   // there are buttons among the items: the form needs a default button before them
	Values      string // JSON of the answers of other pages that rules of this one look at; "" without rules
}

// itemView is one question as the form shows it.
type itemView struct {
	Code, Type, Kind, Look string // Kind: choices, select, matrix, ranking, point, upload, consent, input, textarea, info, value
	ID                     string // of its first control, where the error summary leads
	Name                   string // of the control of a kind that has one
	Text, Help             phrase
	HTML                   template.HTML // of an info
	Required, Hidden       bool
	Rule, Formula          string // JSON; Rule "" when no script can change it
	ValueKind              string // what scripts read: text, list, number, date
	Control                string // radio, checkbox
	Options                []optionView
	Rows                   []rowView
	Ranked, Unranked       []rankView
	Marks                  []optionView // boxes of their own, under the key "code?"
	Files                  []fileView
	Place, Address         *fieldView // of a point
	MinLabel, MaxLabel     phrase
	Value, Problem, Hint   string
	Status                 string // what the last button did
	InputType, InputMode   string
	Autocomplete           string
	Described              string // ids for aria-describedby
	Accept                 string // of uploads
	Room                   bool   // for more uploads
	Map                    bool
}

type optionView struct {
	ID, Code, Name string
	Text           phrase
	End            phrase // what the end of a scale means
	Chosen         bool
	Image          string // address
	Alt            phrase
	Exclusive      bool
	Aside          bool // no answer to the question itself
	Hidden         bool
	Rule           string
	Other          *fieldView // of an option that asks for a text
}

// fieldView is a text beside an option, or one way to tell a point.
type fieldView struct {
	ID, Name, Value, Problem string
	Options                  []optionView
}

// rowView is a row of a matrix. Controls stand in the order of the columns.
type rowView struct {
	ID, Key, Problem string
	Text             phrase
	Controls         []optionView
	Hidden           bool
	Rule             string
}

type rankView struct {
	Code                       string
	Text                       phrase
	Place                      int // from 1; 0: not ranked
	First, Last                bool
	Up, Down, Remove, Add      string // values of the buttons
	UpID, DownID, OffID, AddID string
	Focus                      string // which of its ids takes the focus
}

type fileView struct {
	Name, Remove, ID string
	Number           int
}

// itemsView is what templates/items.html sees.
type itemsView struct {
	Items []itemView
	Focus string
	say   func(key string, args ...any) string
}

// T gives words in the language of the sheet.
func (v itemsView) T(key string, args ...any) string { return v.say(key, args...) }

// Part is what the template of one kind sees.
func (v itemsView) Part(it itemView) partView { return partView{it, v} }

type partView struct {
	itemView
	view itemsView
}

// Beside is a text field beside an option, with its label.
func (p partView) Beside(f *fieldView, label string) besideView {
	return besideView{*f, p.view.say(label)}
}

type besideView struct {
	fieldView
	Label string
}

// MapAddress is the picture of the city. With a place on it, the picture stands
// in the page itself: what somebody chose never becomes part of an address.
func (p partView) MapAddress() template.URL {
	place, ok := parsePlace(p.Value)
	if !ok {
		return mapPath
	}
	var b bytes.Buffer
	if err := citymap.PNG(&b, place); err != nil {
		return mapPath
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()))
}

func (partView) MapWidth() int     { return citymap.Width }
func (partView) MapHeight() int    { return citymap.Height }
func (partView) MapSource() string { return citymap.Attribution }

// parsePlace reads a point as it was typed, right or wrong.
func parsePlace(s string) (p citymap.Place, ok bool) {
	north, east, _ := strings.Cut(s, ",")
	lat, err := strconv.ParseFloat(strings.TrimSpace(north), 64)
	lon, err2 := strconv.ParseFloat(strings.TrimSpace(east), 64)
	return citymap.Place{Latitude: lat, Longitude: lon}, err == nil && err2 == nil && math.Abs(lat) <= 90 && math.Abs(lon) <= 180
}

func (p partView) T(key string, args ...any) string { return p.view.say(key, args...) }

// Focused marks the control that takes the focus.
func (p partView) Focused(id string) template.HTMLAttr {
	if id != "" && id == p.view.Focus {
		return " autofocus"
	}
	return ""
}

// renderItems renders the questions of one page. What routing hides is left out,
// unless a script could show it (or the sheet is live): then it is there, hidden,
// with its rule. The field s-gezeigt names what was shown.
func (pt *Participation) renderItems(s sheet) (items, error) {
	r := &renderer{sheet: s, pt: pt, page: &s.q.Pages[s.page], reading: s.q.Read(s.typed)}
	r.say = func(key string, args ...any) string { return pt.p.Words.In(s.lang, key, args...) }
	r.here = map[string]bool{}
	for i := range r.page.Items {
		r.here[r.page.Items[i].Code] = true
	}
	var out items
	view := itemsView{say: r.say, Focus: s.focus}
	needed := map[string]bool{}
	for _, i := range r.page.Order(s.seed) {
		it := &r.page.Items[i]
		v, ok, err := r.item(i, it)
		if err != nil {
			return items{}, err
		}
		if !ok {
			continue
		}
		view.Items = append(view.Items, v)
		out.AnyRequired = out.AnyRequired || v.Required && !v.Hidden
		out.Multipart = out.Multipart || v.Kind == "upload"
		out.Buttons = out.Buttons || v.Kind == "upload" || v.Kind == "ranking" || v.Map
		if v.Hidden {
			continue
		}
		for _, p := range s.problems {
			if code, _, _ := strings.Cut(p.Field, "."); code == it.Code {
				out.Faults = append(out.Faults, faultView{"#f-" + p.Field, r.asked(it, p.Field).Text, r.asked(it, p.Field).Lang, r.fault(it, p)})
			}
		}
	}
	for _, rule := range r.rules {
		for _, name := range rule.Vars() {
			needed[name] = true
		}
	}
	if len(r.rules) > 0 {
		known := survey.Answers{}
		for name := range needed {
			if value, ok := r.reading.Answers[name]; ok && !r.here[itemOf(name)] {
				known[name] = value
			}
		}
		out.Values = string(known.Canonical())
	}
	var b bytes.Buffer
	if err := templates["items"].Execute(&b, view); err != nil {
		return items{}, err
	}
	out.HTML = template.HTML(b.String())
	return out, nil
}

// itemOf is the code of the item that a key belongs to.
func itemOf(key string) string {
	code, _, _ := strings.Cut(strings.TrimSuffix(key, "?"), ".")
	return code
}

type renderer struct {
	sheet
	pt      *Participation
	page    *survey.Page
	reading survey.Reading
	say     func(key string, args ...any) string
	here    map[string]bool  // codes of the items of this page
	rules   []condition.Expr // that scripts evaluate
}

// text is a text with earlier answers put in; offline, the script does it.
func (r *renderer) text(t content.Text) phrase {
	p := phraseOf(t, r.lang)
	if r.offline {
		return p
	}
	p.Text = r.q.Pipe(p.Text, r.reading.Answers, r.lang, nil)
	return p
}

// rule is the JSON of a condition that scripts must look at, "" when what it
// looks at cannot change on this page.
func (r *renderer) rule(e condition.Expr) string {
	if e.IsZero() || !r.live && !slices.ContainsFunc(e.Vars(), func(name string) bool { return r.here[itemOf(name)] }) {
		return ""
	}
	r.rules = append(r.rules, e)
	return e.String()
}

// visible tells whether something with a rule is shown and whether it is in the
// page at all.
func (r *renderer) visible(e condition.Expr) (shown bool, rule string, there bool) {
	shown, rule = e.Holds(r.reading.Answers), r.rule(e)
	return shown, rule, shown || rule != ""
}

func (r *renderer) value(key string) string {
	if list := r.typed[key]; len(list) > 0 {
		return list[0]
	}
	return ""
}

func (r *renderer) chosen(key, code string) bool { return slices.Contains(r.typed[key], code) }

// marked reports whether a mark was sent, in either of the two ways.
func (r *renderer) marked(key, mark string) bool {
	return r.chosen(key, "?"+mark) || r.chosen(survey.Mark(key), mark)
}

func (r *renderer) problem(it *survey.Item, key string) string {
	for _, p := range r.problems {
		if p.Field == key {
			return r.fault(it, p)
		}
	}
	return ""
}

// asked is the question that a problem's key stands for.
func (r *renderer) asked(it *survey.Item, key string) phrase {
	p := r.text(it.Text)
	if _, part, ok := strings.Cut(key, "."); ok && it.IsMatrix() {
		for _, row := range it.Rows {
			if row.Code == part {
				p.Text += " – " + r.text(row.Text).Text
			}
		}
	}
	return p
}

// fault is the sentence of a problem; nothing is written where one chooses.
func (r *renderer) fault(it *survey.Item, p content.Problem) string {
	return r.pt.sayFault(it, p, r.lang)
}

// sayFault is the sentence of a problem at an item.
func (pt *Participation) sayFault(it *survey.Item, p content.Problem, lang string) string {
	if p.Code == "required" && !strings.HasSuffix(p.Field, "."+survey.PartText) {
		key := ""
		switch it.Type {
		case survey.Consent:
			key = "participation.consent_needed"
		case survey.Point:
			key = "participation.point_needed"
		case survey.Ranking:
			key = "participation.ranking_needed"
		case survey.File, survey.Photo:
			key = "participation.upload_needed"
		case survey.SingleChoice, survey.MultipleChoice, survey.YesNo, survey.Scale, survey.District, survey.MatrixSingle, survey.MatrixMultiple:
			key = "participation.choose_one"
		}
		if key != "" {
			return pt.p.Words.In(lang, key)
		}
	}
	return pt.p.Words.Say(lang, p)
}

// item is the view of item i of the page; false when it is not in the page.
func (r *renderer) item(i int, it *survey.Item) (itemView, bool, error) {
	v := itemView{
		Code: it.Code, Type: string(it.Type), Look: it.Look, ID: "f-" + it.Code, Name: it.Code, Kind: "input", InputType: "text", Autocomplete: "off",
		Text: r.text(it.Text), Help: r.text(it.Help), Required: it.Required, ValueKind: "text",
		Value: r.value(it.Code), Problem: r.problem(it, it.Code),
	}
	if it.Type == survey.Calculated {
		if !r.live && !r.wanted(it.Code) {
			return v, false, nil
		}
		v.Kind, v.Rule, v.Formula = "value", it.ShowIf.String(), it.Formula.String()
		if it.ShowIf.IsZero() {
			v.Rule = ""
		}
		r.rules = append(r.rules, it.ShowIf, it.Formula)
		return v, true, nil
	}
	var there bool
	v.Hidden, v.Rule, there = r.hidden(i, it)
	if !there {
		return v, false, nil
	}
	switch it.Type {
	case survey.Info:
		v.Kind = "info"
		text, used := it.Text.In(r.lang)
		if !r.offline {
			text = r.q.Pipe(text, r.reading.Answers, r.lang, escapeMarkdown)
		}
		html, err := content.Render(text)
		v.HTML, v.Text.Lang = template.HTML(html), foreign(text, used, r.lang)
		return v, true, err
	case survey.SingleChoice, survey.MultipleChoice, survey.YesNo, survey.Scale, survey.District:
		r.choices(&v, it)
	case survey.Consent:
		v.Kind = "consent"
		v.Options = []optionView{{ID: v.ID, Code: "yes", Chosen: r.chosen(it.Code, "yes")}}
	case survey.MatrixSingle, survey.MatrixMultiple:
		r.matrix(&v, it)
	case survey.Ranking:
		r.ranking(&v, it)
	case survey.Point:
		r.point(&v, it)
	case survey.File, survey.Photo:
		r.uploads(&v, it)
	case survey.Number:
		v.InputMode, v.ValueKind = "decimal", "number"
		v.Hint = r.numberHint(it)
	case survey.Date:
		v.Hint, v.ValueKind = r.say("participation.date_hint"), "date"
	case survey.Time:
		v.Hint = r.say("participation.time_hint")
	case survey.Email:
		v.InputType, v.Autocomplete = "email", "email"
	case survey.LongText:
		v.Kind = "textarea"
	case survey.Street:
		v.Hint = r.say("participation.street_hint")
	}
	if it.DontKnow || it.NoAnswer {
		r.marks(&v, it)
	}
	v.Described = describedBy(v)
	return v, true, nil
}

// wanted reports whether a rule of the page looks at a variable.
func (r *renderer) wanted(key string) bool {
	uses := func(e condition.Expr) bool { return slices.Contains(e.Vars(), key) }
	for i := range r.page.Items {
		it := &r.page.Items[i]
		rule := func(o survey.Option) bool { return uses(o.ShowIf) }
		if uses(it.ShowIf) || uses(it.Formula) || slices.ContainsFunc(it.Options, rule) || slices.ContainsFunc(it.Rows, rule) {
			return true
		}
	}
	return false
}

func (r *renderer) hidden(i int, it *survey.Item) (hidden bool, rule string, there bool) {
	rule = r.rule(it.ShowIf)
	shown := it.ShowIf.Holds(r.reading.Answers)
	if state := r.reading.Pages[r.sheet.page]; state.Asked {
		shown = state.Shows(i)
	}
	return !shown, rule, shown || rule != "" || r.live
}

// option is the view of one choice of an item.
func (r *renderer) option(o *survey.Option, key string) (optionView, bool) {
	shown, rule, there := r.visible(o.ShowIf)
	v := optionView{Code: o.Code, Name: key, Text: r.text(o.Text), Chosen: r.chosen(key, o.Code), Exclusive: o.Exclusive, Hidden: !shown, Rule: rule}
	if o.Image != nil {
		v.Image, v.Alt = imagePath(o.Image.Name), r.text(o.Image.Alt)
	}
	return v, there
}

// imagePath is where a picture of an option lies.
func imagePath(name string) string { return "/umfragen/bilder/" + name }

func (r *renderer) choices(v *itemView, it *survey.Item) {
	v.Kind, v.Control = "choices", "radio"
	switch {
	case it.Type == survey.MultipleChoice:
		v.Control, v.ValueKind, v.Hint = "checkbox", "list", r.choicesHint(it)
	case it.Type == survey.District || it.Look == survey.Dropdown:
		v.Kind = "select"
	}
	if it.Type == survey.Scale {
		v.ValueKind, v.MinLabel, v.MaxLabel = "number", r.text(it.MinLabel), r.text(it.MaxLabel)
		steps := it.Steps()
		for i, step := range steps {
			s := strconv.Itoa(step)
			o := optionView{Code: s, Text: phrase{Text: s}, Chosen: r.chosen(it.Code, s)}
			if i == 0 {
				o.End = v.MinLabel
			} else if i == len(steps)-1 {
				o.End = v.MaxLabel
			}
			v.Options = append(v.Options, o)
		}
	}
	if it.Type != survey.Scale {
		all := it.Choices()
		for _, i := range it.Order(r.seed) {
			o, there := r.option(&all[i], it.Code)
			if !there {
				continue
			}
			if all[i].Other && (it.Type == survey.SingleChoice || it.Type == survey.MultipleChoice) {
				key := survey.Key(it.Code, survey.PartText)
				o.Other = &fieldView{ID: "f-" + key, Name: key, Value: r.value(key), Problem: r.problem(it, key)}
			}
			v.Options = append(v.Options, o)
		}
	}
	v.Options = append(v.Options, r.markOptions(it, it.Code)...)
	if v.Control == "radio" && v.Kind == "choices" && !it.Required && !it.NoAnswer { // a radio button cannot be taken back
		v.Options = append(v.Options, optionView{Text: phrase{Text: r.say("participation.skip")}, Aside: true})
	}
	number(v.ID, v.Options)
}

// number gives options their ids; the first one is where the error summary leads.
func number(id string, options []optionView) {
	for i := range options {
		if options[i].ID = id; i > 0 {
			options[i].ID += "-" + strconv.Itoa(i+1)
		}
	}
}

// markOptions are "don't know" and "no answer" where one chooses.
func (r *renderer) markOptions(it *survey.Item, key string) (list []optionView) {
	if it.DontKnow {
		list = append(list, optionView{Code: "?" + survey.DontKnow, Name: key, Text: phrase{Text: r.say("participation.dont_know")}, Chosen: r.marked(key, survey.DontKnow), Exclusive: true, Aside: true})
	}
	if it.NoAnswer {
		list = append(list, optionView{Code: "?" + survey.Declined, Name: key, Text: phrase{Text: r.say("participation.no_answer")}, Chosen: r.marked(key, survey.Declined), Exclusive: true, Aside: true})
	}
	return list
}

// marks adds them as boxes where one writes or ranks.
func (r *renderer) marks(v *itemView, it *survey.Item) {
	switch v.Kind {
	case "choices", "select", "matrix":
		return
	}
	v.Marks = r.markOptions(it, it.Code)
	for i := range v.Marks {
		v.Marks[i].Code = v.Marks[i].Code[1:]
		v.Marks[i].Name = survey.Mark(it.Code)
		v.Marks[i].ID = v.ID + "-m" + strconv.Itoa(i+1)
	}
}

func (r *renderer) matrix(v *itemView, it *survey.Item) {
	v.Kind, v.Control = "matrix", "radio"
	if it.Type == survey.MatrixMultiple {
		v.Control, v.ValueKind, v.Hint = "checkbox", "list", r.choicesHint(it)
	}
	columns := func(key string) (list []optionView) {
		for i := range it.Options {
			if o, there := r.option(&it.Options[i], key); there {
				list = append(list, o)
			}
		}
		list = append(list, r.markOptions(it, key)...)
		if v.Control == "radio" && !it.Required && !it.NoAnswer {
			list = append(list, optionView{Name: key, Text: phrase{Text: r.say("participation.skip_row")}})
		}
		return list
	}
	v.Options = columns("")
	for i := range v.Options {
		v.Options[i].ID = "c-" + it.Code + "-" + strconv.Itoa(i+1)
	}
	for _, i := range it.Order(r.seed) {
		row := &it.Rows[i]
		shown, rule, there := r.visible(row.ShowIf)
		if !there {
			continue
		}
		key := survey.Key(it.Code, row.Code)
		view := rowView{ID: "r-" + key, Key: key, Text: r.text(row.Text), Problem: r.problem(it, key), Controls: columns(key), Hidden: !shown, Rule: rule}
		number("f-"+key, view.Controls)
		v.Rows = append(v.Rows, view)
	}
	v.ID = "" // its rows have them
}

func (r *renderer) ranking(v *itemView, it *survey.Item) {
	v.Kind, v.ValueKind = "ranking", "list"
	v.Hint = r.rankingHint(it)
	ranked := rankedCodes(it, r.typed[it.Code])
	for _, i := range it.Order(r.seed) {
		o := &it.Options[i]
		if !r.live && !o.ShowIf.Holds(r.reading.Answers) {
			continue
		}
		if !slices.Contains(ranked, o.Code) {
			v.Unranked = append(v.Unranked, r.rank(it, o))
		}
	}
	for _, code := range ranked {
		for i := range it.Options {
			if o := &it.Options[i]; o.Code == code && o.ShowIf.Holds(r.reading.Answers) {
				v.Ranked = append(v.Ranked, r.rank(it, o))
			}
		}
	}
	for i := range v.Ranked {
		v.Ranked[i].Place = i + 1
		v.Ranked[i].First, v.Ranked[i].Last = i == 0, i == len(v.Ranked)-1
		if slices.Contains([]string{v.Ranked[i].UpID, v.Ranked[i].DownID, v.Ranked[i].OffID}, r.focus) {
			v.Status = r.say("participation.ranked_now", "answer", v.Ranked[i].Text.Text, "place", i+1, "of", len(v.Ranked))
		}
	}
	for _, o := range v.Unranked {
		if o.AddID == r.focus {
			v.Status = r.say("participation.ranked_no_more", "answer", o.Text.Text)
		}
	}
}

func (r *renderer) rank(it *survey.Item, o *survey.Option) rankView {
	id, value := "r-"+it.Code+"-"+o.Code, ":"+it.Code+":"+o.Code
	return rankView{
		Code: o.Code, Text: r.text(o.Text),
		Up: "hoch" + value, Down: "runter" + value, Remove: "ab" + value, Add: "auf" + value,
		UpID: id + "-hoch", DownID: id + "-runter", OffID: id + "-ab", AddID: id + "-auf",
	}
}

// rankedCodes are the known options among what was sent, each once.
func rankedCodes(it *survey.Item, sent []string) (codes []string) {
	for _, code := range sent {
		known := slices.ContainsFunc(it.Options, func(o survey.Option) bool { return o.Code == code })
		if known && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes
}

func (r *renderer) point(v *itemView, it *survey.Item) {
	v.Kind = "point"
	v.Hint = r.say("participation.point_hint")
	v.Map = !r.offline
	key := survey.Key(it.Code, survey.PartAddress)
	v.Address = &fieldView{ID: "f-" + key, Name: key, Value: r.value(key), Problem: r.problem(it, key)}
	if len(it.Options) > 0 {
		key := survey.Key(it.Code, survey.PartPlace)
		v.Place = &fieldView{ID: "f-" + key, Name: key, Problem: r.problem(it, key)}
		for i := range it.Options {
			if o, there := r.option(&it.Options[i], key); there {
				v.Place.Options = append(v.Place.Options, o)
			}
		}
	}
}

func (r *renderer) uploads(v *itemView, it *survey.Item) {
	v.Kind, v.ValueKind = "upload", "list"
	v.Accept = "image/jpeg,image/png,image/webp"
	v.Hint = r.say("participation.photo_hint", "max", it.Uploads())
	if it.Type == survey.File {
		v.Accept += ",text/plain"
		v.Hint = r.say("participation.file_hint", "max", it.Uploads())
	}
	for i, name := range r.typed[it.Code] {
		if name != "" {
			v.Files = append(v.Files, fileView{Name: name, Number: len(v.Files) + 1, Remove: "weg:" + it.Code + ":" + name, ID: v.ID + "-weg" + strconv.Itoa(i+1)})
		}
	}
	v.Room = len(v.Files) < it.Uploads() && !r.offline
}

func describedBy(v itemView) string {
	var ids []string
	for _, part := range []struct{ mark, text string }{{"h-", v.Help.Text}, {"t-", v.Hint}, {"e-", v.Problem}} {
		if part.text != "" {
			ids = append(ids, part.mark+v.Code)
		}
	}
	return strings.Join(ids, " ")
}

func (r *renderer) choicesHint(it *survey.Item) string {
	switch {
	case it.MinChoices > 1 && it.MaxChoices > 0:
		return r.say("participation.choose_between", "min", it.MinChoices, "max", it.MaxChoices)
	case it.MaxChoices > 0:
		return r.say("participation.choose_at_most", "max", it.MaxChoices)
	case it.MinChoices > 1:
		return r.say("participation.choose_at_least", "min", it.MinChoices)
	}
	return r.say("participation.choose_several")
}

func (r *renderer) rankingHint(it *survey.Item) string {
	hint := r.say("participation.ranking_hint")
	switch {
	case it.MaxChoices > 0 && it.MaxChoices < len(it.Options):
		hint += " " + r.say("participation.choose_at_most", "max", it.MaxChoices)
	case it.MinChoices > 1:
		hint += " " + r.say("participation.choose_at_least", "min", it.MinChoices)
	}
	return hint
}

func (r *renderer) numberHint(it *survey.Item) string {
	unit := ""
	if it.Unit != "" {
		unit = " " + it.Unit
	}
	switch {
	case it.Min != nil && it.Max != nil:
		return r.say("participation.number_between", "min", survey.FormatNumber(*it.Min, r.lang), "max", survey.FormatNumber(*it.Max, r.lang)+unit)
	case it.Unit != "":
		return r.say("participation.number_unit", "unit", it.Unit)
	}
	return ""
}

// escapeMarkdown keeps an answer from being read as Markdown or HTML.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, c := range strings.Join(strings.Fields(s), " ") {
		if c < 0x80 && strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// mapPath is the address of the picture of the city.
const mapPath = "/umfragen/karte.png"
