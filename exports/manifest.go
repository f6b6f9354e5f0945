package exports

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
)

const publisher = "Stadt Kassel"

// LicenceText is under what single responses are handed out.
const LicenceText = "Einzeldaten der Stadt Kassel, nur zur internen Auswertung für den genannten Zweck. Nicht veröffentlichen und nicht weitergeben. " +
	"Für Veröffentlichungen gibt es die freigegebenen Ergebnisse."

// Filter chooses responses by what every one has. The zero value takes all.
type Filter struct {
	From      string   `json:"from,omitempty"` // first and last day (Berlin, YYYY-MM-DD), both included
	To        string   `json:"to,omitempty"`
	Channels  []string `json:"channels,omitempty"`
	Languages []string `json:"languages,omitempty"`
	Versions  []int    `json:"versions,omitempty"`
}

// IsZero reports whether every response is taken.
func (f Filter) IsZero() bool {
	return f.From == "" && f.To == "" && len(f.Channels) == 0 && len(f.Languages) == 0 && len(f.Versions) == 0
}

// Takes reports whether a response is chosen.
func (f Filter) Takes(r survey.Response) bool {
	return (f.From == "" || r.Day >= f.From) && (f.To == "" || r.Day <= f.To) &&
		(len(f.Channels) == 0 || slices.Contains(f.Channels, r.Channel)) &&
		(len(f.Languages) == 0 || slices.Contains(f.Languages, r.Language)) &&
		(len(f.Versions) == 0 || slices.Contains(f.Versions, r.Version))
}

// String says the filter in German.
func (f Filter) String() string {
	var parts []string
	if f.From != "" {
		parts = append(parts, "ab "+germanDay(f.From))
	}
	if f.To != "" {
		parts = append(parts, "bis "+germanDay(f.To))
	}
	for _, p := range []struct {
		what   string
		values []string
	}{{"Erhebungsweg", f.Channels}, {"Sprache", f.Languages}} {
		if len(p.values) > 0 {
			parts = append(parts, p.what+": "+strings.Join(p.values, ", "))
		}
	}
	if len(f.Versions) > 0 {
		parts = append(parts, "Version: "+list(f.Versions))
	}
	if len(parts) == 0 {
		return "keiner, alle Antworten"
	}
	return strings.Join(parts, "; ")
}

// Manifest says what a package holds. It is the last file of the package.
type Manifest struct {
	Survey   string       `json:"survey"`
	Title    content.Text `json:"title"`
	Program  string       `json:"program"`
	Exported time.Time    `json:"exported"` // when the snapshot was taken, UTC

	Versions []VersionCount `json:"versions"` // all that were published
	From     string         `json:"from"`     // day of the first and of the last response
	To       string         `json:"to"`
	Filter   Filter         `json:"filter"`
	Rows     int            `json:"rows"`
	Channels map[string]int `json:"channels"` // responses by channel

	Columns    []string `json:"columns"`
	LeftOut    LeftOut  `json:"leftOut"`
	Suppressed int      `json:"suppressed"` // cells hidden to protect people: none, these are single responses
	Unplaced   int      `json:"unplaced"`   // answers to questions that no version has; they are in no column

	Purpose string         `json:"purpose,omitempty"` // who may use it, for what, until when
	Licence string         `json:"licence"`
	Files   []ManifestFile `json:"files"`
}

// VersionCount is a version of the questionnaire and how many answered it.
type VersionCount struct {
	Version   int       `json:"version"`
	Opens     time.Time `json:"opens,omitzero"`
	Closes    time.Time `json:"closes,omitzero"`
	Responses int       `json:"responses"`
}

// LeftOut names what is in no file.
type LeftOut struct {
	Personal []string `json:"personal"` // variables that tell who somebody is
	FreeText []string `json:"freeText"` // variables that people write themselves
	Always   []string `json:"always"`   // what nobody gets
}

// ManifestFile is one file of a package.
type ManifestFile struct {
	Name      string `json:"name"`
	Format    string `json:"format"`
	MediaType string `json:"mediaType"`
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"`              // hexadecimal
	Truncated int    `json:"truncated,omitempty"` // texts shortened to what the format can hold
	Replaced  int    `json:"replaced,omitempty"`  // texts with characters that the format cannot hold, now U+FFFD
}

// writeReadme writes LESEMICH.txt.
func (m *Manifest) writeReadme(w io.Writer, chosen []Format) error {
	title := german(m.Title)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	block := func(heading string) {
		line("")
		line("%s", heading)
		line("%s", strings.Repeat("-", len([]rune(heading))))
	}
	line("%s", title)
	line("%s", strings.Repeat("=", len([]rune(title))))
	if m.Purpose != "" {
		line("")
		line("NUR FÜR: %s", m.Purpose)
	}
	line("")
	line("Umfrage:      %s", m.Survey)
	line("Stand:        %s", stamp(m.Exported))
	line("Auswahl:      %s", m.Filter)
	line("Antworten:    %d", m.Rows)
	if m.From != "" {
		line("Zeitraum:     %s bis %s", germanDay(m.From), germanDay(m.To))
	}
	line("Spalten:      %d", len(m.Columns))
	line("Programm:     %s", m.Program)
	block("Versionen des Fragebogens")
	for _, v := range m.Versions {
		line("Version %d: %s; Antworten: %d", v.Version, opened(survey.Questionnaire{Opens: v.Opens, Closes: v.Closes}), v.Responses)
	}
	for _, channel := range slices.Sorted(maps.Keys(m.Channels)) {
		line("%s: %d Antworten", named(channelNames, channel, content.German), m.Channels[channel])
	}
	block("Dateien")
	for _, f := range m.Files {
		line("%s", f.Name)
		for _, c := range chosen {
			if c.Name == f.Format {
				line("    %s", c.Title)
			}
		}
		if f.Truncated > 0 {
			line("    gekürzte Texte: %d", f.Truncated)
		}
		if f.Replaced > 0 {
			line("    Texte mit Zeichen, die das Format nicht halten kann (jetzt U+FFFD): %d", f.Replaced)
		}
	}
	line("manifest.json")
	line("    alle Angaben für Programme, mit Größe und SHA-256 jeder Datei")
	block("Was die Zellen bedeuten")
	line("Jede Zeile ist ein Antwortbogen. Leer heißt: nicht gefragt. ?skipped heißt")
	line("übersprungen, ?dont_know weiß nicht, ?declined keine Angabe.")
	line("Die Zeilen sind nicht nach Eingang geordnet und haben keine Kennung.")
	block("Was fehlt")
	line("Angaben zur Person: %s", leftOut(m.LeftOut.Personal))
	line("Freitexte:          %s", leftOut(m.LeftOut.FreeText))
	if m.Unplaced > 0 {
		line("Antworten auf Fragen, die in keiner Version stehen: %d", m.Unplaced)
	}
	block("Weitergabe")
	line("%s", m.Licence)
	_, err := io.WriteString(w, b.String())
	return err
}

func leftOut(names []string) string {
	if len(names) == 0 {
		return "nichts weggelassen"
	}
	return "weggelassen: " + strings.Join(names, ", ")
}
