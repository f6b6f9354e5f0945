package participation

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/citymap"
	"servicepoint/content/survey"
)

// Buttons of a page's form. Those with a colon work on one item and show the page
// again: code of the item, code of the option.
const (
	actNext     = "weiter"
	actBack     = "zurueck"
	actLater    = "spaeter"  // save and go on later
	actKeep     = "merken"   // autosave by a script: answered 204
	actLanguage = "sprache"  // sprache:en
	actUp       = "hoch"     // hoch:item:option, of a ranking
	actDown     = "runter"   // runter:item:option
	actAdd      = "auf"      // auf:item:option
	actRemove   = "ab"       // ab:item:option
	actUpload   = "laden"    // laden:item: store the files chosen
	actDiscard  = "weg"      // weg:item:name of the upload
	actPoint    = "s-karte:" // a click on the map
)

const later = "spaeter"

// action is what a form's button wants.
type action struct {
	name, code, option string
	x, y               float64 // of a click on the map
}

// readAction finds the button that sent a form; an unknown one is "next".
func readAction(form url.Values) action {
	for key := range form {
		code, ok := strings.CutPrefix(key, fieldMap)
		if !ok {
			continue
		}
		code, ok = strings.CutSuffix(code, ".x")
		x, err := strconv.ParseFloat(form.Get(key), 64)
		y, err2 := strconv.ParseFloat(form.Get(fieldMap+code+".y"), 64)
		if ok && err == nil && err2 == nil {
			return action{name: actPoint, code: code, x: x, y: y}
		}
	}
	name, rest, _ := strings.Cut(form.Get(fieldAction), ":")
	code, option, _ := strings.Cut(rest, ":")
	switch name {
	case actBack, actLater, actKeep:
		return action{name: name}
	case actLanguage:
		if slices.Contains(content.Languages, code) {
			return action{name: name, code: code}
		}
	case actUp, actDown, actAdd, actRemove, actUpload, actDiscard:
		return action{name: name, code: code, option: option}
	}
	return action{name: actNext}
}

// stays reports whether the page comes again.
func (a action) stays() bool {
	switch a.name {
	case actUp, actDown, actAdd, actRemove, actUpload, actDiscard, actPoint:
		return true
	}
	return false
}

// edit does what the button wants with what is typed; it returns the id of the
// control that takes the focus.
func (a action) edit(typed url.Values, page *survey.Page) (focus string) {
	i := slices.IndexFunc(page.Items, func(it survey.Item) bool { return it.Code == a.code })
	if i < 0 {
		return ""
	}
	it := &page.Items[i]
	switch {
	case a.name == actPoint && a.x == 0 && a.y == 0: // the picture was pressed with a key: there is no place
		return "f-" + survey.Key(it.Code, survey.PartAddress)
	case a.name == actPoint && it.Type == survey.Point:
		if place, ok := citymap.At(a.x, a.y); ok {
			typed[it.Code] = []string{place.String()}
		}
		return "f-" + it.Code + "-karte"
	case a.name == actDiscard && (it.Type == survey.File || it.Type == survey.Photo):
		typed[it.Code] = slices.DeleteFunc(typed[it.Code], func(name string) bool { return name == a.option })
		if len(typed[it.Code]) == 0 {
			delete(typed, it.Code)
		}
		return "f-" + it.Code
	case a.name == actUpload:
		return "f-" + it.Code
	case it.Type == survey.Ranking && slices.ContainsFunc(it.Options, func(o survey.Option) bool { return o.Code == a.option }):
		return a.rank(typed, it)
	}
	return ""
}

// rank moves one option of a ranking.
func (a action) rank(typed url.Values, it *survey.Item) (focus string) {
	codes := rankedCodes(it, typed[it.Code])
	at := slices.Index(codes, a.option)
	id := "r-" + it.Code + "-" + a.option + "-"
	last := len(codes) - 1
	focus = id + a.name
	switch {
	case a.name == actAdd && at < 0:
		codes = append(codes, a.option)
		focus = id + actUp
		if len(codes) == 1 {
			focus = id + actRemove
		}
	case a.name == actRemove && at >= 0:
		codes = slices.Delete(codes, at, at+1)
		focus = id + actAdd
	case a.name == actUp && at > 0:
		codes[at-1], codes[at] = codes[at], codes[at-1]
		if at == 1 {
			focus = id + actDown
		}
	case a.name == actDown && at >= 0 && at < last:
		codes[at+1], codes[at] = codes[at], codes[at+1]
		if at == last-1 {
			focus = id + actUp
		}
	}
	if typed[it.Code] = codes; len(codes) == 0 {
		delete(typed, it.Code)
	} else {
		delete(typed, survey.Mark(it.Code))
	}
	return focus
}
