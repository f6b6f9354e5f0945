package exports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/citymap"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"

	"github.com/xuri/excelize/v2"
)

// The fields that places are counted in: about 550 metres each way in Kassel.
const (
	fieldLatitude  = 0.005
	fieldLongitude = 0.008
)

// leastPlaces is how many places are shown together at least (ADR 0019).
const leastPlaces = 10

// field is a field of the grid in one Ortsbezirk. The zero value is everything
// outside the city.
type field struct {
	district  string // name
	lat, long int    // in fields
}

func fieldOf(answer string) (field, bool) {
	a, b, ok := strings.Cut(answer, ",")
	lat, err := strconv.ParseFloat(a, 64)
	long, err2 := strconv.ParseFloat(b, 64)
	if !ok || err != nil || err2 != nil {
		return field{}, false
	}
	p := citymap.Place{Latitude: lat, Longitude: long}
	d, ok := citymap.DistrictAt(p)
	if !ok {
		return field{}, true
	}
	return field{d.Name, int(math.Floor(lat / fieldLatitude)), int(math.Floor(long / fieldLongitude))}, true
}

// middle is the middle of a field, in degrees.
func (f field) middle() (lat, long float64) {
	round := func(x float64) float64 { return math.Round(x*1e4) / 1e4 }
	return round((float64(f.lat) + 0.5) * fieldLatitude), round((float64(f.long) + 0.5) * fieldLongitude)
}

// placeGroup is what is shown of places: a field, the rest of an Ortsbezirk, or
// all others.
type placeGroup struct {
	district string
	field    *field
	n        int
}

// placeGroups puts fields together until none has fewer than leastPlaces: first
// into the rest of their Ortsbezirk, then into one rest for all, which takes the
// smallest group of others when it is too small itself. Everything is counted
// once. Fewer places than that give no group at all.
func placeGroups(counts map[field]int) []placeGroup {
	var groups []placeGroup
	districts := map[string]int{}
	rest := 0
	for f, n := range counts {
		switch {
		case f == field{}:
			rest += n
		case n >= leastPlaces:
			groups = append(groups, placeGroup{f.district, &f, n})
		default:
			districts[f.district] += n
		}
	}
	for name, n := range districts {
		if n < leastPlaces {
			rest += n
			continue
		}
		groups = append(groups, placeGroup{district: name, n: n})
	}
	order := func(a, b placeGroup) int {
		return cmp.Or(cmp.Compare(a.district, b.district), compareFields(a.field, b.field))
	}
	for rest > 0 && rest < leastPlaces && len(groups) > 0 {
		slices.SortFunc(groups, func(a, b placeGroup) int { return cmp.Or(cmp.Compare(a.n, b.n), order(a, b)) })
		rest += groups[0].n
		groups = groups[1:]
	}
	slices.SortFunc(groups, order)
	if rest >= leastPlaces {
		groups = append(groups, placeGroup{n: rest})
	}
	return groups
}

// compareFields puts the rest of an Ortsbezirk last.
func compareFields(a, b *field) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Or(cmp.Compare(b.lat, a.lat), cmp.Compare(a.long, b.long))
}

// pointsOf are the variables that hold places on the map and may be shown,
// cleared for exact ones or not: they are counted in fields.
func (w *workbook) pointsOf() (list []*tally.Variable) {
	for _, v := range w.merged.Variables() {
		if v.Of.Type == survey.Point && v.Part == "" && (w.survey.Personal || !isPersonal(w.merged, v.Of)) {
			list = append(list, v)
		}
	}
	return list
}

func (w *workbook) takePlaces(r survey.Response) {
	for _, v := range w.points {
		s, ok := r.Answers[v.Key].(string)
		if !ok {
			continue
		}
		if f, ok := fieldOf(s); ok {
			if w.places[v.Key] == nil {
				w.places[v.Key] = map[field]int{}
			}
			w.places[v.Key][f]++
		}
	}
}

func (w *workbook) writePlaces() error {
	if len(w.points) == 0 {
		return nil
	}
	head := []string{"Frage (Code)", "Fragetext", "Ortsbezirk", "Ort", "Breite", "Länge", "Anzahl"}
	widths := []float64{20, 60, 30, 44, 12, 12, 10}
	var rows [][]any
	degrees := func(x float64) any { return excelize.Cell{StyleID: w.styles.degrees, Value: x} }
	for _, v := range w.points {
		row := func(district, what string, lat, long, n any) {
			rows = append(rows, []any{v.Key, w.text(v), district, what, lat, long, n})
		}
		counts := w.places[v.Key]
		groups := placeGroups(counts)
		for _, g := range groups {
			switch {
			case g.field != nil:
				lat, long := g.field.middle()
				row(g.district, "Feld von etwa 550 Metern, Mitte", degrees(lat), degrees(long), g.n)
			case g.district != "":
				row(g.district, "übriger Ortsbezirk", nil, nil, g.n)
			default:
				row("", "alle übrigen und außerhalb von Kassel", nil, nil, g.n)
			}
		}
		if len(groups) == 0 && len(counts) > 0 {
			row("", fmt.Sprintf("weniger als %d Orte auf der Karte", leastPlaces), nil, nil, nil)
		}
		list, ok := w.counter.Figure(survey.Key(v.Of.Code, survey.PartPlace))
		if !ok {
			continue
		}
		for _, s := range list.Shares {
			var lat, long any
			district := ""
			for _, o := range v.Of.Offered {
				if o.Code == s.Code && o.Place != nil {
					lat, long = degrees(o.Place.Latitude), degrees(o.Place.Longitude)
					if d, ok := citymap.DistrictAt(citymap.Place{Latitude: o.Place.Latitude, Longitude: o.Place.Longitude}); ok {
						district = d.Name
					}
				}
			}
			row(district, "aus der Liste: "+s.Label(content.German), lat, long, s.N)
		}
	}
	return w.table(SheetPlaces, "TabelleOrte", head, widths, rows)
}
