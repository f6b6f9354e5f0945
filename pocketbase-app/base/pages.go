package base

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"servicepoint/content"

	"github.com/pocketbase/pocketbase/core"
)

// Marks in the shell page that Hugo renders per language (layouts of package
// site). The server replaces them; in the language links SP_PATH stands for the
// address of the same page without its language prefix.
const (
	ShellTitle = "SP_TITLE"             // inside <title>, escaped text
	ShellMain  = "<!--sp:main-->"       // inside <main id="inhalt">
	ShellPath  = "SP_PATH"              // href="/enSP_PATH", path begins with a slash
	ShellMenu  = "<!--sp:staff-menu-->" // in the header, staff pages only
)

//go:embed templates/*.html
var ownTemplates embed.FS

//go:embed words/*.json
var OwnWords embed.FS // error pages, form parts, staff menu

// Templates are the pages of one matter, each a template set of its own with
// the form parts of this package.
type Templates map[string]*template.Template

// MustTemplates parses templates/*.html of a matter; it panics on a fault,
// which any test of the matter shows. The file templates/form.html is "form"; what
// templates/parts/*.html define can be used in all of them.
func MustTemplates(files fs.FS) Templates {
	parts := template.Must(template.New("").ParseFS(ownTemplates, "templates/*.html"))
	if shared, err := fs.Glob(files, "templates/parts/*.html"); err == nil && len(shared) > 0 {
		parts = template.Must(parts.ParseFS(files, shared...))
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil || len(names) == 0 {
		panic(fmt.Sprint("base: no templates: ", err))
	}
	set := Templates{}
	for _, name := range names {
		own := template.Must(template.Must(parts.Clone()).ParseFS(files, name))
		set[strings.TrimSuffix(path.Base(name), ".html")] = own.Lookup(path.Base(name))
	}
	return set
}

// View is what a template sees: {{.T "key"}} for words, {{.Data.X}} for the
// page's own things, {{template "input" (.Input "email" "case.email" "type" "email")}}
// for a field with its label, value and error.
type View struct {
	Title    string // page title and h1, plain text
	Data     any
	Form     url.Values       // what was sent, to be shown again
	Problems content.Problems // what is wrong with it

	Lang  string // set by Show
	Staff *core.Record
	Path  string // address without language prefix
	words content.Words

	german bool // in no other language
}

// T gives the words for a key in the page's language.
func (v View) T(key string, args ...any) string { return v.words.In(v.Lang, key, args...) }

// Word is T for a key that may have no words; then it gives the other text.
func (v View) Word(key, otherwise string) string {
	if s := v.T(key); s != key {
		return s
	}
	return otherwise
}

// Say gives the sentence of a problem.
func (v View) Say(p content.Problem) string { return v.words.Say(v.Lang, p) }

// URL puts the page's language in front of a path.
func (v View) URL(path string) string { return Prefix(v.Lang) + path }

// FieldLanguage is the button of a form that shows it in another language with what
// was typed; the handler shows the form again when the field was sent.
const FieldLanguage = "sprache"

// Language is a way to the same form in another language.
type Language struct{ Code, Name, Locale, Address string }

// OtherLanguages are those that the page has beside its own, for the part
// "languages" of a form.
func (v View) OtherLanguages() (all []Language) {
	for _, l := range content.Languages {
		if l != v.Lang {
			all = append(all, Language{l, v.words.In(l, "form.this_language"), content.Locale(l), Prefix(l) + v.Path})
		}
	}
	return all
}

// Value is what was sent for a field.
func (v View) Value(field string) string { return v.Form.Get(field) }

// Chosen reports whether a choice was sent for a field.
func (v View) Chosen(field, code string) bool { return slices.Contains(v.Form[field], code) }

// Problem is the sentence of a field's first problem, or "".
func (v View) Problem(field string) string {
	for _, p := range v.Problems {
		if p.Field == field {
			return v.Say(p)
		}
	}
	return ""
}

// Is reports whether the member of staff has a role.
func (v View) Is(role string) bool { return HasRole(v.Staff, role) }

// staffAreas are the places that the staff menu leads to.
var staffAreas = []string{"/redaktion/", "/redaktion/ideen/", "/redaktion/live/", "/redaktion/konten/", "/redaktion/auftraege/", "/redaktion/anbieter/", "/redaktion/geraete/", "/redaktion/termine/", "/schalter/", "/schalter/veranstaltungen/", "/schalter/termine/", "/schalter/aufruf/", "/schalter/umfragen/", "/schalter/telefon/", "/schalter/tablet/", "/planung/", "/konto/passwort/"}

// Area is the address of the staff menu's entry that this page belongs to, or ""
// on pages of citizens.
func (v View) Area() string {
	area := ""
	for _, a := range staffAreas {
		if strings.HasPrefix(v.Path, a) && len(a) > len(area) {
			area = a
		}
	}
	return area
}

// Here marks the menu's entry of the current page.
func (v View) Here(area string) template.HTMLAttr {
	if v.Area() == area {
		return ` aria-current="true"`
	}
	return ""
}

// Field is one form field for the parts "input" and "textarea".
type Field struct {
	Name, Label, Help, Value, Problem string
	Type                              string // of the input, "text" by default
	Autocomplete, InputMode, Lang     string
	Required                          bool
	Min, Max, Step, MaxLength, Rows   string
}

// Input makes a [Field]. label and the option "help" are keys of words (a text
// that is no key stands for itself); other options: type, autocomplete,
// inputmode, lang, required, min, max, step, maxlength, rows, value.
func (v View) Input(name, label string, options ...string) Field {
	f := Field{Name: name, Label: v.T(label), Type: "text", Value: v.Value(name), Problem: v.Problem(name), Rows: "6"}
	for i := 0; i+1 < len(options); i += 2 {
		s := options[i+1]
		switch options[i] {
		case "help":
			f.Help = v.T(s)
		case "type":
			f.Type = s
		case "autocomplete":
			f.Autocomplete = s
		case "inputmode":
			f.InputMode = s
		case "lang":
			f.Lang = s
		case "required":
			f.Required = s != "" && s != "false"
		case "min":
			f.Min = s
		case "max":
			f.Max = s
		case "step":
			f.Step = s
		case "maxlength":
			f.MaxLength = s
		case "rows":
			f.Rows = s
		case "value":
			f.Value = s
		default:
			panic("base: unknown field option " + options[i])
		}
	}
	return f
}

// InWords gives a view the words of the platform, for parts of pages that are
// rendered apart from [Platform.Show].
func (p *Platform) InWords(v View) View {
	v.words = p.Words
	return v
}

// Show answers with a template of a matter in the shell of the live release.
// Dynamic pages are never cached.
func (p *Platform) Show(e *core.RequestEvent, status int, set Templates, name string, v View) error {
	v.Lang, v.Staff, v.words = Lang(e.Request), Staff(e), p.Words
	v.Path = strings.TrimPrefix(e.Request.URL.Path, Prefix(v.Lang))
	v.german = p.german[e.Request.Pattern]
	if v.Form == nil {
		v.Form = url.Values{}
	}
	tpl := set[name]
	if tpl == nil {
		return fmt.Errorf("base: no template %q", name)
	}
	var main bytes.Buffer
	if err := tpl.Execute(&main, v); err != nil {
		return err
	}
	page, err := p.inShell(v, main.String())
	if err != nil {
		return err
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	if e.Response.Header().Get("Referrer-Policy") != "no-referrer" { // of pages whose address is a secret
		e.Response.Header().Set("Referrer-Policy", "same-origin")
	}
	e.Response.Header().Set("Content-Type", "text/html; charset=utf-8")
	e.Response.WriteHeader(status)
	_, err = e.Response.Write([]byte(page))
	return err
}

func (p *Platform) inShell(v View, main string) (string, error) {
	shell, ok := p.Shell(v.Lang)
	if !ok {
		b, err := ownTemplates.ReadFile("templates/shell.html")
		if err != nil {
			return "", err
		}
		shell = strings.ReplaceAll(string(b), "SP_LANG", content.Locale(v.Lang))
	}
	title := v.Title
	if len(v.Problems) > 0 {
		title = v.T("form.error_prefix") + " " + title
	}
	menu := ""
	if v.Staff != nil {
		var b bytes.Buffer
		if err := staffMenu.ExecuteTemplate(&b, "staff-menu.html", v); err != nil {
			return "", err
		}
		menu = b.String()
	}
	path := v.Path
	if v.german || v.Area() != "" || path == "" {
		path = "/" // in German only: the other languages lead home
	}
	return strings.NewReplacer(
		ShellTitle, template.HTMLEscapeString(title),
		ShellMain, main,
		ShellPath, template.HTMLEscapeString(path),
		ShellMenu, menu,
	).Replace(shell), nil
}

var staffMenu = template.Must(template.New("").ParseFS(ownTemplates, "templates/staff-menu.html"))

var errorPages = MustTemplates(ownTemplates)

func (p *Platform) writeErrorPage(e *core.RequestEvent, refusal *Error) error {
	lang := Lang(e.Request)
	data := map[string]any{"Status": refusal.Status, "Text": p.Words.In(lang, "error."+refusal.Code+".text", refusal.Args...)}
	err := p.Show(e, refusal.Status, errorPages, "error", View{
		Title:    p.Words.In(lang, "error."+refusal.Code+".title", refusal.Args...),
		Problems: refusal.Problems,
		Data:     data,
	})
	if err != nil && !e.Written() {
		return e.String(http.StatusInternalServerError, "500")
	}
	return err
}
