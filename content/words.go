package content

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

//go:embed words/*.json
var ownWords embed.FS

// Words are the fixed sentences of pages and messages: language → key → text.
// Gaps are written {name}. Keys read "matter.what", e.g. "booking.full".
type Words map[string]map[string]string

// LoadWords reads words/<language>.json from every given file system, on top of
// the words of this package (problem sentences, months, weekdays, changes of questionnaires).
// A key given twice or missing in one language is an error.
func LoadWords(sources ...fs.FS) (Words, error) {
	w := Words{}
	for _, src := range append([]fs.FS{ownWords}, sources...) {
		files, err := fs.Glob(src, "words/*.json")
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			b, err := fs.ReadFile(src, file)
			if err != nil {
				return nil, err
			}
			var entries map[string]string
			if err := json.Unmarshal(b, &entries); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			lang := strings.TrimSuffix(strings.TrimPrefix(file, "words/"), ".json")
			if w[lang] == nil {
				w[lang] = map[string]string{}
			}
			for k, v := range entries {
				if _, twice := w[lang][k]; twice {
					return nil, fmt.Errorf("words/%s.json: key %q is given twice", lang, k)
				}
				w[lang][k] = v
			}
		}
	}
	return w, w.complete()
}

// complete reports keys that German has and English or Leichte Sprache lacks, or
// the other way round. Keys of staff pages ("staff.…") are German only.
func (w Words) complete() error {
	all := map[string]bool{}
	for _, entries := range w {
		for k := range entries {
			all[k] = true
		}
	}
	var missing []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		for _, lang := range Languages {
			if _, ok := w[lang][k]; !ok && !(lang != German && strings.HasPrefix(k, "staff.")) {
				missing = append(missing, lang+" "+k)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("words missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// In returns the sentence for a key, German when lang lacks it, the key itself
// when nobody has it. args are pairs of a gap's name and its value.
func (w Words) In(lang, key string, args ...any) string {
	s, ok := w[lang][key]
	if !ok {
		if s, ok = w[German][key]; !ok {
			return key
		}
	}
	for i := 0; i+1 < len(args); i += 2 {
		s = strings.ReplaceAll(s, "{"+args[i].(string)+"}", fmt.Sprint(args[i+1]))
	}
	return s
}

// Say returns the sentence of a problem ("problem." + its code).
func (w Words) Say(lang string, p Problem) string {
	var args []any
	for k, v := range p.Args {
		args = append(args, k, v)
	}
	return w.In(lang, "problem."+p.Code, args...)
}
